"""The engine of stores with URLs `sqlite:///PATH`: open, migrate, back up, restore, and warnings."""

from __future__ import annotations

from pathlib import Path

from pulse_storage.runtime.files import NoteBytes
from pulse_storage.runtime.read_priority import ReadPriority
from pulse_storage.sql.storage import SqlStorage
from pulse_storage.sqlite import schema
from pulse_storage.sqlite.backup import back_up_file, restore_file
from pulse_storage.sqlite.connection import gives_back_space, open_writer, sqlite_path
from pulse_storage.sqlite.database import SqliteDatabase
from pulse_storage.sqlite.gate import ReadGate
from pulse_storage.sqlite.readers import SqliteReaders


class SqliteEngine:
    """See Engine."""

    def open(self, url: str, *, max_queue_bytes: int, priority: ReadPriority) -> SqlStorage:
        """See Engine."""
        path = sqlite_path(url)
        gate = ReadGate()
        connection = open_writer(path, priority)
        try:
            schema.apply_to(connection, path)
        except BaseException:
            connection.close()
            raise
        return SqlStorage(
            SqliteDatabase(connection, path, priority, gate),
            SqliteReaders(path, threads=3, priority=priority, gate=gate),
            SqliteReaders(path, threads=2, priority=priority, gate=gate),
            SqliteReaders(path, threads=1, gate=gate),
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

    def durability_warnings(self, url: str) -> list[str]:
        """See Engine. There are none: connections that are not durable are refused."""
        return []

    def space_warnings(self, url: str) -> list[str]:
        """See Engine. Files of the first versions of Pulse have no incremental vacuum."""
        path = sqlite_path(url)
        if not path.exists() or gives_back_space(path):
            return []
        return [
            f"{path} keeps the space of deleted data; when writes can wait, run: pulse retention run --vacuum"
        ]

    def back_up(self, url: str, file: Path, *, replace: bool, note: NoteBytes) -> int:
        """See Engine."""
        return back_up_file(sqlite_path(url), file.expanduser(), replace=replace, note=note)

    def restore(self, file: Path, url: str, *, replace: bool, note: NoteBytes) -> Path | None:
        """See Engine."""
        return restore_file(file.expanduser(), sqlite_path(url), replace=replace, note=note)
