"""The writer's end of a SQLite file: transactions, rollbacks, checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import apsw

from pulse_storage.errors import StorageError, StoreUnavailable
from pulse_storage.rows import Assemble, EventPart, IngestResult
from pulse_storage.runtime.read_priority import ReadPriority
from pulse_storage.runtime.writer import WriteRequest
from pulse_storage.sql.maintenance.partitions import PartitionRange, PartitionShare, Table
from pulse_storage.sql.writing.ingest import Ingest
from pulse_storage.sql.writing.write_requests import incoming_rows_of, results_for
from pulse_storage.sqlite.apsw_connection import ApswConnection
from pulse_storage.sqlite.connection import (
    AUTO_VACUUM_INCREMENTAL,
    BUSY_TIMEOUT_MS,
    WAL_BYTES,
    open_writer,
    unavailable,
)
from pulse_storage.sqlite.gate import ReadGate

_Result = TypeVar("_Result")
#: Overlapping reads keep SQLite from restarting the WAL. At this many times its usual length, new
#: reads wait for a moment, in which most reads in progress end.
_LONG_LOG = 4
_IMPATIENT_S = 0.5
#: At this length new reads wait until all reads in progress have ended, which takes ten seconds at most.
_LONGEST_LOG = 16
_PATIENT_S = 15.0
#: Free pages are given back 4 MiB at a time, while they are more than a twentieth of the file.
_GIVE_BACK_BYTES = 4 << 20
_SPARE_BYTES = 16 << 20
_SPARE_SHARE = 20
#: After these errors SQLite's view of the file cannot be trusted (a failed fsync may have lost pages).
_SUSPECT = (apsw.IOError, apsw.CorruptError, apsw.NotADBError)


class SqliteDatabase:
    """One read-write connection. Not safe to share: only the writer's thread uses it."""

    def __init__(
        self,
        connection: ApswConnection,
        path: Path,
        priority: ReadPriority | None = None,
        gate: ReadGate | None = None,
    ) -> None:
        self._priority = priority or ReadPriority()
        self._gate = gate or ReadGate()
        self._path = path
        self._log_pages = 0
        #: Pages of the log when it was last copied.
        self._copied_pages = 0
        self._use(connection)

    def _use(self, connection: ApswConnection) -> None:
        self._connection = connection
        self._page_bytes = int(str(connection.pragma("page_size")))
        self._ingest = Ingest(connection)
        connection.set_wal_hook(self._note_log)

    def _note_log(self, connection: object, name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def store(self, calls: Sequence[WriteRequest]) -> list[IngestResult]:
        """Commit the rows of all calls; what each call becomes."""
        incoming = incoming_rows_of(calls)
        outcomes = self.transact(lambda _: self._ingest.store(incoming))
        return results_for(calls, outcomes)

    def store_events(self, project_id: str, parts: Sequence[EventPart], assemble: Assemble) -> IngestResult:
        """Commit log events and what they change."""
        return self.transact(lambda _: self._ingest.store_events(project_id, parts, assemble))

    def transact(self, write: Callable[[ApswConnection], _Result]) -> _Result:
        """Run and commit, or roll everything back."""
        self._connection.close_cursors()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = write(self._connection)
            self._connection.close_cursors()
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.close_cursors()
            # SQLite has rolled back by itself after some errors, and not after others.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._ingest.forget()
            raise
        return result

    def maintain(self, write: Callable[[ApswConnection, Ingest], _Result], *, secure: bool) -> _Result:
        """`transact`, with what ingest knows of the store; `secure` overwrites what is deleted."""
        if secure:
            self._connection.pragma("secure_delete", True)
        try:
            return self.transact(lambda connection: write(connection, self._ingest))
        finally:
            if secure:
                self._connection.pragma("secure_delete", "FAST")

    def droppable_partitions(self, table: Table) -> list[PartitionRange]:
        """See MaintenanceBackend: none, since one table contains all rows."""
        return []

    def truncate_partition(
        self, part: PartitionRange, shares: Mapping[int, PartitionShare]
    ) -> Mapping[int, int] | None:
        """There are no parts."""
        return None

    def release_free_space(self) -> bool:
        """Shorten the file by a bit, if much of it is free; some is left for the rows that come next."""
        free, pages = (int(str(self._connection.pragma(name))) for name in ("freelist_count", "page_count"))
        if self._connection.pragma("auto_vacuum") != AUTO_VACUUM_INCREMENTAL:
            return False
        if free * self._page_bytes <= _SPARE_BYTES or free < pages // _SPARE_SHARE:
            return False
        give_back_pages = _GIVE_BACK_BYTES // self._page_bytes
        self._connection.execute(f"PRAGMA incremental_vacuum({give_back_pages:d})").fetchall()
        return True

    def compact(self) -> None:
        """Rewrite the file without free pages, such that it can give pages back from then on."""
        self._connection.pragma("auto_vacuum", AUTO_VACUUM_INCREMENTAL)
        self._connection.execute("VACUUM")

    def truncate_wal(self) -> bool:
        """Copy the log into the file and cut it to nothing; False if readers are in the way."""
        with self._gate.shut(_IMPATIENT_S), self._impatient():
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except apsw.BusyError:
                return False
        return True

    def tidy(self) -> None:
        """Checkpoint the WAL each time it has grown by its usual length.

        SQLite then restarts the WAL itself, unless there are readers at all times.
        """
        if self._log_pages < self._copied_pages:
            # It was checkpointed completely and restarted.
            self._copied_pages = 0
        if (self._log_pages - self._copied_pages) * self._page_bytes < WAL_BYTES:
            return
        self._copied_pages = self._log_pages
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        lengths = self._log_pages * self._page_bytes // WAL_BYTES
        if lengths >= _LONG_LOG:
            with self._gate.shut(_PATIENT_S if lengths >= _LONGEST_LOG else _IMPATIENT_S) as no_reader:
                if no_reader:
                    self._restart_wal()

    def _restart_wal(self) -> None:
        with self._impatient():
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)

    def failure(self, error: Exception) -> StorageError:
        """Convert an error to a StorageError; replace the connection if it may be unusable."""
        if isinstance(error, _SUSPECT) or _is_stale(error):
            try:
                self._reopen()
            except StorageError as again:
                return StoreUnavailable(str(again))
        return unavailable(self._path, error)

    def close(self) -> None:
        """Close the connection. Repeating it is harmless. The last connection to a file checkpoints its log.

        ANALYZE is not run: statistics of a small store mislead the planner after the store has grown. Without
        statistics the planner uses the index that a query is written for.
        """
        self._connection.close()

    @contextmanager
    def _impatient(self) -> Generator[None, None, None]:
        """Wait for other connections only for a moment: this can be done later as well."""
        self._connection.set_busy_timeout(round(_IMPATIENT_S * 1000))
        try:
            yield
        finally:
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)

    def _reopen(self) -> None:
        fresh = open_writer(self._path, self._priority)
        self._connection.close()
        self._use(fresh)


def _is_stale(error: Exception) -> bool:
    """Return whether a statement of the connection keeps an old snapshot, which must not be written to."""
    extended = getattr(error, "extendedresult", None)
    return isinstance(error, apsw.BusyError) and extended == apsw.SQLITE_BUSY_SNAPSHOT
