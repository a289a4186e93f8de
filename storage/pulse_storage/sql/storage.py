"""SqlStorage: a StorageAdapter and ControlStore with one thread that writes and several that read."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from uuid import UUID

from pulse_storage.ids import decode_cursor, decode_ids
from pulse_storage.queries.error_groups import ErrorGroups, ErrorQuery
from pulse_storage.queries.facets import Facet, FacetField, FacetQuery
from pulse_storage.queries.filters import (
    Analytics,
    AnalyticsQuery,
    Count,
    Page,
    TraceFilter,
    TracePage,
    UnknownUsageModel,
    UnpricedModel,
    UsageSummary,
)
from pulse_storage.queries.latencies import Latencies, LatencyQuery
from pulse_storage.queries.received import Received, ReceivedQuery
from pulse_storage.queries.sorted_pages import SortCursor
from pulse_storage.queries.timeseries import Timeseries, TimeseriesQuery
from pulse_storage.queries.trees import MAX_TREE_SPANS, Tree, TreePage
from pulse_storage.reconciliation.skeletons import ReconcileInputs
from pulse_storage.repricing import PriceSpan, Repriced, RepriceJob
from pulse_storage.rows import Assemble, EventPart, IngestResult, SpanRow, TraceRecord
from pulse_storage.runtime.writer import Writer
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.control import SqlControlStore
from pulse_storage.sql.copy.raw_store import SqlRawStore
from pulse_storage.sql.database import Readers, SqlDatabase
from pulse_storage.sql.maintenance.executor import MaintenanceExecutor
from pulse_storage.sql.maintenance.maintenance import SqlMaintenance
from pulse_storage.sql.reading.analytics import analytics
from pulse_storage.sql.reading.counts import count_rows
from pulse_storage.sql.reading.error_groups import error_groups
from pulse_storage.sql.reading.facets import facets
from pulse_storage.sql.reading.latencies import latencies
from pulse_storage.sql.reading.received import received
from pulse_storage.sql.reading.records import find_record, find_records, find_span, page_of_records
from pulse_storage.sql.reading.search import page_of_found
from pulse_storage.sql.reading.sorted_rows import page_of_sorted
from pulse_storage.sql.reading.timeseries import NO_CALLS, timeseries
from pulse_storage.sql.reading.tree_spans import read_tree
from pulse_storage.sql.reading.trees import page_of_trees
from pulse_storage.sql.reading.unpriced import unknown_usage_models, unpriced_models
from pulse_storage.sql.tables import projects
from pulse_storage.sql.writing.related_spans import reconcile_inputs
from pulse_storage.sql.writing.reprice import mark_of, reprice_some, set_mark

#: `check_writable` writes at most this often, so that probes do not wear the disk.
_CHECK_EVERY_S = 1.0
#: Log events of one commit at most; a call with more takes several, between the commits of other calls.
_COMMIT_EVENTS = 2_000
#: A store that takes longer is not ready for writes.
_CHECK_WITHIN_S = 4.0


class SqlStorage(SqlControlStore):
    """Writes in one thread, reads in pools of threads, so that a slow read delays only reads of its kind.

    `quick_readers` read keys and single rows, `listers` (by default `readers`) lists, `searchers` content,
    `readers` everything else.
    """

    def __init__(
        self,
        database: SqlDatabase,
        readers: Readers,
        quick_readers: Readers,
        searchers: Readers,
        *,
        max_queue_bytes: int,
        listers: Readers | None = None,
    ) -> None:
        super().__init__(database, Writer(database, max_queue_bytes=max_queue_bytes), quick_readers)
        self._readers = readers
        self._searchers = searchers
        self._listers = listers or readers
        self._checked_s: float | None = None
        executor = MaintenanceExecutor(database, self._writer, readers)
        self._maintenance = SqlMaintenance(executor, self)
        self._raw = SqlRawStore(executor)

    @property
    def raw(self) -> SqlRawStore:
        """See StorageAdapter."""
        return self._raw

    @property
    def maintenance(self) -> SqlMaintenance:
        """See StorageAdapter."""
        return self._maintenance

    def submit(
        self, rows: Sequence[SpanRow], *, keep_all: bool = False, within_s: float = math.inf
    ) -> Future[IngestResult]:
        """See StorageAdapter."""
        return self._writer.submit(rows, keep_all=keep_all, within_s=within_s)

    async def ingest(self, rows: Sequence[SpanRow], *, keep_all: bool = False) -> IngestResult:
        """See StorageAdapter."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(rows, keep_all=keep_all)))

    async def ingest_events(
        self, project_id: str, parts: Sequence[EventPart], assemble: Assemble
    ) -> IngestResult:
        """See StorageAdapter."""
        stored: list[tuple[range, IngestResult]] = []
        for start in range(0, max(len(parts), 1), _COMMIT_EVENTS):
            some = parts[start : start + _COMMIT_EVENTS]

            def store(some: Sequence[EventPart] = some) -> IngestResult:
                return self._database.store_events(project_id, some, assemble)

            result = await asyncio.shield(asyncio.wrap_future(self._writer.run(store)))
            stored.append((range(start, start + len(some)), result))
        return IngestResult.combined(stored)

    async def list_traces(self, project_id: str, where: TraceFilter, page: Page) -> TracePage:
        """See StorageAdapter."""
        if page.sort != "time":
            return await self._list_sorted(project_id, where, page)
        if page.cursor is not None:
            decode_cursor(page.cursor)

        def read(connection: Connection, project: int) -> TracePage:
            return page_of_records(connection, project, project_id, where, page)

        return await self._read(project_id, read, TracePage([], None), self._listers)

    async def _list_sorted(self, project_id: str, where: TraceFilter, page: Page) -> TracePage:
        SortCursor.first(page.cursor, page.sort, page.order)

        def read(connection: Connection, project: int) -> TracePage:
            return page_of_sorted(connection, project, project_id, where, page)

        return await self._read(project_id, read, TracePage([], None), self._readers)

    async def search_traces(self, project_id: str, where: TraceFilter, text: str, page: Page) -> TracePage:
        """See StorageAdapter."""
        if page.cursor is not None:
            decode_cursor(page.cursor)
        page = replace(page, offset=0)

        def read(connection: Connection, project: int) -> TracePage:
            return page_of_found(connection, project, project_id, where, text, page)

        return await self._read(project_id, read, TracePage([], None), self._searchers)

    async def count_traces(self, project_id: str, where: TraceFilter, *, seconds: float = 0.5) -> Count:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> Count:
            return count_rows(connection, project, where, seconds)

        return await self._read(project_id, read, Count(0, exact=True), self._readers)

    async def facets(self, project_id: str, query: FacetQuery) -> dict[FacetField, Facet]:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> dict[FacetField, Facet]:
            return facets(connection, project, query)

        return await self._read(project_id, read, {field: Facet([]) for field in query.fields}, self._readers)

    async def get_trace(self, project_id: str, trace_id: UUID) -> TraceRecord | None:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> TraceRecord | None:
            return find_record(connection, project, project_id, trace_id, bodies=True)

        return await self._read(project_id, read, None, self._quick_readers)

    async def get_span(
        self, project_id: str, otel_trace_id: bytes, otel_span_id: bytes
    ) -> TraceRecord | None:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> TraceRecord | None:
            return find_span(connection, project, project_id, otel_trace_id, otel_span_id)

        return await self._read(project_id, read, None, self._quick_readers)

    async def list_trees(self, project_id: str, where: TraceFilter, page: Page) -> TreePage:
        """See StorageAdapter."""
        if page.cursor is not None:
            decode_ids(page.cursor, 2)

        def read(connection: Connection, project: int) -> TreePage:
            return page_of_trees(connection, project, where, page)

        return await self._read(project_id, read, TreePage([], None, is_complete=True), self._listers)

    async def get_tree(
        self, project_id: str, otel_trace_id: bytes, *, cursor: str | None = None, limit: int = MAX_TREE_SPANS
    ) -> Tree | None:
        """See StorageAdapter."""
        if cursor is not None:
            decode_cursor(cursor)

        def read(connection: Connection, project: int) -> Tree | None:
            return read_tree(connection, project, otel_trace_id, cursor, limit)

        return await self._read(project_id, read, None, self._readers)

    async def reconcile_inputs(
        self, project_id: str, otel_trace_id: bytes, otel_span_id: bytes | None = None
    ) -> ReconcileInputs:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> ReconcileInputs:
            return reconcile_inputs(connection, project, otel_trace_id, otel_span_id)

        return await self._read(project_id, read, ReconcileInputs([], [], whole=True), self._readers)

    async def get_traces(self, project_id: str, trace_ids: Sequence[UUID]) -> list[TraceRecord | None]:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> list[TraceRecord | None]:
            return find_records(connection, project, project_id, trace_ids)

        return await self._read(project_id, read, [None] * len(trace_ids), self._quick_readers)

    async def analytics(self, project_id: str, query: AnalyticsQuery) -> Analytics:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> Analytics:
            return analytics(connection, project, query)

        return await self._read(project_id, read, Analytics(UsageSummary(), []), self._readers)

    async def timeseries(self, project_id: str, query: TimeseriesQuery) -> Timeseries:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> Timeseries:
            return timeseries(connection, project, query)

        return await self._read(project_id, read, NO_CALLS, self._readers)

    async def latencies(self, project_id: str, query: LatencyQuery) -> Latencies:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> Latencies:
            return latencies(connection, project, query)

        steps = len(query.edges) - 1
        nothing = Latencies(histograms=[{} for _ in range(steps)], unknown=[0] * steps)
        return await self._read(project_id, read, nothing, self._readers)

    async def error_groups(self, project_id: str, query: ErrorQuery) -> ErrorGroups:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> ErrorGroups:
            return error_groups(connection, project, query)

        return await self._read(project_id, read, ErrorGroups(groups=[]), self._readers)

    async def received(self, project_id: str, query: ReceivedQuery) -> Received:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> Received:
            return received(connection, project, query)

        nothing = Received(newest_ns=None, traces=0, incomplete=0, complete=True)
        return await self._read(project_id, read, nothing, self._readers)

    async def reprice(
        self,
        project_id: str,
        job: RepriceJob,
        price: PriceSpan,
        so_far: Repriced,
        *,
        limit: int = 500,
        dry_run: bool = False,
    ) -> Repriced:
        """See StorageAdapter."""

        def write(connection: Connection) -> Repriced:
            project = projects.project_key(connection, project_id)
            if project is None:
                return replace(so_far, done=True)
            more = reprice_some(
                connection, project, job, price, so_far.position, limit=limit, dry_run=dry_run
            )
            found = so_far.plus(more)
            if not dry_run:
                set_mark(connection, project, job, found)
            return found

        return await self._write(write, None)

    async def repriced_so_far(self, project_id: str, job: RepriceJob) -> Repriced | None:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> Repriced | None:
            return mark_of(connection, project, job)

        return await self._read(project_id, read, None, self._quick_readers)

    async def unpriced_models(self, project_id: str, from_ns: int, before_ns: int) -> list[UnpricedModel]:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> list[UnpricedModel]:
            return unpriced_models(connection, project, from_ns, before_ns)

        return await self._read(project_id, read, [], self._readers)

    async def unknown_usage_models(
        self, project_id: str, from_ns: int, before_ns: int
    ) -> list[UnknownUsageModel]:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> list[UnknownUsageModel]:
            return unknown_usage_models(connection, project, from_ns, before_ns)

        return await self._read(project_id, read, [], self._readers)

    async def check_writable(self) -> None:
        """See StorageAdapter."""
        if self._checked_s is not None and time.monotonic() - self._checked_s < _CHECK_EVERY_S:
            return
        self._checked_s = None
        await self._write(
            lambda connection: connection.execute("UPDATE store_check SET checked_ns = ?", (time.time_ns(),)),
            _CHECK_WITHIN_S,
        )
        self._checked_s = time.monotonic()

    def queue_depth(self) -> tuple[int, int]:
        """See StorageAdapter."""
        return self._writer.depth()

    async def close(self) -> None:
        """See StorageAdapter."""
        self._checked_s = None
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        # The last connection to close clears the log away, and only one that writes can.
        self._readers.close()
        self._quick_readers.close()
        self._searchers.close()
        if self._listers is not self._readers:
            self._listers.close()
        self._database.close()
