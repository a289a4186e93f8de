"""The connection of the writer thread to a PostgreSQL database: transactions, retries, vacuum, partitions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import LiteralString, TypeVar

import psycopg

from pulse_storage.errors import StorageError, StoreUnavailable
from pulse_storage.postgres.connection import NeedsExclusiveLock, PostgresConnection
from pulse_storage.postgres.partition_truncate import droppable_partitions, truncate_partition
from pulse_storage.postgres.partitions import make_partitions_around
from pulse_storage.postgres.reconnecting_connection import ReconnectingConnection
from pulse_storage.postgres.translate_errors import (
    CLASHES,
    DATA_ERRORS,
    LOST_PREPARED_STATEMENTS,
    TOO_LONG,
    is_lost,
    unavailable,
)
from pulse_storage.rows import Assemble, EventPart, IngestResult
from pulse_storage.runtime.writer import WriteRequest
from pulse_storage.sql.maintenance.partitions import PartitionRange, PartitionShare, Table
from pulse_storage.sql.writing.ingest import Ingest
from pulse_storage.sql.writing.write_requests import incoming_rows_of, results_for

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

#: A committed transaction is on the server's disk, whatever the server's defaults are. A cached plan may have
#: been made for an empty partition, so plans must use indexes regardless of statistics.
_SETTINGS = (
    "synchronous_commit = on; lock_timeout = 10000; statement_timeout = 60000;"
    " idle_in_transaction_session_timeout = 60000; enable_seqscan = off; jit = off"
)
#: Transactions that store spans take their turn with their locks; a trigger takes it for all others.
STORING_SETTINGS = f"{_SETTINGS}; pulse.takes_turn = on"
_MAX_ATTEMPTS = 3
_VACUUMED = ("span_bodies", "spans", "span_events", "span_event_contents", "content_blocks", "content_parts")
_PARTITION_EVERY_S = 3600.0
_ANALYZE_EVERY_ROWS = 5_000
#: Tables that have rows but no statistics.
_UNKNOWN_TABLES = (
    "SELECT oid::regclass::text FROM pg_class WHERE reltuples <= 0 AND relkind = 'r'"
    " AND pg_relation_size(oid) > 0 AND (oid IN ('usage_keys'::regclass, 'rollup_hour'::regclass,"
    " 'latency_day'::regclass) OR oid IN (SELECT inhrelid FROM pg_inherits"
    " WHERE inhparent IN ('spans'::regclass, 'span_bodies'::regclass)))"
)


class PostgresDatabase:
    """The writing connection, which is replaced when it is lost. Only the writer thread uses it."""

    def __init__(self, link: ReconnectingConnection) -> None:
        self._link = link
        self._partitioned_s = time.monotonic()
        self._unanalyzed_rows = 0
        self._ingest: Ingest | None = None
        self._ingests_through: PostgresConnection | None = None

    def store(self, calls: Sequence[WriteRequest]) -> list[IngestResult]:
        """Commit the rows of all calls; return the result of each call."""
        incoming = incoming_rows_of(calls)
        # Storing the same rows again changes nothing, so a commit with an unknown result may be repeated.
        try:
            outcomes = self._transact(lambda _, ingest: ingest.store_together(incoming), repeatable=True)
        except DATA_ERRORS:
            outcomes = self._transact(lambda _, ingest: ingest.store(incoming), repeatable=True)
        self._unanalyzed_rows += len(incoming)
        return results_for(calls, outcomes)

    def store_events(self, project_id: str, parts: Sequence[EventPart], assemble: Assemble) -> IngestResult:
        """Commit log events and the changes that they make to rows."""
        return self._transact(
            lambda _, ingest: ingest.store_events(project_id, parts, assemble), repeatable=True
        )

    def transact(self, write: Callable[[PostgresConnection], _Result]) -> _Result:
        """Run `write` in a transaction and commit; roll back if it raises."""
        return self._transact(lambda connection, _: write(connection), repeatable=False, settings=_SETTINGS)

    def maintain(self, write: Callable[[PostgresConnection, Ingest], _Result], *, secure: bool) -> _Result:
        """Run `write` as `transact` does, with the ingest object, while no other process stores spans.

        `secure` has no effect: the server does not overwrite deleted rows, see `truncate_wal`.
        """
        return self._transact(write, repeatable=False, exclusive=True)

    def droppable_partitions(self, table: Table) -> list[PartitionRange]:
        """Return the partitions with an upper bound that have rows or unreleased space."""
        return self._transact(
            lambda connection, _: droppable_partitions(connection, table), repeatable=True, settings=_SETTINGS
        )

    def truncate_partition(
        self, part: PartitionRange, shares: Mapping[int, PartitionShare]
    ) -> Mapping[int, int] | None:
        """See MaintenanceBackend; returns None also if another transaction keeps it locked."""

        def write(connection: PostgresConnection, _: Ingest) -> Mapping[int, int] | None:
            return truncate_partition(connection, part, shares)

        try:
            return self._transact(write, repeatable=False, exclusive=True)
        except TOO_LONG as error:
            _log.info("a partition is not emptied at once but row by row: %s", error)
            return None

    def release_free_space(self) -> bool:
        """Do nothing and return False: the server's autovacuum releases space."""
        return False

    def compact(self) -> None:
        """Vacuum, so that the server reuses the space of deleted rows. VACUUM FULL would lock the tables."""
        self._vacuum()

    def truncate_wal(self) -> bool:
        """Vacuum, which removes deleted rows. The server recycles its WAL itself."""
        self._vacuum()
        return True

    def tidy(self) -> None:
        """Create partitions for the coming weeks once an hour, and analyze new tables."""
        if self._unanalyzed_rows >= _ANALYZE_EVERY_ROWS:
            self._unanalyzed_rows = 0
            self._analyze_new_tables()
        if time.monotonic() - self._partitioned_s < _PARTITION_EVERY_S:
            return
        self._partitioned_s = time.monotonic()
        make_partitions_around(self._link.connection(), time.time_ns())

    def failure(self, error: Exception) -> StorageError:
        """Return a StorageError for an error of the driver."""
        return unavailable(self._link.server.place, error)

    def close(self) -> None:
        """Close the connection. May be repeated."""
        self._link.drop()

    def _transact(
        self,
        write: Callable[[PostgresConnection, Ingest], _Result],
        *,
        repeatable: bool,
        exclusive: bool = False,
        settings: LiteralString = STORING_SETTINGS,
    ) -> _Result:
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            connection = self._link.connection()
            committing = False
            try:
                connection.begin("", settings, exclusive=exclusive)
                result = write(connection, self._ingest_through(connection))
                committing = True
                connection.commit()
            except NeedsExclusiveLock:
                self._undo(connection)
                exclusive = True
            except LOST_PREPARED_STATEMENTS:
                self._undo(connection)
                self._link.stop_preparing()
            except psycopg.Error as error:
                self._undo(connection)
                again = isinstance(error, CLASHES) or (is_lost(error) and (repeatable or not committing))
                if not again or attempt == _MAX_ATTEMPTS:
                    raise
            except BaseException:
                self._undo(connection)
                raise
            else:
                return result
        raise StoreUnavailable(f"{self._link.server.place}: it refuses to work with this connection")

    def _analyze_new_tables(self) -> None:
        """Analyze tables without statistics: lists would sort whole projects until autovacuum runs."""
        connection = self._link.connection()
        for (name,) in connection.execute(_UNKNOWN_TABLES).fetchall():
            connection.execute(f"ANALYZE {name}")

    def _vacuum(self) -> None:
        """Vacuum one table after another, so that each is locked only briefly."""
        connection = self._link.connection()
        for table in _VACUUMED:
            connection.execute(f"VACUUM {table}")

    def _undo(self, connection: PostgresConnection) -> None:
        """Roll back, and clear what ingest remembers. A connection that cannot roll back is replaced."""
        if self._ingest is not None:
            self._ingest.forget()
        try:
            connection.roll_back()
        except psycopg.Error:
            self._link.drop()

    def _ingest_through(self, connection: PostgresConnection) -> Ingest:
        if self._ingest is None or self._ingests_through is not connection:
            self._ingest, self._ingests_through = Ingest(connection), connection
        return self._ingest
