"""Opens connections to the store's file, and turns what SQLite raises into our errors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast
from weakref import ref

import apsw

from pulse_storage.errors import QueryTooSlow, StorageError, StoreUnavailable, StoreUnusable
from pulse_storage.runtime.read_priority import ReadPriority
from pulse_storage.sql.connection import SqlDialect, SqlValue
from pulse_storage.sqlite.apsw_connection import ApswConnection
from pulse_storage.sqlite.dialect import SqliteDialect, holds_folded

_MIB = 1 << 20
#: Of a new file. Small pages: a commit writes each page that it changes as a whole, and indexes of trace ids,
#: users and sessions change at random places. Files of older versions keep pages of 16 KiB.
PAGE_BYTES = 4096
#: Files that were made before this was set keep their free pages until they are compacted.
AUTO_VACUUM_INCREMENTAL = 2
BUSY_TIMEOUT_MS = 10_000
#: The log is copied into the file once it is this long, and cut back to it.
WAL_BYTES = 64 * _MIB
_WRITER_CACHE_KIB = 48 * 1024
_READER_CACHE_KIB = 24 * 1024
#: "PULS": the application id of files of Pulse.
APPLICATION_ID = 0x50554C53


#: With more references to cursors, those of freed cursors are removed.
_MAX_CURSORS = 1_000


class _DriverCursor(Protocol):
    def close(self, force: bool, /) -> None: ...


class SqliteConnection(apsw.Connection):
    """A connection of apsw with the methods of `Connection`."""

    dialect: SqlDialect = SqliteDialect()
    _data_version: object = None

    def __init__(self, path: str, *, flags: int) -> None:
        super().__init__(path, flags=flags)
        #: The cursors of the current transaction, some of them freed.
        self._cursors: list[ref[_DriverCursor]] = []

    def execute(self, *arguments: object) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]
        """See Connection."""
        cursor = _driver_execute(self, *arguments)
        self._cursors.append(ref(cursor))
        if len(self._cursors) > _MAX_CURSORS:
            self._cursors = [reference for reference in self._cursors if reference() is not None]
        return cursor

    def close_cursors(self) -> None:
        """Close all cursors of `execute`. Call it before a transaction ends.

        A cursor with rows left, which the traceback of an exception may keep alive, would keep the snapshot
        of its transaction: later transactions would read old rows and could not write.
        """
        cursors, self._cursors = self._cursors, []
        for reference in cursors:
            if (cursor := reference()) is not None:
                cursor.close(True)

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """See Connection."""
        connection = cast("ApswConnection", self)
        connection.execute("SAVEPOINT block")
        try:
            yield
        except self.dialect.data_errors:
            # After any other error, the whole transaction is rolled back.
            connection.execute("ROLLBACK TO block")
            connection.execute("RELEASE block")
            raise
        connection.execute("RELEASE block")

    # A transaction that writes has the whole file for itself.
    def lock_spans(self, spans: Iterable[tuple[int, bytes, str | None, str | None]], /) -> bool:
        """See Connection: SQLite counts the commits of other connections."""
        before, self._data_version = self._data_version, cast("ApswConnection", self).pragma("data_version")
        return self._data_version == before

    def lock_more(self, project: int, trace_ids: Sequence[bytes], /) -> None: ...
    def require_exclusive(self) -> None: ...
    def lock_usage_keys(self) -> None: ...
    def lock_projects(self) -> None: ...


class _WriterConnection(SqliteConnection):
    """The connection that writes; before each statement and each of its rows it yields to reads."""

    priority = ReadPriority()

    def execute(self, *arguments: object) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]
        """See Connection."""
        self.priority.yield_to_readers()
        return super().execute(*arguments)

    def executemany(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, sql: str, rows: Iterable[Sequence[SqlValue]], /
    ) -> object:
        """See Connection."""
        return _driver_executemany(self, sql, self.priority.each(rows))


#: Untyped: the driver's own annotations need a newer Python.
_driver_execute = cast("Callable[..., _DriverCursor]", apsw.Connection.execute)
_driver_executemany = cast("Callable[..., object]", apsw.Connection.executemany)


def sqlite_path(url: str) -> Path:
    """Return the path in a `sqlite:///PATH` URL. Raises StoreUnusable for any other URL."""
    scheme, separator, path = url.partition(":///")
    if scheme != "sqlite" or not separator or not path or path.startswith(":memory:"):
        raise StoreUnusable(
            "the URL of the store (DATABASE_URL, or an argument of the command) names no file; use sqlite:///PATH,"
            " for example sqlite:///pulse.db or sqlite:////var/lib/pulse/pulse.db"
        )
    return Path(path).expanduser()


def open_writer(path: Path, priority: ReadPriority | None = None) -> ApswConnection:
    """Open a connection that writes and checkpoints; create the file if it is missing. Raises StoreUnusable.

    Several processes may have such a connection to the same file: SQLite's locks order their transactions.
    The connection yields to reads before each statement, and between the rows of `executemany`.
    """
    try:
        _create_private(path)
        _refuse_orphaned_log(path)
        writer = _WriterConnection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        writer.priority = priority or ReadPriority()
        connection = cast("ApswConnection", writer)
        _set_up_writer(connection, path)
    except (apsw.Error, OSError) as error:
        raise unusable(path, error) from error
    return connection


def gives_back_space(path: Path) -> bool:
    """Return True if incremental vacuum is enabled in the header of a file, or it is no SQLite file."""
    with path.open("rb") as file:
        header = file.read(100)
    return not header.startswith(b"SQLite format 3\0") or header[64:68] != bytes(4)


def open_reader(path: Path) -> ApswConnection:
    """Open a read-only connection. Raises StoreUnusable."""
    try:
        connection = cast("ApswConnection", SqliteConnection(str(path), flags=apsw.SQLITE_OPEN_READONLY))
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.pragma("cache_size", -_READER_CACHE_KIB)
        connection.pragma("query_only", True)
        connection.create_scalar_function("holds_folded", holds_folded, deterministic=True)
    except apsw.Error as error:
        raise unusable(path, error) from error
    return connection


def unavailable(path: Path, error: Exception) -> StorageError:
    """Our words for what went wrong while the store was in use."""
    match error:
        case StorageError():
            return error
        case apsw.FullError():
            words = "the disk that holds it is full; it goes on by itself once there is space"
        case apsw.BusyError() | apsw.LockedError():
            words = "another process holds its lock"
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            words = "it may not be written; check its owner and that its file system is not read-only"
        case apsw.CorruptError() | apsw.NotADBError():
            words = "it is damaged; stop Pulse and restore a backup"
        case apsw.InterruptError():
            return QueryTooSlow(f"{path}: a query took too long and was cut short")
        case _:
            words = "the operation failed"
    return StoreUnavailable(f"{path}: {words} ({type(error).__name__}: {error})")


def unusable(path: Path, error: Exception) -> StoreUnusable:
    """Our words for why the store cannot be opened."""
    match error:
        case StoreUnusable():
            return error
        case apsw.NotADBError():
            words = "it is not a SQLite database; point DATABASE_URL to another file"
        case apsw.CorruptError():
            words = "it is damaged; restore a backup"
        case apsw.BusyError():
            words = "another process holds its lock; stop that process"
        case apsw.CantOpenError() | apsw.ReadOnlyError() | OSError():
            words = "it cannot be written; check that its directory exists and who owns it"
        case _:
            words = "it cannot be opened"
    return StoreUnusable(f"cannot use {path}: {words} ({type(error).__name__}: {error})")


def _create_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its -wal and -shm files the mode of the database file.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _refuse_orphaned_log(path: Path) -> None:
    """SQLite would delete the log of an empty file, and with it whatever was committed only there."""
    log = path.with_name(path.name + "-wal")
    if path.stat().st_size == 0 and log.exists() and log.stat().st_size > 0:
        raise StoreUnusable(
            f"cannot use {path}: it is empty, but {log.name} in the same folder contains data; "
            "restore a backup, or move both files away to start with an empty store"
        )


def _set_up_writer(connection: ApswConnection, path: Path) -> None:
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    connection.pragma("page_size", PAGE_BYTES)
    # Heard only while the file is empty, as the page size is.
    connection.pragma("auto_vacuum", AUTO_VACUUM_INCREMENTAL)
    switch_to_wal(connection, path)
    connection.pragma("synchronous", "FULL")
    connection.pragma("cache_size", -_WRITER_CACHE_KIB)
    connection.pragma("journal_size_limit", WAL_BYTES)
    # The writer checkpoints by itself, after it has answered those who wait.
    connection.pragma("wal_autocheckpoint", 0)
    connection.pragma("foreign_keys", True)
    # Pages that are split keep no stale copies of their rows, which an erasure could no longer find.
    connection.pragma("secure_delete", "FAST")
    # Temporary b-trees stay in memory: a full temporary directory must not stop the store.
    connection.pragma("temp_store", "MEMORY")
    if connection.pragma("synchronous") != 2:
        raise StoreUnusable(f"cannot use {path}: SQLite did not accept synchronous=FULL")


def switch_to_wal(connection: ApswConnection, path: Path) -> None:
    """Set the journal mode and verify it: on some file systems SQLite silently keeps another.

    SQLite does not wait for locks in this one step, so processes that start together take turns here.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            mode = connection.pragma("journal_mode", "WAL")
            break
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise StoreUnusable(
            f"cannot use {path}: SQLite keeps journal_mode={mode} there instead of WAL; "
            "put the file on a local disk that can be written"
        )
