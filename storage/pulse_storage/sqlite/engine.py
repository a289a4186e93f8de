"""SQLite as an engine: stores named by `sqlite:///PATH`."""

from __future__ import annotations

from pulse_storage.runtime.read_priority import RightOfWay
from pulse_storage.sql.storage import SqlStorage
from pulse_storage.sqlite import schema
from pulse_storage.sqlite.connection import open_writer, sqlite_path
from pulse_storage.sqlite.database import SqliteDatabase
from pulse_storage.sqlite.gate import ReadGate
from pulse_storage.sqlite.readers import SqliteReaders


class SqliteEngine:
    """See Engine."""

    def open(self, url: str, *, max_queue_bytes: int) -> SqlStorage:
        """See Engine."""
        path = sqlite_path(url)
        way, gate = RightOfWay(), ReadGate()
        connection = open_writer(path, way)
        try:
            schema.apply_to(connection, path)
        except BaseException:
            connection.close()
            raise
        return SqlStorage(
            SqliteDatabase(connection, path, way, gate),
            SqliteReaders(path, threads=3, way=way, gate=gate),
            SqliteReaders(path, threads=2, way=way, gate=gate),
            SqliteReaders(path, threads=1, gate=gate),
            way=way,
            max_queue_bytes=max_queue_bytes,
        )

    def pending(self, url: str) -> list[str]:
        """See Engine."""
        return schema.pending_in(sqlite_path(url))

    def apply(self, url: str) -> list[str]:
        """See Engine."""
        path = sqlite_path(url)
        connection = open_writer(path)
        try:
            return schema.apply_to(connection, path)
        finally:
            connection.close()

    def doubts(self, url: str) -> list[str]:
        """See Engine: connections that are not durable are refused."""
        return []
