"""StorageAdapter: the contract of every store with the collector and the query API.

Its promises are numbered in the design (P1 to P11). `tests/storage/test_conformance*.py` check them for each
store; `tests/storage/memory` is the shortest implementation. A store does not inherit from the Protocol.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol
from uuid import UUID

from pulse_storage.copying import RawStore
from pulse_storage.maintenance import Maintenance
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
)
from pulse_storage.queries.latencies import Latencies, LatencyQuery
from pulse_storage.queries.received import Received, ReceivedQuery
from pulse_storage.queries.timeseries import Timeseries, TimeseriesQuery
from pulse_storage.queries.trees import MAX_TREE_SPANS, Tree, TreePage
from pulse_storage.reconciliation.skeletons import ReconcileInputs
from pulse_storage.repricing import PriceSpan, Repriced, RepriceJob
from pulse_storage.rows import Assemble, EventPart, IngestResult, SpanRow, TraceRecord


class StorageAdapter(Protocol):
    """The rows of all projects: writes, reads, maintenance and copies. Thread-safe, for any event loop.

    Every method may raise `StoreUnavailable`, and only the other errors that its docstring names. An unknown
    project has no rows: reads return what they return for an empty project. A method reads and changes
    nothing outside of the given project. Times are Unix nanoseconds.
    """

    def submit(
        self, rows: Sequence[SpanRow], *, keep_all: bool = False, within_s: float = math.inf
    ) -> Future[IngestResult]:
        """Enqueue rows for the writer; the future resolves when they are committed and synced to disk (P1).

        Returns at once. Idempotent by (project, OTel trace id, span id): a stored row is not replaced (P2).
        The final state does not depend on order, repetition and batching of rows. A row that the store cannot
        represent is rejected alone (P6). If the queue is full, the future fails with `StoreBusy` at once
        (P5). A call with too many rows for one commit is stored in several, between those of other calls;
        rows that are not committed after `within_s` are not stored, and the future fails.

        Spans that are not gen-ai are left out unless their trace has a gen-ai span, stored or in the same
        call, or unless they have a session, user or tags, which later calls inherit. With `keep_all` every
        span is stored.
        """
        ...

    async def ingest(self, rows: Sequence[SpanRow], *, keep_all: bool = False) -> IngestResult:
        """Call `submit` and wait for the result. Cancelling the wait does not cancel the rows."""
        ...

    async def ingest_events(
        self, project_id: str, parts: Sequence[EventPart], assemble: Assemble
    ) -> IngestResult:
        """Store log events and complete the rows of their spans, in any order of arrival.

        Idempotent by digest. `assemble` returns the content of a span from all its events, in the writer's
        thread. A span keeps at most `rows.MAX_PARTS` events; further ones are rejected.
        """
        ...

    async def list_traces(self, project_id: str, where: TraceFilter, page: Page) -> TracePage:
        """Return the rows that match, ordered by start time or a value, without bodies.

        Raises `InvalidCursor`.

        A page ends before its limit, with a cursor, if its texts do not fit in memory or its budget is spent;
        at least one row was read for it. Pages by cursor neither repeat nor skip a row that was stored when
        the first page was read.

        If `Page.sort` is not `time`, `Page.offset` is ignored, equal values are ordered newest first, and
        unknown values come last in either order. If the budget ends before the range is read, the page is of
        the newest part of the range (`TracePage.complete` is False); the pages of older parts follow, each
        part sorted separately.
        """
        ...

    async def search_traces(self, project_id: str, where: TraceFilter, text: str, page: Page) -> TracePage:
        """Return the rows of `list_traces` whose content contains a text, case-insensitive.

        Content is the previews, the output text and every string value in the request and response bodies,
        without names of fields. `Page.offset` is ignored. Raises `InvalidCursor`.
        """
        ...

    async def count_traces(self, project_id: str, where: TraceFilter, *, seconds: float = 0.5) -> Count:
        """Return how many rows match: exact, or a lower bound after `seconds` or a maximum of rows."""
        ...

    async def facets(self, project_id: str, query: FacetQuery) -> dict[FacetField, Facet]:
        """Return the most frequent values of fields among matching rows, in the order of `query.fields`.

        Counts are exact for fields and filters that rollups contain. Others are counted in the newest rows,
        fewer than `query.newest` if `query.seconds` were over first.
        """
        ...

    async def get_trace(self, project_id: str, trace_id: UUID) -> TraceRecord | None:
        """Return the row with a visible id, with bodies; None if the project has none."""
        ...

    async def get_traces(self, project_id: str, trace_ids: Sequence[UUID]) -> list[TraceRecord | None]:
        """Return the rows with these visible ids in the same order, without bodies; None for unknown ids.

        If their texts do not fit in memory, the list ends after at least one row: request the others again.
        """
        ...

    async def get_span(
        self, project_id: str, otel_trace_id: bytes, otel_span_id: bytes
    ) -> TraceRecord | None:
        """Return the row of a span by its OTel ids, without bodies; None if the project has none."""
        ...

    async def list_trees(self, project_id: str, where: TraceFilter, page: Page) -> TreePage:
        """Return the OTel traces with matching rows, by their first matching row in `Page.order`.

        Totals are over all stored spans of a trace, up to `MAX_TOTALLED_SPANS`. A page ends before its limit,
        with a cursor, if its budget is spent. `Page.offset` is ignored. Raises `InvalidCursor`. Pages by
        cursor neither repeat nor skip a trace that was stored when the first page was read; a trace whose
        spans are stored meanwhile may be skipped if one of them starts between the rows of pages read before.
        """
        ...

    async def get_tree(
        self, project_id: str, otel_trace_id: bytes, *, cursor: str | None = None, limit: int = MAX_TREE_SPANS
    ) -> Tree | None:
        """Return the spans of an OTel trace, at most `limit`; None if none is stored, or none after a cursor.

        Raises `InvalidCursor`.
        """
        ...

    async def reconcile_inputs(
        self, project_id: str, otel_trace_id: bytes, otel_span_id: bytes | None = None
    ) -> ReconcileInputs:
        """Return the inputs of `reconcile` for a trace, which decides the rows that count.

        Of a trace that is too large to be loaded, the inputs are `otel_span_id` and its ancestors.
        """
        ...

    async def analytics(self, project_id: str, query: AnalyticsQuery) -> Analytics:
        """Return sums over counted rows, exact except percentiles (4.4 %); empty groups are omitted."""
        ...

    async def timeseries(self, project_id: str, query: TimeseriesQuery) -> Timeseries:
        """Return sums over counted rows by step of time and series, exact except percentiles (4.4 %)."""
        ...

    async def latencies(self, project_id: str, query: LatencyQuery) -> Latencies:
        """Return histograms of the latency of counted rows by step of time."""
        ...

    async def error_groups(self, project_id: str, query: ErrorQuery) -> ErrorGroups:
        """Return groups of failed rows by type, provider, model and message without values."""
        ...

    async def received(self, project_id: str, query: ReceivedQuery) -> Received:
        """Return the newest span, and how many of the newest traces lack the parent of a span."""
        ...

    @property
    def raw(self) -> RawStore:
        """Return the source and sink of raw rows for copies."""
        ...

    @property
    def maintenance(self) -> Maintenance:
        """Return the store's retention, erasure and compaction."""
        ...

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
        """Price the next `limit` calls of a job from their spans' own values; return `so_far` plus these.

        Rows, the rows that have their cost from another span, and sums change together: a finished job leaves
        what ingest would have stored at these prices. The progress is stored with the rows. If the other span
        is deleted, its cost is computed from the row that has it. With `dry_run` nothing changes.
        """
        ...

    async def repriced_so_far(self, project_id: str, job: RepriceJob) -> Repriced | None:
        """Return the progress of an interrupted job; None if it was not started or is finished."""
        ...

    async def unpriced_models(self, project_id: str, from_ns: int, before_ns: int) -> list[UnpricedModel]:
        """Return the models of counted calls in [from_ns, before_ns) with tokens and without cost.

        Ordered by the number of calls, descending.
        """
        ...

    async def unknown_usage_models(
        self, project_id: str, from_ns: int, before_ns: int
    ) -> list[UnknownUsageModel]:
        """Return the models of successful counted calls in [from_ns, before_ns) with unknown tokens.

        Ordered by the number of calls, descending.
        """
        ...

    async def check_writable(self) -> None:
        """Return if the store accepts writes; otherwise raise `StoreUnavailable` with the reason."""
        ...

    def queue_depth(self) -> tuple[int, int]:
        """Return the number of rows and bytes in the writer's queue."""
        ...

    async def close(self) -> None:
        """Commit the queued rows, then close. Later calls raise `StoreUnavailable`. Idempotent."""
        ...
