"""Sums of a list of calls by series and step, in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from tests.storage.model import group_keys, matching, summary
from tests.support.rows import DAY_NS, HOUR_NS

from pulse_storage import TraceRecord
from pulse_storage.latency import latency_bucket, percentiles
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.queries.latencies import Latencies, LatencyQuery
from pulse_storage.queries.timeseries import CallSums, Series, Timeseries, TimeseriesQuery

_IN_ROLLUPS = ("provider", "model", "status", "operation")


def timeseries(
    rows: Sequence[TraceRecord], expired: Sequence[TraceRecord], query: TimeseriesQuery
) -> Timeseries:
    """Return what a store returns that reads all rows; `expired` are calls that only rollups have."""
    kept, only_in_rollups = in_steps(rows, query), in_steps(expired, query)
    if _are_hours(query):
        last_ns = max((row.start_ns for row in expired), default=-1)
        kept = [_at_hour(row, query) if row.start_ns <= last_ns else row for row in kept]
        only_in_rollups = [_at_hour(row, query) for row in only_in_rollups]
    counted = [*kept, *(row for row in only_in_rollups if _in_rollups(row, query, HOUR_NS))]
    groups: defaultdict[str | None, list[TraceRecord]] = defaultdict(list)
    for row in counted:
        for key in [None] if query.by is None else group_keys(row, query.by):
            assert not isinstance(key, int)
            groups[key].append(row)
    ranked = sorted(groups, key=lambda key: (*_rank(groups[key], query), key is not None, key or ""))
    rest = [row for key in ranked[query.top :] for row in groups[key]]
    latencies = Counter(bucket for row in counted if (bucket := latency_bucket(row.latency_ms)) is not None)
    p50, p95, p99 = percentiles(latencies, (0.5, 0.95, 0.99))
    return Timeseries(
        series=[_series(key, groups[key], query) for key in ranked[: query.top]],
        other=_series(None, rest, query) if rest else None,
        total=call_sums(counted),
        p50_latency_ms=p50,
        p95_latency_ms=p95,
        p99_latency_ms=p99,
    )


def latencies(rows: Sequence[TraceRecord], expired: Sequence[TraceRecord], query: LatencyQuery) -> Latencies:
    """Return the histograms of a store; `expired` are calls that only rollups have."""
    steps = len(query.edges) - 1
    histograms = [Counter[int]() for _ in range(steps)]
    unknown = [0] * steps
    kept = [row for row in in_steps(expired, query) if _in_rollups(row, query, DAY_NS)]
    for row in [*in_steps(rows, query), *kept]:
        bucket, step = latency_bucket(row.latency_ms), _step(row, query)
        if bucket is None:
            unknown[step] += 1
        else:
            histograms[step][bucket] += 1
    return Latencies(histograms=[dict(counts) for counts in histograms], unknown=unknown)


def in_steps(rows: Iterable[TraceRecord], query: TimeseriesQuery | LatencyQuery) -> list[TraceRecord]:
    """Return the calls over which a query sums."""
    where = replace(query.filter, from_ns=query.edges[0], before_ns=query.edges[-1], counted=True)
    return matching(rows, where)


def call_sums(rows: Sequence[TraceRecord]) -> CallSums:
    """Return the sums over calls."""
    of = summary(rows)
    costs = [(row.cost_nano_usd, row.cost_source) for row in rows if row.cost_nano_usd is not None]
    return CallSums(
        calls=of.calls,
        errors=of.errors,
        input_tokens=_known([row.input_tokens for row in rows]),
        cache_read_tokens=_known([row.cache_read_tokens for row in rows]),
        output_tokens=_known([row.output_tokens for row in rows]),
        cost_nano_usd=_known([row.cost_nano_usd for row in rows]),
        reported_nano_usd=sum(cost for cost, source in costs if source == "reported") if costs else None,
        computed_nano_usd=sum(cost for cost, source in costs if source == "computed") if costs else None,
        priced=len(costs),
        unpriced=of.unpriced,
        known_usage=sum(row.input_tokens is not None or row.output_tokens is not None for row in rows),
        unknown_usage=of.unknown_usage,
    )


def _series(key: str | None, rows: Sequence[TraceRecord], query: TimeseriesQuery) -> Series:
    steps: defaultdict[int, list[TraceRecord]] = defaultdict(list)
    for row in rows:
        steps[_step(row, query)].append(row)
    return Series(key, {number: call_sums(some) for number, some in steps.items()}, call_sums(rows))


def _step(row: TraceRecord, query: TimeseriesQuery | LatencyQuery) -> int:
    return sum(edge_ns <= row.start_ns for edge_ns in query.edges) - 1


def _in_rollups(row: TraceRecord, query: TimeseriesQuery | LatencyQuery, unit_ns: int) -> bool:
    """Return whether a rollup of an hour or a day has the call, and is used by the query."""
    where = replace(TraceFilter(), **{name: getattr(query.filter, name) for name in _IN_ROLLUPS})
    by_row = isinstance(query, TimeseriesQuery) and query.by not in ("model", "provider", None)
    if by_row or where != query.filter:
        return False
    start_ns = row.start_ns // unit_ns * unit_ns
    # A call of a cut hour is at its beginning already, if the hour may be in one step.
    ends = query.edges if unit_ns != HOUR_NS or not _are_hours(query) else (query.edges[0], query.edges[-1])
    cuts = [edge_ns for edge_ns in ends if start_ns < edge_ns < start_ns + unit_ns]
    return not cuts and query.edges[0] <= start_ns


def _are_hours(query: TimeseriesQuery | LatencyQuery) -> bool:
    """Return whether the steps are of an hour or more; one hour may be cut by a change of clocks."""
    inner = query.edges[1:-1]
    return all(later - edge >= HOUR_NS // 2 for edge, later in pairwise(inner))


def _at_hour(row: TraceRecord, query: TimeseriesQuery) -> TraceRecord:
    """Return the call at the beginning of its hour, if the range contains the whole hour."""
    hour_ns = row.start_ns // HOUR_NS * HOUR_NS
    is_whole = query.edges[0] <= hour_ns and hour_ns + HOUR_NS <= query.edges[-1]
    return row._replace(start_ns=hour_ns) if is_whole else row


def _rank(rows: Sequence[TraceRecord], query: TimeseriesQuery) -> tuple[int, int]:
    of = summary(rows)
    measures = {
        "cost": of.cost_nano_usd,
        "calls": of.calls,
        "tokens": of.input_tokens + of.output_tokens,
        "errors": of.errors,
    }
    return -measures[query.measure], -of.calls


def _known(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
