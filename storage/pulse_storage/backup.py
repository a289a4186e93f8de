"""Backups of a store by its URL, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pulse_storage.engines import is_postgres
from pulse_storage.errors import StoreUnusable
from pulse_storage.postgres.dump import dump_database
from pulse_storage.sqlite.backup import back_up_file, restore_file
from pulse_storage.sqlite.connection import PAGE_BYTES, sqlite_path

#: Told how many bytes are done, of how many.
NoteBytes = Callable[[int, int], None]


def back_up(url: str, file: Path, *, replace: bool, note: NoteBytes) -> int:
    """Write one consistent state of the store to `file` while it is in use; the file's size in bytes.

    Of PostgreSQL that is what pg_dump writes, and `note` is told nothing. Raises StoreUnusable if the file
    exists and `replace` is not said, and for whatever keeps it from being written or checked.
    """
    if is_postgres(url):
        return dump_database(url, file.expanduser(), replace=replace)
    return back_up_file(sqlite_path(url), file.expanduser(), replace=replace, note=_in_bytes(note))


def restore(file: Path, url: str, *, replace: bool, note: NoteBytes) -> Path | None:
    """Make a copy of a backup the store; where the store that was there lies now, if there was one.

    Raises StoreUnusable if a store is there and `replace` is not said, if it is in use, or if `file` is not
    a whole store that this version can read; for a PostgreSQL store, with the two ways there are.
    """
    if is_postgres(url):
        raise StoreUnusable(
            "a PostgreSQL store is restored by PostgreSQL: make an empty database and run"
            f" pg_restore --no-owner --dbname=… {file}; or copy a SQLite backup into it: pulse copy"
        )
    return restore_file(file.expanduser(), sqlite_path(url), replace=replace, note=_in_bytes(note))


def _in_bytes(note: NoteBytes) -> Callable[[int, int], None]:
    return lambda left, whole: note((whole - left) * PAGE_BYTES, whole * PAGE_BYTES)
