"""Copies a SQLite store into another file while it is in use, and puts a copy back in place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, cast

import apsw

from pulse_storage.errors import StoreUnusable
from pulse_storage.runtime.files import NoteBytes, new_file
from pulse_storage.sqlite import schema
from pulse_storage.sqlite.apsw_connection import ApswConnection
from pulse_storage.sqlite.connection import BUSY_TIMEOUT_MS, open_reader, unusable

_STEP_BYTES = 16 << 20
_SIGN_IN_TABLES = ("web_session_keys", "web_sessions", "sign_in_tokens")


class _Backup(Protocol):
    """One `apsw.Backup`."""

    remaining: int
    page_count: int

    def step(self, pages: int, /) -> bool: ...
    def finish(self) -> None: ...


class _Target(ApswConnection, Protocol):
    def backup(self, name: str, source: object, source_name: str, /) -> _Backup: ...


def back_up_file(source: Path, target: Path, *, replace: bool, note: NoteBytes) -> int:
    """Write one consistent state of a store to `target` and return its size in bytes.

    The store may be read and written meanwhile: the copy has all that was committed when it began. The
    file appears whole, checked, synced and readable by its owner alone, or not at all. Raises
    StoreUnusable: no such store, `target` exists and `replace` was not said, or it cannot be written.
    """
    if not source.exists():
        raise StoreUnusable(f"cannot back up {source}: there is no such file; DATABASE_URL names the store")
    with new_file(target, replace=replace) as partial:
        _copy(source, partial, note)
        return partial.stat().st_size


def restore_file(backup: Path, target: Path, *, replace: bool, note: NoteBytes) -> Path | None:
    """Make a checked copy of `backup` the store at `target`; where the store that was there lies now.

    A store that is there is only ever moved aside, and only if `replace` is said and no process has it
    open. Raises StoreUnusable: `backup` is no whole store of this version or an older one, or `target`
    cannot be replaced.
    """
    if not backup.is_file():
        raise StoreUnusable(f"cannot restore {backup}: there is no such file")
    if not _is_store(backup):
        raise StoreUnusable(f"cannot restore {backup}: it is empty")
    schema.pending_in(backup)
    occupied = _is_store(target)
    if occupied and not replace:
        raise StoreUnusable(
            f"cannot restore to {target}: a store exists there; use --replace to move it aside, "
            "or choose another file with --database-url or --data-dir"
        )
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with new_file(target, replace=True) as partial:
        _copy(backup, partial, note)
        return _set_aside(target) if occupied else None


def _copy(source: Path, partial: Path, note: NoteBytes) -> None:
    """Copy all pages of one snapshot, then check what was written."""
    reader = open_reader(source)
    target = cast("_Target", apsw.Connection(str(partial)))
    try:
        # The open transaction keeps the snapshot, so that writes do not restart the copy.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        page_bytes = int(str(reader.pragma("page_size")))
        backup = target.backup("main", reader, "main")
        try:
            while not backup.step(_STEP_BYTES // page_bytes):
                done = backup.page_count - backup.remaining
                note(done * page_bytes, backup.page_count * page_bytes)
        finally:
            backup.finish()
        # A copy without a WAL is one file, and is readable in a read-only directory.
        target.pragma("journal_mode", "DELETE")
        found = target.pragma("integrity_check", 1)
        if found != "ok":
            raise StoreUnusable(f"cannot use {source}: it is damaged ({found}); restore an older backup")
        _drop_sign_ins(target)
    except apsw.Error as error:
        raise unusable(source, error) from error
    finally:
        target.close()
        reader.close()


def _drop_sign_ins(target: ApswConnection) -> None:
    """Delete web sessions and sign-in tokens from a copy: sessions that have ended must not come back.

    Older stores do not have these tables.
    """
    for table in _SIGN_IN_TABLES:
        if target.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone() is not None:
            target.execute(f"DELETE FROM {table}")


def _set_aside(target: Path) -> Path:
    """Give the store a second name under which it stays. Raises StoreUnusable if it is in use."""
    connection = cast("ApswConnection", apsw.Connection(str(target)))
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS // 10)
        # In this mode no other process can open the file; closing it checkpoints the WAL into the file.
        connection.pragma("locking_mode", "EXCLUSIVE")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    except apsw.BusyError as error:
        raise StoreUnusable(
            f"cannot restore to {target}: another process has it open; stop Pulse first"
        ) from error
    except apsw.Error:
        # Damaged, which may be why it is replaced: moved aside with its log as it is.
        pass
    finally:
        connection.close()
    aside = target.with_name(f"{target.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    aside.hardlink_to(target)
    for suffix in ("-wal", "-shm"):
        log = target.with_name(target.name + suffix)
        if log.exists():
            log.rename(aside.with_name(aside.name + suffix))
    return aside


def _is_store(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return any(file.exists() and file.stat().st_size > 0 for file in (path, log))
