"""StorageAdapter: what every store promises to the collector and to the query API.

The promises are numbered in the design (P1–P11); `tests/storage/test_conformance.py` holds each adapter to
them. Adapters do not inherit from this; a typed assignment in the tests proves that they fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol
from uuid import UUID

from pulse_storage.copying import RawStore
from pulse_storage.filters import (
    Analytics,
    AnalyticsQuery,
    Count,
    Page,
    TraceFilter,
    TracePage,
    UnknownUsageModel,
    UnpricedModel,
)
from pulse_storage.maintenance import Maintenance
from pulse_storage.reconciliation.skeletons import ReconcileInputs
from pulse_storage.repricing import PriceSpan, Repriced, RepriceJob
from pulse_storage.rows import Assemble, EventPart, IngestResult, SpanRow, TraceRecord


class StorageAdapter(Protocol):
    """One store. Safe to use from any thread and any event loop.

    Every method may raise `StoreUnavailable`; nothing else but what its own docstring names. A project
    id that does not exist has no rows: reads answer as for an empty project. Nothing is ever read or
    changed outside the project that is given.
    """

    def submit(
        self, rows: Sequence[SpanRow], *, keep_all: bool = False, within_s: float = math.inf
    ) -> Future[IngestResult]:
        """Hand rows to the writer; the future resolves once they are committed and synced to disk (P1).

        Returns at once. Idempotent by (project, OTel trace id, span id): a row that is stored stays as it
        is (P2). The final state does not depend on order, repetition or batching of rows. A row that the
        store cannot hold is rejected alone (P6). When more bytes wait than the settings allow, the future
        fails with `StoreBusy` at once (P5). A call with more rows than one commit takes is stored in several,
        between those of other calls; what is left of it after `within_s` is not stored, and the future fails.
        Spans that are not gen-ai are left out unless their trace has a gen-ai span, stored or in the same
        call, or they name a session, user or tags, which calls that come later inherit; with `keep_all` every
        span is kept.
        """
        ...

    async def ingest(self, rows: Sequence[SpanRow], *, keep_all: bool = False) -> IngestResult:
        """`submit`, awaited. Cancelling the wait does not take the rows back."""
        ...

    async def ingest_events(
        self, project_id: str, parts: Sequence[EventPart], assemble: Assemble
    ) -> IngestResult:
        """Store log events and complete the rows of their spans, whichever came first; then as `submit`.

        Idempotent by digest. `assemble` makes a span's content of all its parts, in the writer's thread. Of
        one span at most `events.MAX_PARTS` are kept; the others are rejected.
        """
        ...

    async def list_traces(self, project_id: str, where: TraceFilter, page: Page) -> TracePage:
        """Rows ordered by start time, without bodies. Raises `InvalidCursor`.

        A page ends before its limit, with a cursor, where texts are too long to fit in memory, and where its
        budget is spent before enough rows were found; each page looks at one row at least.
        Paging by cursor neither repeats nor skips a row that was stored when it began.
        """
        ...

    async def search_traces(self, project_id: str, where: TraceFilter, text: str, page: Page) -> TracePage:
        """`list_traces` of the rows whose content holds this text, any case. Raises `InvalidCursor`.

        Content is the previews, the output text, and every text within the request and response bodies
        (names of fields are none). Rows are looked through in order; `Page.offset` is ignored.
        """
        ...

    async def count_traces(self, project_id: str, where: TraceFilter, *, seconds: float = 0.5) -> Count:
        """How many rows match: exact where rollups can tell, else counted up to a bound and for so long."""
        ...

    async def get_trace(self, project_id: str, trace_id: UUID) -> TraceRecord | None:
        """The row with this visible id, bodies included; None if the project has none."""
        ...

    async def reconcile_inputs(
        self, project_id: str, otel_trace_id: bytes, otel_span_id: bytes | None = None
    ) -> ReconcileInputs:
        """What is looked at to decide which rows of a trace count: `reconcile` of it gives its verdicts.

        `otel_span_id` names the span that matters in a trace too large to be looked at as a whole.
        """
        ...

    async def get_traces(self, project_id: str, trace_ids: Sequence[UUID]) -> list[TraceRecord | None]:
        """The rows with these visible ids in the order given, without bodies; None where there is none.

        Where texts are very long the answer ends early, after one row at least, so that it fits in memory:
        ask again for the rest.
        """
        ...

    async def analytics(self, project_id: str, query: AnalyticsQuery) -> Analytics:
        """Exact sums (percentiles within 4.4 %) over counted rows; empty groups are absent."""
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
        """Price the next calls of a job again, by what each span says itself: `so_far`, and `limit` more.

        Rows, the rows that show another span's cost, and the sums change together, so that a job that is done
        has left what would have been stored at these prices. How far it came is kept with the rows. Where
        the other span is no longer kept, its cost is computed from the row that shows it.
        With `dry_run` nothing is changed.
        """
        ...

    async def repriced_so_far(self, project_id: str, job: RepriceJob) -> Repriced | None:
        """How far this job came before it was interrupted; None if it was not begun, or is done."""
        ...

    async def unpriced_models(self, project_id: str, from_ns: int, before_ns: int) -> list[UnpricedModel]:
        """The models with counted calls in a half-open range that used tokens and have no cost.

        The most called first.
        """
        ...

    async def unknown_usage_models(
        self, project_id: str, from_ns: int, before_ns: int
    ) -> list[UnknownUsageModel]:
        """Return the models with successful counted calls in a half-open range whose tokens are unknown.

        The most called first.
        """
        ...

    async def check_writable(self) -> None:
        """Return if the store takes writes now; else raise `StoreUnavailable` with the reason."""
        ...

    def queue_depth(self) -> tuple[int, int]:
        """Rows and bytes that wait for the writer."""
        ...

    async def close(self) -> None:
        """Commit what waits, then close. Later calls raise `StoreUnavailable`."""
        ...
