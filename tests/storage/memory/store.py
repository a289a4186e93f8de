"""MemoryStore: a StorageAdapter and ControlStore that keeps everything in Python objects.

It shows what the contract asks of a store, at the least expense: no transactions (a method without an await
is one), no indexes, no rollups. It promises all but durability: rows are gone when the last store is closed.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from uuid import UUID

from tests.storage.memory.control import Memory, MemoryControl
from tests.storage.memory.maintenance import MemoryMaintenance
from tests.storage.memory.raw import MemoryRaw
from tests.storage.memory.reprice import reprice
from tests.storage.memory.rows import Rows
from tests.storage.model import facet, grouped, in_query, matching, summary

from pulse_storage import IngestResult, SpanRow, StoreUnavailable, TraceRecord
from pulse_storage.content.search import Needle
from pulse_storage.ids import decode_cursor, encode_cursor
from pulse_storage.queries.facets import Facet, FacetField, FacetQuery
from pulse_storage.queries.filters import (
    Analytics,
    AnalyticsGroup,
    AnalyticsQuery,
    Count,
    Page,
    TraceFilter,
    TracePage,
    UnknownUsageModel,
    UnpricedModel,
    UsageSummary,
)
from pulse_storage.reconciliation.skeletons import ReconcileInputs
from pulse_storage.repricing import PriceSpan, Repriced, RepriceJob
from pulse_storage.rows import Assemble, EventPart

#: Texts of one page; rows after them are left to the next page.
_PAGE_TEXT_CHARS = 16 << 20
#: Rows that a search reads before it looks at the clock.
_ROWS_A_LOOK = 256
_ROLLUP_FILTERS = ("provider", "model", "status", "operation")
_BY_ROLLUP = ("day", "hour", "model", "provider")


class MemoryStore(MemoryControl):
    """One open store of a folder."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.maintenance = MemoryMaintenance(self)
        self.raw = MemoryRaw(self)

    def submit(
        self, rows: Sequence[SpanRow], *, keep_all: bool = False, within_s: float = math.inf
    ) -> Future[IngestResult]:
        future: Future[IngestResult] = Future()
        try:
            future.set_result(self._store(rows, keep_all))
        except TypeError as error:
            future.set_exception(StoreUnavailable(str(error)))
        return future

    def _store(self, rows: Sequence[SpanRow], keep_all: bool) -> IngestResult:
        self._check_open()
        by_project: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            by_project.setdefault(row.project_id, []).append(index)
        stored: list[tuple[list[int], IngestResult]] = []
        for project_id, indexes in by_project.items():
            data, some = self._find(project_id), [rows[index] for index in indexes]
            stored.append(
                (indexes, _refused(some) if data is None else data.rows.add(some, keep_all=keep_all))
            )
        return IngestResult.combined(stored)

    async def ingest(self, rows: Sequence[SpanRow], *, keep_all: bool = False) -> IngestResult:
        result = self.submit(rows, keep_all=keep_all)
        await asyncio.sleep(0)
        return result.result()

    async def ingest_events(
        self, project_id: str, parts: Sequence[EventPart], assemble: Assemble
    ) -> IngestResult:
        data = self._find(project_id)
        if data is None:
            return _refused(parts)
        return data.rows.add_events(parts, assemble)

    async def list_traces(self, project_id: str, where: TraceFilter, page: Page) -> TracePage:
        await asyncio.sleep(0)  # as any store, it lets other tasks run
        return self._page(project_id, page, lambda row: bool(matching([row], where)), _ROWS_A_LOOK)

    async def search_traces(self, project_id: str, where: TraceFilter, text: str, page: Page) -> TracePage:
        needle, left_bytes = Needle(text), page.budget.content_bytes

        def contains(row: TraceRecord) -> bool:
            nonlocal left_bytes
            texts = [row.input_preview, row.output_preview, row.output_text]
            documents = [row.request_body, row.response_body]
            left_bytes -= sum(len(each) for each in (*texts, *documents) if each is not None)
            return bool(matching([row], where)) and (
                any(needle.in_text(each.encode()) for each in texts if each is not None)
                or any(needle.in_document(each) for each in documents if each is not None)
            )

        return self._page(project_id, replace(page, offset=0), contains, 1, lambda: left_bytes < 0)

    def _page(
        self,
        project_id: str,
        page: Page,
        is_wanted: Callable[[TraceRecord], bool],
        look_every: int,
        is_read: Callable[[], bool] = lambda: False,
    ) -> TracePage:
        """Return the wanted rows behind the cursor; the budget is checked every `look_every` rows."""
        after = None if page.cursor is None else decode_cursor(page.cursor)
        rows, is_ascending = self._rows(project_id), page.order == "asc"
        spans = rows.reconciled()[:: 1 if is_ascending else -1]
        if after is not None:
            spans = [span for span in spans if (span.id > after if is_ascending else span.id < after)]
        found: list[TraceRecord] = []
        chars, skipped, last_id = 0, 0, b""
        until_s = time.monotonic() + page.budget.seconds
        for number, span in enumerate(spans, start=1):
            row = rows.record(span, bodies=look_every == 1)
            if is_wanted(row):
                skipped += 1
                if skipped > page.offset:
                    if len(found) == page.limit or chars > _PAGE_TEXT_CHARS:
                        return TracePage(found, encode_cursor(last_id))
                    found.append(row._replace(request_body=None, response_body=None))
                    chars += len(row.output_text or "")
            last_id = span.id
            if number % look_every == 0 and number < len(spans) and (is_read() or time.monotonic() > until_s):
                return TracePage(found, encode_cursor(span.id))
        return TracePage(found, None)

    async def count_traces(self, project_id: str, where: TraceFilter, *, seconds: float = 0.5) -> Count:
        return Count(len(matching(self._records(project_id), where)), exact=True)

    async def facets(self, project_id: str, query: FacetQuery) -> dict[FacetField, Facet]:
        rows = self._records(project_id)
        return {field: facet(rows, field, query) for field in query.fields}

    async def get_trace(self, project_id: str, trace_id: UUID) -> TraceRecord | None:
        rows = self._rows(project_id)
        found = (rows.record(span, bodies=True) for span in rows.reconciled() if span.visible_id == trace_id)
        return next(found, None)

    async def get_traces(self, project_id: str, trace_ids: Sequence[UUID]) -> list[TraceRecord | None]:
        by_id = {row.trace_id: row for row in self._records(project_id)}
        found: list[TraceRecord | None] = []
        for trace_id in trace_ids:
            found.append(by_id.get(trace_id))
            if sum(len(row.output_text or "") for row in found if row is not None) > _PAGE_TEXT_CHARS:
                break
        return found

    async def reconcile_inputs(
        self, project_id: str, otel_trace_id: bytes, otel_span_id: bytes | None = None
    ) -> ReconcileInputs:
        rows = self._rows(project_id)
        traces = rows.linked_traces(otel_trace_id)
        return ReconcileInputs(
            [span for span in rows.skeletons() if span.otel_trace_id in traces],
            [content for content in rows.content_skeletons() if content.otel_trace_id in traces],
            whole=True,
        )

    async def analytics(self, project_id: str, query: AnalyticsQuery) -> Analytics:
        where = query.filter
        of_rollup = replace(TraceFilter(), **{name: getattr(where, name) for name in _ROLLUP_FILTERS})
        by_rollup = query.group_by in _BY_ROLLUP and where == of_rollup
        expired = self._rows(project_id).expired if by_rollup else []
        rows = in_query([*self._records(project_id), *expired], query)
        groups, rest = grouped(rows, query.group_by, query.limit)
        found = [AnalyticsGroup(key, summary(group)) for key, group in groups.items()]
        return Analytics(summary(rows), found, summary(rest) if rest else None)

    async def unpriced_models(self, project_id: str, from_ns: int, before_ns: int) -> list[UnpricedModel]:
        groups = self._by_model(project_id, from_ns, before_ns, "unpriced")
        return [UnpricedModel(*key, of.calls, of.input_tokens, of.output_tokens) for key, of in groups]

    async def unknown_usage_models(
        self, project_id: str, from_ns: int, before_ns: int
    ) -> list[UnknownUsageModel]:
        groups = self._by_model(project_id, from_ns, before_ns, "unknown_usage")
        return [UnknownUsageModel(*key, of.calls) for key, of in groups]

    def _by_model(
        self, project_id: str, from_ns: int, before_ns: int, kind: str
    ) -> list[tuple[tuple[str | None, str | None], UsageSummary]]:
        """Return by provider and model the counted calls of a kind, most calls first."""
        groups: dict[tuple[str | None, str | None], list[TraceRecord]] = {}
        for row in in_query(self._records(project_id), AnalyticsQuery(from_ns=from_ns, before_ns=before_ns)):
            if getattr(summary([row]), kind):
                groups.setdefault((row.provider, row.model_used or row.model_requested), []).append(row)
        ranked = sorted(groups.items(), key=lambda item: -len(item[1]))
        return [(key, summary(rows)) for key, rows in ranked]

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
        rows = self._rows(project_id)
        found = so_far.plus(reprice(rows, job, price, so_far.position, limit, dry_run=dry_run))
        if not dry_run:
            rows.reprice = None if found.done else (job, found)
        return found

    async def repriced_so_far(self, project_id: str, job: RepriceJob) -> Repriced | None:
        stored = self._rows(project_id).reprice
        return stored[1] if stored is not None and stored[0] == job else None

    async def check_writable(self) -> None:
        self._check_open()

    def queue_depth(self) -> tuple[int, int]:
        return 0, 0

    async def close(self) -> None:
        self.is_closed = True

    def _rows(self, project_id: str) -> Rows:
        data = self._find(project_id)
        return Rows() if data is None else data.rows

    def _records(self, project_id: str) -> list[TraceRecord]:
        """Return all rows, newest first."""
        rows = self._rows(project_id)
        return [rows.record(span) for span in rows.reconciled()[::-1]]


def _refused(rows: Sequence[object]) -> IngestResult:
    return IngestResult(rejected=tuple((at, "there is no such project") for at in range(len(rows))))
