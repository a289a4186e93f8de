"""Connections to a PostgreSQL database, with the interface of `sql.connection.Connection`."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import LiteralString

import psycopg
from psycopg import conninfo
from psycopg.abc import Buffer
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader
from psycopg.types.string import BytesBinaryDumper

from pulse_storage.errors import StoreUnusable
from pulse_storage.postgres.arrays import register_arrays
from pulse_storage.postgres.dialect import PostgresDialect, bigints
from pulse_storage.postgres.locks import NEXT_TURN, PROJECTS, STORING, USAGE_KEYS, lock_key, response_lock_key
from pulse_storage.postgres.rows import Rows
from pulse_storage.reconciliation.partner_keys import partner_fact
from pulse_storage.runtime.read_priority import ReadPriority
from pulse_storage.sql.connection import SqlDialect, SqlValue, Values

#: A batch that needs more locks takes an exclusive one instead: the server's lock table is limited.
_MAX_LOCKS = 400
#: Each statement must see what other transactions committed before this one got its locks.
_PREPARE_AFTER = 5
_WRITES = "ISOLATION LEVEL READ COMMITTED NOT DEFERRABLE"
_READS = "ISOLATION LEVEL REPEATABLE READ"
#: The format in which bounds of partitions are written and read.
_WRITTEN = "SET standard_conforming_strings = on; SET bytea_output = hex"
#: Parameters that the URL may override. A server that stopped answering is noticed within half a minute.
_DEFAULTS = {
    "connect_timeout": "5",
    "application_name": "pulse",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


#: Excludes all other processes that store, if none does now; returns the turn, else NULL.
_TRY_ALONE = f"SELECT CASE WHEN pg_try_advisory_xact_lock(?) THEN {NEXT_TURN} END"
#: How long (seconds) transactions share `STORING` after another process was found to store.
_SHARE_S = 10.0


class NeedsExclusiveLock(Exception):
    """Another process holds a lock that this transaction needs: run it again with `exclusive=True`."""


def connect(url: str, *, prepares: bool = False, priority: ReadPriority | None = None) -> PostgresConnection:
    """Open a connection. `prepares` allows prepared statements, which are never used through a pooler.

    A pooler may assign another server process to the connection, which may have a statement of the same name
    from another connection, and would execute it without an error. Raises psycopg.Error, and StoreUnusable
    for an invalid URL.
    """
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise StoreUnusable(f"DATABASE_URL cannot be understood: {str(error).strip()}") from None
    defaults = {key: value for key, value in _DEFAULTS.items() if key not in given}
    raw = psycopg.connect(
        conninfo.make_conninfo(url, **defaults, client_encoding="UTF8"),
        autocommit=True,
        prepare_threshold=None,
        cursor_factory=psycopg.RawCursor,
    )
    try:
        raw.execute(_WRITTEN)
        is_ours = prepares and not is_pooled(raw)
        if is_ours:
            raw.prepare_threshold = _PREPARE_AFTER
    except psycopg.Error:
        raw.close()
        raise
    raw.adapters.register_loader("numeric", _SumLoader)
    # Binary COPY uses the dumper of bytea that was registered last. The default one is written in Python.
    raw.adapters.register_dumper(bytes, BytesBinaryDumper)
    # One type for integers of any size, so that a statement is prepared once.
    raw.adapters.register_dumper(int, Int8BinaryDumper)
    register_arrays(raw.adapters)
    return PostgresConnection(raw, is_ours=is_ours, priority=priority)


def is_pooled(raw: psycopg.Connection[Values]) -> bool:
    """Return whether a pooler is in between: the server process is not the one of the handshake."""
    return raw.execute("SELECT pg_backend_pid()").fetchone() != (raw.info.backend_pid,)


def place_of(url: str) -> str:
    """Return a URL with host, port and database only, for messages: without user and password."""
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "the PostgreSQL database"
    host = given.get("host") or given.get("hostaddr") or "localhost"
    port = f":{given['port']}" if given.get("port") else ""
    return f"postgresql://{host}{port}/{given.get('dbname') or ''}"


class _SumLoader(NumericBinaryLoader):
    """Loads sums of bigint, which are numeric, as int."""

    def load(self, data: Buffer) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        return int(super().load(data))


class PostgresConnection:
    """See `sql.connection.Connection`; transactions are begun and ended by methods.

    `is_ours`: no pooler is in between, so settings and prepared statements outlive a transaction. A
    connection that writes yields to reads, before each statement.
    """

    dialect: SqlDialect = PostgresDialect()

    def __init__(
        self, raw: psycopg.Connection[Values], *, is_ours: bool = False, priority: ReadPriority | None = None
    ) -> None:
        self.raw = raw
        self._is_ours = is_ours
        self.priority = priority or ReadPriority()
        #: It keeps its last result, so each transaction has a new one.
        self._cursor = raw.cursor(binary=True)
        self._read_with = ""
        #: False in transactions that exclude all other writers, and in reads.
        self._needs_locks = True
        self._locked: frozenset[int] = frozenset()
        #: The turn of the last transaction that excluded all others from storing; None after any other one.
        self._last_turn: int | None = None
        #: Until this time (monotonic seconds) transactions share `STORING`: another process stores too.
        self._shares_until_s = 0.0

    @property
    def in_transaction(self) -> bool:
        """Return True if a transaction is open or has failed."""
        return self.raw.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def begin(self, mode: LiteralString, settings: LiteralString, *, exclusive: bool = False) -> None:
        """Begin a transaction with settings (`name = value`, separated by semicolons) for itself only.

        The settings are sent with BEGIN, so they also hold behind a pooler. `exclusive` waits until no other
        process stores spans, and excludes them until the transaction ends.
        """
        self._needs_locks = not exclusive
        self._locked = frozenset()
        sets = "".join(f"; SET LOCAL {setting}" for setting in settings.split("; "))
        lock = f"; SELECT pg_advisory_xact_lock({STORING:d}); SELECT {NEXT_TURN}" if exclusive else ""
        self._command(f"BEGIN {mode or _WRITES}{sets}{lock}")

    def begin_reading(self, settings: LiteralString) -> None:
        """Begin a transaction that reads one snapshot, after ending the one before.

        Without a pooler, settings are sent once, and the driver sends BEGIN before the first statement.
        """
        self.end_reading()
        self._needs_locks = False
        if not self._is_ours:
            self.begin(f"{_READS} READ ONLY", settings)
            self._needs_locks = False
            return
        if self._read_with != settings:
            self._command("; ".join(f"SET {setting}" for setting in settings.split("; ")))
            self._read_with = settings
            self.raw.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self.raw.read_only = True
        self.raw.autocommit = False

    def end_reading(self) -> None:
        """End the transaction of `begin_reading`, if one is open."""
        if self.raw.info.transaction_status == TransactionStatus.INERROR:
            self.roll_back()
        else:
            self.commit()

    def commit(self) -> None:
        """Commit the transaction, if one is open."""
        self.raw.commit()
        self._cursor = self.raw.cursor(binary=True)

    def roll_back(self) -> None:
        """Undo the transaction, if one is open.

        The driver discards its prepared statements then.
        """
        self.raw.rollback()
        self._cursor = self.raw.cursor(binary=True)

    def execute(self, sql: str, bindings: Sequence[SqlValue] | None = None, /) -> Rows:
        """See Connection."""
        self.priority.yield_to_readers()
        return Rows(self._cursor.execute(_numbered(sql), _cleaned(bindings or ())))

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """See Connection."""
        with self.raw.transaction():
            yield

    def executemany(self, sql: str, rows: Iterable[Sequence[SqlValue]], /) -> None:
        """See Connection. One round trip for all rows."""
        self._cursor.executemany(_numbered(sql), [_cleaned(row) for row in rows])

    def _command(self, sql: str) -> None:
        """Run one or several statements without bindings, outside the transactions that the driver begins."""
        self.raw.autocommit = True
        self._cursor.execute(sql.encode(), prepare=False, binary=False)

    def lock_spans(self, spans: Iterable[tuple[int, bytes, str | None, str | None]], /) -> bool:
        """See Connection. A process that stores alone takes one lock, which excludes all others."""
        before, self._last_turn = self._last_turn, None
        if not self._needs_locks:
            return False
        if time.monotonic() >= self._shares_until_s:
            self._last_turn = self.execute(_TRY_ALONE, (STORING,)).get
            self._needs_locks = self._last_turn is None
            is_only_writer = before is not None and self._last_turn == before + 1
            if self._last_turn is None or (before is not None and not is_only_writer):
                self._shares_until_s = time.monotonic() + _SHARE_S
            if not self._needs_locks:
                return is_only_writer
        self._lock_each(spans)
        return False

    def _lock_each(self, spans: Iterable[tuple[int, bytes, str | None, str | None]]) -> None:
        keys: set[int] = set()
        for span in spans:
            keys.update(_span_keys(*span))
            if len(keys) > _MAX_LOCKS:
                self.execute(
                    f"SELECT pg_advisory_xact_lock(?)::text UNION ALL SELECT {NEXT_TURN}::text", (STORING,)
                )
                self._needs_locks = False
                return
        # Sorted, so that two processes cannot deadlock.
        self.execute(
            "SELECT pg_advisory_xact_lock_shared(?)::text UNION ALL"
            " SELECT pg_advisory_xact_lock(key)::text FROM unnest(?::bigint[]) AS key UNION ALL"
            f" SELECT {NEXT_TURN}::text",
            (STORING, bigints(sorted(keys))),
        )
        self._locked = frozenset(keys)

    def lock_more(self, project: int, trace_ids: Sequence[bytes], /) -> None:
        """See Connection. Raises NeedsExclusiveLock where it would wait: waiting could deadlock."""
        if not self._needs_locks:
            return
        keys = {lock_key("trace", project, trace_id) for trace_id in trace_ids}
        wanted = sorted(keys - self._locked)
        if len(wanted) > _MAX_LOCKS:
            raise NeedsExclusiveLock
        if wanted:
            got = self.execute(
                "SELECT bool_and(pg_try_advisory_xact_lock(key)) FROM unnest(?::bigint[]) AS key",
                (bigints(wanted),),
            ).get
            if not got:
                raise NeedsExclusiveLock

    def require_exclusive(self) -> None:
        """See Connection."""
        if self._needs_locks:
            raise NeedsExclusiveLock

    def lock_usage_keys(self) -> None:
        """See Connection."""
        self.execute("SELECT pg_advisory_xact_lock(?)", (USAGE_KEYS,))

    def lock_projects(self) -> None:
        """See Connection."""
        self.execute("SELECT pg_advisory_xact_lock(?)", (PROJECTS,))

    def close(self) -> None:
        """Close the connection. May be repeated."""
        self.raw.close()


def _span_keys(
    project: int, trace_id: bytes, response_id: str | None, partner_key: str | None
) -> Iterable[int]:
    yield lock_key("trace", project, trace_id)
    if response_id is not None:
        yield response_lock_key(project, response_id)
    if partner_key is not None:
        # Without the slot of the start: equal for both partners, also in neighbouring slots.
        yield lock_key("partner", project, partner_fact(partner_key).encode(errors="backslashreplace"))


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> bytes:
    """Return the statement with $1, $2, … in place of question marks."""
    first, *rest = sql.split("?")
    return "".join((first, *(f"${number}{part}" for number, part in enumerate(rest, 1)))).encode()


def _cleaned(bindings: Sequence[SqlValue]) -> Sequence[SqlValue]:
    """Return the bindings with NUL, which a PostgreSQL text cannot contain, replaced by U+FFFD."""
    return [
        value.replace("\x00", "\ufffd") if type(value) is str and "\x00" in value else value
        for value in bindings
    ]
