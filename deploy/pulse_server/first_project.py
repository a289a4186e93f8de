"""The first project of an empty store, `default`, and the key that opens it."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

from pulse_server.arguments import CommandFailed
from pulse_server.settings import API_KEY, Settings
from pulse_storage.adapter import StorageAdapter
from pulse_storage.keys import key_digest, key_record, new_key
from pulse_storage.rows import Project

DEFAULT_PROJECT = "default"


async def ensure_first_project(storage: StorageAdapter, settings: Settings) -> str | None:
    """Give an empty store its first project; return a key that works there, or None if none is known.

    The key is PULSE_API_KEY, else the one in `default.key`, else, for an empty store, a new one that is
    written there *before* the project exists: a crash in between leaves a key that the next start uses.
    Raises CommandFailed if that file is needed and holds something else.
    """
    key_file = settings.data_dir / "default.key"
    if not await storage.list_projects():
        # A store whose projects were all deleted gets none by itself: an old key must not become valid again.
        key = settings.api_key or _read_key(key_file) or _write_key(key_file, new_key())
        now_ns = time.time_ns()
        project = Project(id=str(uuid.uuid4()), name=DEFAULT_PROJECT, created_ns=now_ns)
        await storage.create_first_project(project, key_record(key, project.id, created_ns=now_ns))
    for key in (settings.api_key, _read_key(key_file)):
        if key is not None and await _works(storage, key):
            return key
    return None


async def _works(storage: StorageAdapter, key: str) -> bool:
    record = await storage.key_by_digest(key_digest(key))
    if record is None or record.revoked_ns is not None:
        return False
    return record.expires_ns is None or record.expires_ns > time.time_ns()


def _read_key(path: Path) -> str | None:
    """The key that the file holds; None if it holds none."""
    try:
        text = path.read_text("ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if API_KEY.fullmatch(text) else None


def _write_key(path: Path, key: str) -> str:
    """Keep the key there, whole or not at all; return the one of another server that was faster.

    Raises CommandFailed if the file is there and holds no key.
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
        others = _read_key(path)
        if others is None:
            raise CommandFailed(f"{path} holds no key; move it away and start again") from None
        return others
    finally:
        draft.unlink()
    return key
