"""Opens a SQLite file as a StorageAdapter."""

from __future__ import annotations

from pathlib import Path

from pulse_storage import migrate
from pulse_storage.sql.storage import SqlStorage
from pulse_storage.sqlite.connection import open_writer
from pulse_storage.sqlite.database import SqliteDatabase
from pulse_storage.sqlite.readers import SqliteReaders


def open_sqlite(path: Path, *, max_queue_bytes: int) -> SqlStorage:
    """The store in one file: made if there is none, its schema brought up to date. Raises StoreUnusable."""
    connection = open_writer(path)
    try:
        migrate.apply_to(connection, path)
    except BaseException:
        connection.close()
        raise
    return SqlStorage(
        SqliteDatabase(connection, path),
        SqliteReaders(path, threads=3),
        SqliteReaders(path, threads=2),
        SqliteReaders(path, threads=1),
        max_queue_bytes=max_queue_bytes,
    )
