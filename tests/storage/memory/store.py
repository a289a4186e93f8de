"""MemoryStore: a StorageAdapter that keeps everything in Python objects.

It shows what the contract asks of a store, at the least expense: no transactions (a method without an await
is one), no indexes, no rollups. Its projects are in the control store of another store. It promises all but
durability: rows are gone when the last store is closed.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from uuid import UUID

from tests.storage.memory.groups import error_groups, received
from tests.storage.memory.maintenance import MemoryMaintenance
from tests.storage.memory.raw import MemoryRaw
from tests.storage.memory.reprice import reprice
from tests.storage.memory.rows import Rows, unfit
from tests.storage.memory.timeseries import latencies, timeseries
from tests.storage.model import facet, grouped, in_query, matching, sort_place, sort_value, span_key, summary
from tests.storage.tree_model import tree_columns, tree_summary

from pulse_storage import ApiKey, ControlStore, IngestResult, Project, SpanRow, StoreUnavailable, TraceRecord
from pulse_storage.content.search import Needle
from pulse_storage.control_store import ProjectSettings
from pulse_storage.ids import decode_cursor, decode_ids, encode_cursor
from pulse_storage.maintenance import Erasure
from pulse_storage.queries.error_groups import ErrorGroups, ErrorQuery
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
)
from pulse_storage.queries.latencies import Latencies, LatencyQuery
from pulse_storage.queries.received import Received, ReceivedQuery
from pulse_storage.queries.sorted_pages import SortCursor
from pulse_storage.queries.timeseries import Timeseries, TimeseriesQuery
from pulse_storage.queries.trees import MAX_TREE_SPANS, Tree, TreePage, TreeSummary
from pulse_storage.reconciliation.keep import stored_unconditionally
from pulse_storage.reconciliation.partners import linked_traces
from pulse_storage.reconciliation.skeletons import ReconcileInputs
from pulse_storage.repricing import PriceSpan, Repriced, RepriceJob
from pulse_storage.rows import Assemble, EventPart, Outcome

#: Texts of one page; rows after them are left to the next page.
_PAGE_TEXT_CHARS = 16 << 20
#: Rows of a list between two checks of its budget; a search checks it after each row.
_ROWS_A_CHECK = 256
_ROLLUP_FILTERS = ("provider", "model", "status", "operation")
_BY_ROLLUP = ("day", "hour", "model", "provider")
_NO_PROJECT = "there is no such project"


@dataclass
class Memory:
    """The rows that all open stores of one folder share, by project id."""

    rows: dict[str, Rows] = field(default_factory=dict[str, Rows])
    #: Rows of deleted projects, until they are erased.
    deleted: dict[str, Rows] = field(default_factory=dict[str, Rows])


class MemoryStore:
    """One open store of a folder. It notes in `memory` which projects the control store has."""

    def __init__(self, memory: Memory, control: ControlStore) -> None:
        self.memory = memory
        self.control = control
        self.is_closed = False
        self.maintenance = MemoryMaintenance(self)
        self.raw = MemoryRaw(self)

    async def create_project(self, project: Project, key: ApiKey) -> None:
        await self.control.create_project(project, key)
        self.memory.rows[project.id] = Rows()

    async def create_first_project(self, project: Project, key: ApiKey) -> bool:
        is_first = await self.control.create_first_project(project, key)
        if is_first:
            self.memory.rows[project.id] = Rows()
        return is_first

    async def put_project_settings(self, settings: ProjectSettings) -> None:
        await self.control.put_project_settings(settings)
        self.memory.rows.setdefault(settings.project.id, Rows())

    async def delete_project(self, project_id: str) -> Erasure:
        erasure = await self.control.delete_project(project_id)
        self.memory.deleted[project_id] = self.memory.rows.pop(project_id)
        return erasure

    def submit(
        self, rows: Sequence[SpanRow], *, keep_all: bool = False, within_s: float = math.inf
    ) -> Future[IngestResult]:
        self._check_open()
        future: Future[IngestResult] = Future()
        try:
            future.set_result(self._store(rows, keep_all))
        except TypeError as error:
            future.set_exception(StoreUnavailable(str(error)))
        return future

    def _store(self, rows: Sequence[SpanRow], keep_all: bool) -> IngestResult:
        outcomes: list[Outcome | str] = []
        kept, reasons = stored_unconditionally(rows, keep_all=keep_all), [unfit(row) for row in rows]
        for row, keeps, reason in zip(rows, kept, reasons, strict=True):
            stored = self.memory.rows.get(row.project_id)
            outcomes.append(_NO_PROJECT if stored is None else reason or stored.add(row, keeps=keeps))
        return IngestResult.of(outcomes)

    async def ingest(self, rows: Sequence[SpanRow], *, keep_all: bool = False) -> IngestResult:
        result = self.submit(rows, keep_all=keep_all)
        await asyncio.sleep(0)
        return result.result()

    async def ingest_events(
        self, project_id: str, parts: Sequence[EventPart], assemble: Assemble
    ) -> IngestResult:
        if project_id not in self.memory.rows:
            return IngestResult.of([_NO_PROJECT] * len(parts))
        return self.rows(project_id).add_events(parts, assemble)

    async def list_traces(self, project_id: str, where: TraceFilter, page: Page) -> TracePage:
        await asyncio.sleep(0)  # as any store, it lets other tasks run
        if page.sort != "time":
            return self._sorted_page(project_id, where, page)
        return self._page(project_id, where, page)

    async def search_traces(self, project_id: str, where: TraceFilter, text: str, page: Page) -> TracePage:
        return self._page(project_id, where, replace(page, offset=0), Needle(text))

    def _page(
        self, project_id: str, where: TraceFilter, page: Page, needle: Needle | None = None
    ) -> TracePage:
        """Return the rows behind the cursor that match and contain the text to search for."""
        last_id = None if page.cursor is None else decode_cursor(page.cursor)
        rows, is_ascending = self.rows(project_id), page.order == "asc"
        spans = rows.reconciled()[:: 1 if is_ascending else -1]
        if last_id is not None:
            spans = [span for span in spans if (span.id > last_id if is_ascending else span.id < last_id)]
        found: list[TraceRecord] = []
        chars = read_bytes = 0
        until_s, rows_a_check = time.monotonic() + page.budget.seconds, 1 if needle else _ROWS_A_CHECK
        for number, span in enumerate(spans, start=1):
            row = rows.record(span, bodies=needle is not None)
            if matching([row], where) and (needle is None or _contains(row, needle)):
                if len(found) == page.offset + page.limit or chars > _PAGE_TEXT_CHARS:
                    return TracePage(found[page.offset :], encode_cursor(last_id or b""))
                found.append(row._replace(request_body=None, response_body=None))
                chars += len(row.output_text or "")
            last_id = span.id
            read_bytes += len(row.request_body or b"") + len(row.response_body or b"")
            is_over = time.monotonic() > until_s or read_bytes > page.budget.content_bytes
            if is_over and number % rows_a_check == 0 and number < len(spans):
                return TracePage(found[page.offset :], encode_cursor(last_id))
        return TracePage(found[page.offset :], None)

    def _sorted_page(self, project_id: str, where: TraceFilter, page: Page) -> TracePage:
        """Return a page in one sort of all rows; the budget is ignored."""
        cursor = SortCursor.first(page.cursor, page.sort, page.order)
        rows = self.rows(project_id)
        by_id = {span.id: rows.record(span) for span in rows.reconciled()}
        places = {
            id: sort_place(sort_value(row, page.sort), id, page.order)
            for id, row in by_id.items()
            if matching([row], where)
        }
        if cursor.last is not None:
            after = sort_place(*cursor.last, page.order)
            places = {id: place for id, place in places.items() if place > after}
        ids = sorted(places, key=places.__getitem__)
        found: list[TraceRecord] = []
        for id in ids[: page.limit]:
            if sum(len(row.output_text or "") for row in found) > _PAGE_TEXT_CHARS:
                break
            found.append(by_id[id])
        if len(found) == len(ids):
            return TracePage(found, None)
        last = sort_value(found[-1], page.sort), ids[len(found) - 1]
        return TracePage(found, replace(cursor, last=last).text())

    async def count_traces(self, project_id: str, where: TraceFilter, *, seconds: float = 0.5) -> Count:
        return Count(len(matching(self.records(project_id), where)), exact=True)

    async def facets(self, project_id: str, query: FacetQuery) -> dict[FacetField, Facet]:
        rows = self.records(project_id)
        return {field: facet(rows, field, query) for field in query.fields}

    async def get_trace(self, project_id: str, trace_id: UUID) -> TraceRecord | None:
        rows = self.rows(project_id)
        found = (span for span in rows.reconciled() if span.visible_id == trace_id)
        return next((rows.record(span, bodies=True) for span in found), None)

    async def get_traces(self, project_id: str, trace_ids: Sequence[UUID]) -> list[TraceRecord | None]:
        by_id = {row.trace_id: row for row in self.records(project_id)}
        found: list[TraceRecord | None] = []
        chars = 0
        for row in map(by_id.get, trace_ids):
            found.append(row)
            chars += 0 if row is None else len(row.output_text or "")
            if chars > _PAGE_TEXT_CHARS:
                break
        return found

    async def get_span(
        self, project_id: str, otel_trace_id: bytes, otel_span_id: bytes
    ) -> TraceRecord | None:
        key = otel_trace_id, otel_span_id
        return next((row for row in self.records(project_id) if span_key(row) == key), None)

    async def list_trees(self, project_id: str, where: TraceFilter, page: Page) -> TreePage:
        until_s = time.monotonic() + page.budget.seconds
        of_project, is_ascending = self.rows(project_id), page.order == "asc"
        rows = [(span.id, of_project.record(span)) for span in of_project.reconciled()]
        rows = rows[:: 1 if is_ascending else -1]
        after, top = (None, None) if page.cursor is None else decode_ids(page.cursor, 2)
        firsts: dict[bytes, bytes] = {}
        for id, row in rows:
            # Rows before the first row of the first page were stored later: they decide nothing.
            if matching([row], where) and (top is None or (id >= top if is_ascending else id <= top)):
                firsts.setdefault(row.otel_trace_id, id)
        top = top or next(iter(firsts.values()), None)
        found: list[TreeSummary] = []
        last = b""
        for trace_id, first in firsts.items():
            if after is not None and (first <= after if is_ascending else first >= after):
                continue
            if len(found) == page.limit or (found and time.monotonic() > until_s):
                is_complete = len(found) == page.limit
                return TreePage(found, encode_cursor(last, top or last), is_complete)
            last = first
            found.append(tree_summary([row for _, row in rows if row.otel_trace_id == trace_id]))
        return TreePage(found, None, is_complete=True)

    async def get_tree(
        self, project_id: str, otel_trace_id: bytes, *, cursor: str | None = None, limit: int = MAX_TREE_SPANS
    ) -> Tree | None:
        rows = self.rows(project_id)
        spans = [span for span in rows.reconciled() if span.row.otel_trace_id == otel_trace_id]
        stored = {span.row.otel_span_id for span in spans}
        after = b"" if cursor is None else decode_cursor(cursor)
        spans = [span for span in spans if span.id > after]
        if not spans:
            return None
        shown = tree_columns([rows.record(span) for span in spans[:limit]])
        parents = {*shown.parent_span_id} - {*shown.otel_span_id}
        others = {parent for parent in parents if parent is not None} & stored
        return Tree(shown, others, encode_cursor(spans[limit - 1].id) if len(spans) > limit else None)

    async def reconcile_inputs(
        self, project_id: str, otel_trace_id: bytes, otel_span_id: bytes | None = None
    ) -> ReconcileInputs:
        rows = self.rows(project_id)
        spans, contents = rows.skeletons(), rows.content_skeletons()
        traces = linked_traces(spans, {otel_trace_id})
        return ReconcileInputs(
            [span for span in spans if span.otel_trace_id in traces],
            [content for content in contents if content.otel_trace_id in traces],
            whole=True,
        )

    async def analytics(self, project_id: str, query: AnalyticsQuery) -> Analytics:
        where = query.filter
        of_rollup = replace(TraceFilter(), **{name: getattr(where, name) for name in _ROLLUP_FILTERS})
        by_rollup = query.group_by in _BY_ROLLUP and where == of_rollup
        expired = self.rows(project_id).expired if by_rollup else []
        rows = in_query([*self.records(project_id), *expired], query)
        groups, rest = grouped(rows, query.group_by, query.limit)
        found = [AnalyticsGroup(key, summary(group)) for key, group in groups.items()]
        return Analytics(summary(rows), found, summary(rest) if rest else None)

    async def timeseries(self, project_id: str, query: TimeseriesQuery) -> Timeseries:
        return timeseries(self.records(project_id), self.rows(project_id).expired, query)

    async def latencies(self, project_id: str, query: LatencyQuery) -> Latencies:
        return latencies(self.records(project_id), self.rows(project_id).expired, query)

    async def error_groups(self, project_id: str, query: ErrorQuery) -> ErrorGroups:
        return error_groups(self.records(project_id), query)

    async def received(self, project_id: str, query: ReceivedQuery) -> Received:
        return received(self.records(project_id), query)

    async def unpriced_models(self, project_id: str, from_ns: int, before_ns: int) -> list[UnpricedModel]:
        models = self._models(project_id, from_ns, before_ns, "unpriced")
        sums = [(key, summary(rows)) for key, rows in models]
        return [UnpricedModel(*key, of.calls, of.input_tokens, of.output_tokens) for key, of in sums]

    async def unknown_usage_models(
        self, project_id: str, from_ns: int, before_ns: int
    ) -> list[UnknownUsageModel]:
        models = self._models(project_id, from_ns, before_ns, "unknown_usage")
        return [UnknownUsageModel(*key, len(rows)) for key, rows in models]

    def _models(
        self, project_id: str, from_ns: int, before_ns: int, kind: str
    ) -> list[tuple[tuple[str | None, str | None], list[TraceRecord]]]:
        """Return by provider and model the counted calls of a kind, most calls first."""
        groups: dict[tuple[str | None, str | None], list[TraceRecord]] = {}
        for row in in_query(self.records(project_id), AnalyticsQuery(from_ns=from_ns, before_ns=before_ns)):
            if getattr(summary([row]), kind):
                groups.setdefault((row.provider, row.model_used or row.model_requested), []).append(row)
        return sorted(groups.items(), key=lambda item: -len(item[1]))

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
        rows = self.rows(project_id)
        found = so_far.plus(reprice(rows, job, price, so_far.position, limit, dry_run=dry_run))
        if not dry_run:
            rows.reprice = None if found.done else (job, found)
        return found

    async def repriced_so_far(self, project_id: str, job: RepriceJob) -> Repriced | None:
        stored = self.rows(project_id).reprice
        return stored[1] if stored is not None and stored[0] == job else None

    async def check_writable(self) -> None:
        self._check_open()

    def queue_depth(self) -> tuple[int, int]:
        return 0, 0

    async def close(self) -> None:
        self.is_closed = True

    def rows(self, project_id: str) -> Rows:
        """Return the rows of a project; no rows if it does not exist."""
        self._check_open()
        return self.memory.rows.get(project_id, Rows())

    def existing(self, project_id: str) -> Rows:
        """Return the rows of a project. Raises KeyError if it does not exist."""
        self._check_open()
        return self.memory.rows[project_id]

    def records(self, project_id: str) -> list[TraceRecord]:
        """Return all rows without bodies, newest first."""
        rows = self.rows(project_id)
        return [rows.record(span) for span in rows.reconciled()[::-1]]

    def _check_open(self) -> None:
        if self.is_closed:
            raise StoreUnavailable("the store is closed")


def _contains(row: TraceRecord, needle: Needle) -> bool:
    """Return True if a text or document of a row contains the text to search for."""
    texts = (row.input_preview, row.output_preview, row.output_text)
    documents = (row.request_body, row.response_body)
    return any(needle.in_text(text.encode()) for text in texts if text is not None) or any(
        needle.in_document(document) for document in documents if document is not None
    )
