"""A store that is too simple to be wrong: lists of records, filtered and summed in plain Python."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast, get_args
from uuid import UUID, uuid4

from tests.support.rows import DAY_NS, HOUR_NS, project

from pulse_storage import Store, TraceRecord
from pulse_storage.latency import latency_bucket, percentiles
from pulse_storage.queries.facets import Facet, FacetField, FacetQuery
from pulse_storage.queries.filters import (
    AnalyticsQuery,
    CostFilter,
    GroupBy,
    Order,
    Page,
    Sort,
    TraceFilter,
    UsageSummary,
)

EVERYTHING = TraceFilter(operation="all", counted=None)
EVERYTHING_OF_COST = {cost: replace(EVERYTHING, cost=cost) for cost in get_args(CostFilter)}
#: Half a bucket, eight to the octave.
PERCENTILE_ERROR = 2 ** (1 / 16) - 1 + 1e-9

_EQUAL = (
    *("session_id", "user_id", "provider", "status", "service", "environment", "release", "otel_trace_id"),
    *("finish_reason", "error_type"),
)
#: Operations that are model calls in the tests' data.
_CALLS = {"chat", "text_completion", "embeddings"}


async def everything(storage: Store, project_id: str) -> list[TraceRecord]:
    """All rows of a project, newest first, read page by page."""
    rows: list[TraceRecord] = []
    page = await storage.list_traces(project_id, EVERYTHING, Page(limit=100))
    rows += page.rows
    while page.next_cursor is not None:
        page = await storage.list_traces(project_id, EVERYTHING, Page(limit=100, cursor=page.next_cursor))
        rows += page.rows
    return rows


async def snapshot(storage: Store, project_id: str) -> list[TraceRecord | None]:
    """All rows of a project with their bodies."""
    return [
        await storage.get_trace(project_id, row.trace_id) for row in await everything(storage, project_id)
    ]


def matching(rows: Iterable[TraceRecord], where: TraceFilter) -> list[TraceRecord]:
    """The rows that a filter lets through, in their order."""
    return [row for row in rows if all(_checks(row, where))]


async def holding(storage: Store, rows: Iterable[TraceRecord], text: str) -> list[TraceRecord]:
    """The rows whose content holds a text, in their order; each is read whole."""
    found: list[TraceRecord] = []
    for row in rows:
        whole = await storage.get_trace(row.project_id, row.trace_id)
        assert whole is not None
        texts = [whole.input_preview or "", whole.output_preview or "", whole.output_text or ""]
        for document in (whole.request_body, whole.response_body):
            texts += strings(None if document is None else json.loads(document))
        if any(text.casefold() in each.casefold() for each in texts):
            found.append(row)
    return found


def strings(value: object) -> Iterable[str]:
    """Every text of a JSON value; names of fields are none."""
    match value:
        case str():
            yield value
        case list():
            for item in cast("list[object]", value):
                yield from strings(item)
        case dict():
            yield from strings(list(cast("dict[str, object]", value).values()))
        case _:
            pass


def _checks(row: TraceRecord, where: TraceFilter) -> Iterable[bool]:
    for column in _EQUAL:
        wanted = getattr(where, column)
        yield wanted is None or getattr(row, column) == wanted
    yield where.model is None or where.model in (row.model_requested, row.model_used)
    yield where.counted is None or row.counted == where.counted
    match where.operation:
        case "all":
            yield True
        case "model":
            yield row.operation in _CALLS
        case name:
            yield row.operation == name
    yield where.tag is None or where.tag in row.tags
    yield where.from_ns is None or row.start_ns >= where.from_ns
    yield where.before_ns is None or row.start_ns < where.before_ns
    yield where.min_latency_ms is None or (
        row.latency_ms is not None and row.latency_ms >= where.min_latency_ms
    )
    yield where.min_cost_nano_usd is None or (
        row.cost_nano_usd is not None and row.cost_nano_usd >= where.min_cost_nano_usd
    )
    yield where.max_latency_ms is None or (
        row.latency_ms is not None and row.latency_ms <= where.max_latency_ms
    )
    yield where.error_type is None or row.status == "error"
    match where.cost:
        case None:
            yield True
        case "unpriced":
            yield row.counted and _is_unpriced(row)
        case "no_usage":
            yield row.counted and _has_unknown_usage(row)
        case source:
            yield row.cost_nano_usd is not None and row.cost_source == source
    if where.text is not None:
        texts = (row.input_preview or "").casefold(), (row.output_preview or "").casefold()
        yield any(where.text.casefold() in text for text in texts)


def sort_value(row: TraceRecord, sort: Sort) -> float | int | None:
    """Return the value by which a row is sorted; None if it is unknown."""
    match sort:
        case "time":
            return row.start_ns
        case "latency":
            return row.latency_ms
        case "cost":
            return row.cost_nano_usd
        case "tokens":
            if row.input_tokens is None and row.output_tokens is None:
                return None
            return (row.input_tokens or 0) + (row.output_tokens or 0)


def sort_place(value: float | int | None, id: bytes, order: Order) -> tuple[bool, float, int]:
    """Return the sort key of a row: unknown values last, equal ones by row id descending."""
    sign = -1 if order == "desc" else 1
    return value is None, sign * (value or 0), -int.from_bytes(id, "big")


def group_keys(row: TraceRecord, group_by: GroupBy) -> Sequence[int | str | None]:
    """The analytics groups of a row: one, or one for each tag."""
    match group_by:
        case "day":
            return [row.start_ns // DAY_NS * DAY_NS]
        case "hour":
            return [row.start_ns // HOUR_NS * HOUR_NS]
        case "model":
            return [row.model_used or row.model_requested]
        case "tag":
            return sorted(set(row.tags)) or [None]
        case "user" | "session":
            return [row.user_id if group_by == "user" else row.session_id]
        case "provider" | "service" | "environment":
            return [getattr(row, group_by)]


def facet_values(row: TraceRecord, field: FacetField) -> Sequence[str | None]:
    """Return the values of a field that a row has: one, or several of `tag` and `cost`."""
    match field:
        case "model":
            return [row.model_used or row.model_requested]
        case "tag":
            return sorted(set(row.tags)) or [None]
        case "cost":
            values = [cost for cost in get_args(CostFilter) if matching([row], EVERYTHING_OF_COST[cost])]
            return values or [None]
        case _:
            return [getattr(row, field)]


def facet(rows: Sequence[TraceRecord], field: FacetField, query: FacetQuery) -> Facet:
    """Return the facet of a field; rollups contain the first four fields and filters by them."""
    of_keys = ("model", "provider", "status", "operation")
    where = query.filter
    where = replace(where, operation="all") if field == "operation" else replace(where, **{field: None})
    others = replace(
        where, **{name: None for name in (*of_keys, "from_ns", "before_ns") if name != "operation"}
    )
    is_exact = field in of_keys and replace(others, operation="model") == TraceFilter()
    matched = matching(rows, where)
    counted = matched if is_exact else matched[: query.newest]
    values = Counter(value for row in counted for value in facet_values(row, field))
    ranked = sorted(values.items(), key=lambda item: (-item[1], item[0] is None, item[0] or ""))
    is_whole = is_exact or len(matched) < query.newest
    return Facet(ranked[: query.values], None if is_whole else query.newest)


def grouped(
    rows: Iterable[TraceRecord], group_by: GroupBy, limit: int
) -> tuple[dict[int | str | None, list[TraceRecord]], list[TraceRecord]]:
    """The rows of each group that is shown, and those of the others, once for each group they are in."""
    groups: defaultdict[int | str | None, list[TraceRecord]] = defaultdict(list)
    for row in rows:
        for key in group_keys(row, group_by):
            groups[key].append(row)
    if group_by in ("day", "hour"):
        return groups, []
    ranked = sorted(groups, key=lambda key: (-_cost(groups[key]), -len(groups[key]), str(key or "")))
    return {key: groups[key] for key in ranked[:limit]}, [
        row for key in ranked[limit:] for row in groups[key]
    ]


def _cost(rows: Iterable[TraceRecord]) -> int:
    return sum(row.cost_nano_usd or 0 for row in rows)


def in_query(rows: Sequence[TraceRecord], query: AnalyticsQuery) -> list[TraceRecord]:
    """The rows over which a query sums."""
    where = replace(query.filter, from_ns=query.from_ns, before_ns=query.before_ns, counted=True)
    return matching(rows, where)


def assert_summary(got: UsageSummary, rows: Sequence[TraceRecord]) -> None:
    """Sums must be exact, percentiles near."""
    latencies = sorted(row.latency_ms for row in rows if row.latency_ms is not None)
    assert (got.calls, got.errors) == (len(rows), sum(row.status == "error" for row in rows))
    assert got.cost_nano_usd == _cost(rows)
    assert got.input_tokens == sum(row.input_tokens or 0 for row in rows)
    assert got.output_tokens == sum(row.output_tokens or 0 for row in rows)
    assert got.unpriced == sum(_is_unpriced(row) for row in rows)
    assert got.unknown_usage == sum(_has_unknown_usage(row) for row in rows)
    assert got.latency_calls == len(latencies)
    # Latencies are summed in whole microseconds.
    assert math.isclose(got.latency_sum_ms, sum(latencies), rel_tol=1e-9, abs_tol=0.0006 * len(rows))
    for share, value in ((0.5, got.p50_latency_ms), (0.95, got.p95_latency_ms), (0.99, got.p99_latency_ms)):
        _assert_percentile(latencies, share, value)


def summary(rows: Sequence[TraceRecord]) -> UsageSummary:
    """Return the sums over rows as a store returns them, with percentiles from buckets."""
    latencies = Counter(bucket for row in rows if (bucket := latency_bucket(row.latency_ms)) is not None)
    p50, p95, p99 = percentiles(latencies, (0.5, 0.95, 0.99))
    return UsageSummary(
        calls=len(rows),
        errors=sum(row.status == "error" for row in rows),
        cost_nano_usd=_cost(rows),
        input_tokens=sum(row.input_tokens or 0 for row in rows),
        output_tokens=sum(row.output_tokens or 0 for row in rows),
        unpriced=sum(map(_is_unpriced, rows)),
        unknown_usage=sum(map(_has_unknown_usage, rows)),
        latency_calls=latencies.total(),
        latency_sum_ms=sum(math.floor((row.latency_ms or 0) * 1000 + 0.5) for row in rows) / 1000,
        p50_latency_ms=p50,
        p95_latency_ms=p95,
        p99_latency_ms=p99,
    )


def _is_unpriced(row: TraceRecord) -> bool:
    return row.cost_nano_usd is None and (row.input_tokens or 0) + (row.output_tokens or 0) > 0


def _has_unknown_usage(row: TraceRecord) -> bool:
    return row.input_tokens is None and row.output_tokens is None and row.status == "success"


def _assert_percentile(latencies: Sequence[float], share: float, got: float | None) -> None:
    if not latencies:
        assert got is None
        return
    exact = latencies[max(1, math.ceil(share * len(latencies))) - 1]
    assert got is not None
    assert math.isclose(got, exact, rel_tol=PERCENTILE_ERROR, abs_tol=1e-6)


def span_key(row: TraceRecord) -> tuple[bytes, bytes]:
    """Return the OTel trace id and span id of a row."""
    return row.otel_trace_id, row.otel_span_id


async def new_project(storage: Store) -> str:
    """A project that nothing else is in; its id."""
    id = f"p-{uuid4()}"
    await storage.create_project(*project(id))
    return id


async def anonymous(storage: Store, project_id: str) -> list[TraceRecord]:
    """Return all rows of a project without the values that differ between projects."""
    rows = [row for row in await snapshot(storage, project_id) if row is not None]
    same = [row._replace(project_id="", trace_id=UUID(int=0)) for row in rows]
    return sorted(same, key=lambda row: (row.start_ns, row.otel_trace_id, row.otel_span_id))
