"""Create the first project of an empty store, `default`, and its API key."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

from pulse_server.arguments import CommandFailed
from pulse_server.setting_values import API_KEY
from pulse_server.settings import Settings
from pulse_storage.control_store import ControlStore
from pulse_storage.keys import key_digest, key_record, new_key
from pulse_storage.rows import Project

DEFAULT_PROJECT = "default"


async def ensure_first_project(storage: ControlStore, settings: Settings) -> str | None:
    """Create the project `default` in a store that never had one; return a valid key of the store, or None.

    The key is PULSE_API_KEY, else the one in the file `default.key`, else, for an empty store, a new one that
    is written to that file *before* the project is created: after a crash in between, the next start uses
    it. Raises CommandFailed if the file is needed and does not contain a key.
    """
    key_file = settings.data_dir / "default.key"
    if not await storage.list_projects():
        # create_first_project does nothing in a store whose projects were deleted: an old key must not become
        # valid again.
        key = settings.api_key or _read_key(key_file) or _write_key(key_file, new_key())
        now_ns = time.time_ns()
        project = Project(id=str(uuid.uuid4()), name=DEFAULT_PROJECT, created_ns=now_ns)
        await storage.create_first_project(project, key_record(key, project.id, created_ns=now_ns))
    for key in (settings.api_key, _read_key(key_file)):
        if key is not None and await _is_valid(storage, key):
            return key
    return None


async def _is_valid(storage: ControlStore, key: str) -> bool:
    record = await storage.key_by_digest(key_digest(key))
    if record is None or record.revoked_ns is not None:
        return False
    return record.expires_ns is None or record.expires_ns > time.time_ns()


def _read_key(path: Path) -> str | None:
    """Return the key in the file; None if the file is missing or contains anything else."""
    try:
        text = path.read_text("ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if API_KEY.fullmatch(text) else None


def _write_key(path: Path, key: str) -> str:
    """Write the key to the file atomically and return it; if the file exists, return the key in the file.

    The file exists if another process has written it since. Raises CommandFailed if it contains no key.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.{uuid.uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, f"{key}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        existing = _read_key(path)
        if existing is None:
            raise CommandFailed(f"{path} contains no API key; move it away and start again") from None
        return existing
    finally:
        draft.unlink()
    return key
