"""The engine of stores with URLs `postgresql://…`: open, migrate, back up, and warn of unsafe settings."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import psycopg
from psycopg import errors

from pulse_storage.errors import StoreUnusable
from pulse_storage.postgres import schema
from pulse_storage.postgres.connection import PostgresConnection, connect, place_of
from pulse_storage.postgres.database import PostgresDatabase
from pulse_storage.postgres.dump import dump_database
from pulse_storage.postgres.partitions import make_partitions_around
from pulse_storage.postgres.readers import PostgresReaders
from pulse_storage.postgres.reconnecting_connection import ConnectBackoff, ReconnectingConnection
from pulse_storage.postgres.translate_errors import unusable
from pulse_storage.runtime.files import NoteBytes
from pulse_storage.runtime.read_priority import ReadPriority
from pulse_storage.sql.storage import SqlStorage

_log = logging.getLogger(__name__)
_OLDEST = 140000


class PostgresEngine:
    """See Engine."""

    def open(self, url: str, *, max_queue_bytes: int, priority: ReadPriority) -> SqlStorage:
        """See Engine."""
        self.apply(url)
        for warning in self.durability_warnings(url):
            _log.warning("%s", warning)
        server = ConnectBackoff(url)
        return SqlStorage(
            PostgresDatabase(ReconnectingConnection(server, priority)),
            PostgresReaders(server, threads=2, priority=priority),
            PostgresReaders(server, threads=2, short=True, priority=priority),
            PostgresReaders(server, threads=1),
            listers=PostgresReaders(server, threads=2, short=True, priority=priority),
            max_queue_bytes=max_queue_bytes,
        )

    def pending(self, url: str) -> list[str]:
        """See Engine."""
        with _Opened(url) as connection:
            return schema.pending_in(connection, place_of(url))

    def apply(self, url: str) -> list[str]:
        """See Engine."""
        place = place_of(url)
        with _Opened(url) as connection:
            _check_server(connection, place)
            applied = schema.apply_to(connection, place)
            try:
                make_partitions_around(connection, time.time_ns())
            except psycopg.errors.LockNotAvailable as error:
                # Existing partitions cover all times, and the writer tries again within an hour.
                _log.warning("%s: could not make partitions for the weeks to come: %s", place, error)
            return applied

    def durability_warnings(self, url: str) -> list[str]:
        """See Engine."""
        with _Opened(url) as connection:
            return _durability_warnings(connection, place_of(url))

    def space_warnings(self, url: str) -> list[str]:
        """See Engine. There are none: the server reuses the space."""
        return []

    def back_up(self, url: str, file: Path, *, replace: bool, note: NoteBytes) -> int:
        """See Engine; runs pg_dump."""
        return dump_database(url, file.expanduser(), replace=replace)

    def restore(self, file: Path, url: str, *, replace: bool, note: NoteBytes) -> Path | None:
        """Raise StoreUnusable: PostgreSQL restores with programs of its own."""
        raise StoreUnusable(
            "a PostgreSQL store is restored by PostgreSQL: make an empty database and run"
            f" pg_restore --no-owner --dbname=… {file}; or copy a SQLite backup into it: pulse copy"
        )


class _Opened:
    """Context manager: opens and closes a connection; errors of the driver become StoreUnusable."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: PostgresConnection | None = None

    def __enter__(self) -> PostgresConnection:
        try:
            self._connection = connect(self._url)
        except psycopg.Error as error:
            raise unusable(place_of(self._url), error) from error
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._connection is not None:
            self._connection.close()
        if isinstance(error, psycopg.Error):
            raise unusable(place_of(self._url), error) from error


def _check_server(connection: PostgresConnection, place: str) -> None:
    """Raise StoreUnusable for a server version, pooler mode or encoding that Pulse does not support."""
    version = connection.raw.info.server_version
    if version < _OLDEST:
        raise StoreUnusable(
            f"cannot use {place}: it is PostgreSQL {version // 10000};"
            f" Pulse needs {_OLDEST // 10000} or newer"
        )
    try:
        connection.begin("READ ONLY", "lock_timeout = 1000")
        connection.roll_back()
    except errors.ProtocolViolation as error:
        raise StoreUnusable(
            f"cannot use {place}: the pooler there has no transactions ({' '.join(str(error).split())});"
            " set its pool_mode to transaction or session, or point DATABASE_URL to the server itself"
        ) from error
    encoding = connection.execute("SHOW server_encoding").get
    if encoding != "UTF8":
        raise StoreUnusable(
            f"cannot use {place}: its encoding is {encoding}; create the database with ENCODING 'UTF8'"
        )


def _durability_warnings(connection: PostgresConnection, place: str) -> list[str]:
    """Return a warning for each setting that is off; `synchronous_commit` is set by each transaction."""
    return [
        f"{place} runs with {setting}=off: a power cut can lose or damage what was acknowledged; turn it on"
        for setting in ("fsync", "full_page_writes")
        if connection.execute(f"SHOW {setting}").get == "off"
    ]
