"""Answers an analytics question from rollups where they know enough, else from the rows in its range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from pulse_storage.filters import Analytics, AnalyticsGroup, AnalyticsQuery, GroupBy, UsageSummary
from pulse_storage.latency import percentile
from pulse_storage.sqlite.conditions import index_for, is_of_usage_keys, row_conditions
from pulse_storage.sqlite.rollups import DAY_NS, HOUR_NS
from pulse_storage.sqlite.sql import Connection, SqlValue, Values
from pulse_storage.sqlite.usage import (
    Span,
    counted_between,
    in_units,
    whole_and_edges,
)

GroupKey = int | str | None

_MODEL = "coalesce({table}.model_used, {table}.model_requested)"
#: `total` neither overflows nor, up to 2^53, rounds.
_ROW_SUMS = """
    count(*), total(spans.status = 'error'), total(cost_nano_usd), total(input_tokens), total(output_tokens),
    total(cost_nano_usd IS NULL AND ifnull(input_tokens, 0) + ifnull(output_tokens, 0) > 0),
    count(latency_ms), total(floor(latency_ms * 1000 + 0.5))"""
_ROLLUP_SUMS = """
    total(rollup.calls), total(CASE WHEN status = 'error' THEN rollup.calls END),
    total(cost_nano_usd), total(input_tokens), total(output_tokens), total(unpriced),
    total(latency_calls), total(latency_sum_us)"""


@dataclass(slots=True)
class _Sums:
    """The sums of one group while they are put together; in the order of `_ROW_SUMS`."""

    sums: list[int] = field(default_factory=lambda: [0] * 8)
    latencies: Counter[int] = field(default_factory=Counter[int])

    def add(self, sums: Iterable[SqlValue]) -> None:
        self.sums = [have + int(cast("float", more)) for have, more in zip(self.sums, sums, strict=True)]

    def summary(self) -> UsageSummary:
        calls, errors, cost, input_tokens, output_tokens, unpriced, latency_calls, latency_us = self.sums
        return UsageSummary(
            calls=calls,
            errors=errors,
            cost_nano_usd=cost,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            unpriced=unpriced,
            latency_calls=latency_calls,
            latency_sum_ms=latency_us / 1000,
            p50_latency_ms=percentile(self.latencies, 0.50),
            p95_latency_ms=percentile(self.latencies, 0.95),
            p99_latency_ms=percentile(self.latencies, 0.99),
        )


def analytics(connection: Connection, project: int, query: AnalyticsQuery) -> Analytics:
    """The sums over the counted rows of a project that the query names."""
    groups: dict[GroupKey, _Sums] = {}
    where = replace(query.filter, from_ns=query.from_ns, before_ns=query.before_ns, counted=True)
    query = replace(query, filter=where)
    if query.from_ns < query.before_ns:
        if is_of_usage_keys(where):
            _add_rollups(groups, connection, project, query)
        else:
            _add_rows(groups, connection, project, query)
    total = _Sums()
    for group in groups.values():
        total.add(group.sums)
        total.latencies.update(group.latencies)
    return Analytics(total.summary(), [AnalyticsGroup(key, group.summary()) for key, group in groups.items()])


def _add_rows(
    groups: dict[GroupKey, _Sums], connection: Connection, project: int, query: AnalyticsQuery
) -> None:
    """Everything from the rows: for filters that rollups know nothing of."""
    conditions = row_conditions(project, query.filter)
    rows = connection.execute(
        f"SELECT {_row_group(query.group_by)}, latency_bucket, {_ROW_SUMS}"
        f" FROM spans INDEXED BY {index_for(query.filter)} WHERE {conditions.sql()} GROUP BY 1, 2",
        conditions.bindings,
    )
    for key, bucket, *sums in rows:
        group = _group(groups, query.group_by, key)
        group.add(sums)
        if bucket is not None:
            group.latencies[cast("int", bucket)] += cast("int", sums[0])


def _add_rollups(
    groups: dict[GroupKey, _Sums], connection: Connection, project: int, query: AnalyticsQuery
) -> None:
    whole, edges = whole_and_edges(query.from_ns, query.before_ns, HOUR_NS)
    if whole is not None:
        conditions = in_units(project, "hour", whole, query.filter)
        rows = connection.execute(
            f"SELECT {_rollup_group(query.group_by, 'hour')}, {_ROLLUP_SUMS}"
            f" FROM (SELECT * FROM rollup_hour WHERE {conditions.sql()}) AS rollup"
            " INNER JOIN usage_keys ON usage_keys.key = usage_key GROUP BY 1",
            conditions.bindings,
        )
        for key, *sums in rows:
            _group(groups, query.group_by, key).add(sums)
    for edge in edges:
        for conditions in counted_between(project, query.filter, edge):
            rows = connection.execute(
                f"SELECT {_row_group(query.group_by)}, {_ROW_SUMS}"
                f" FROM spans INDEXED BY spans_counted WHERE {conditions.sql()} GROUP BY 1",
                conditions.bindings,
            )
            for key, *sums in rows:
                _group(groups, query.group_by, key).add(sums)
    _add_latencies(groups, connection, project, query)


def _add_latencies(
    groups: dict[GroupKey, _Sums], connection: Connection, project: int, query: AnalyticsQuery
) -> None:
    if query.group_by == "hour":
        # There is no hourly histogram: look at each hour that has calls, in the index.
        for start_ns in [cast("int", key) for key in groups]:
            span = max(start_ns, query.from_ns), min(start_ns + HOUR_NS, query.before_ns)
            _add_row_latencies(groups, connection, project, query, span)
        return
    whole, edges = whole_and_edges(query.from_ns, query.before_ns, DAY_NS)
    if whole is not None:
        conditions = in_units(project, "day", whole, query.filter)
        rows = connection.execute(
            f"SELECT {_rollup_group(query.group_by, 'day')}, bucket, sum(rollup.calls)"
            f" FROM (SELECT * FROM latency_day WHERE {conditions.sql()}) AS rollup"
            " INNER JOIN usage_keys ON usage_keys.key = usage_key GROUP BY 1, 2",
            conditions.bindings,
        )
        _add_histogram(groups, query.group_by, rows)
    for edge in edges:
        _add_row_latencies(groups, connection, project, query, edge)


def _add_row_latencies(
    groups: dict[GroupKey, _Sums], connection: Connection, project: int, query: AnalyticsQuery, span: Span
) -> None:
    """Add the histogram of the rows within a part of one day, or of one hour when grouping by hour."""
    unit_ns = _UNITS_NS.get(query.group_by)
    for conditions in counted_between(project, query.filter, span):
        if unit_ns is not None:
            group, join = str(span[0] // unit_ns), ""
        else:
            group = _fact(query.group_by, "usage_keys")
            join = " INNER JOIN usage_keys ON usage_keys.key = row.usage_key"
        rows = connection.execute(
            f"SELECT {group}, latency_bucket, sum(row.calls)"
            " FROM (SELECT usage_key, latency_bucket, count(*) AS calls FROM spans INDEXED BY spans_counted"
            f" WHERE {conditions.sql()} AND latency_bucket IS NOT NULL GROUP BY 1, 2) AS row{join}"
            " GROUP BY 1, 2",
            conditions.bindings,
        )
        _add_histogram(groups, query.group_by, rows)


def _add_histogram(groups: dict[GroupKey, _Sums], group_by: GroupBy, rows: Iterable[Values]) -> None:
    for key, bucket, calls in rows:
        _group(groups, group_by, key).latencies[cast("int", bucket)] += cast("int", calls)


_UNITS_NS = {"day": DAY_NS, "hour": HOUR_NS}


def _group(groups: dict[GroupKey, _Sums], group_by: GroupBy, key: SqlValue) -> _Sums:
    unit_ns = _UNITS_NS.get(group_by)
    name = cast("str | None", key) if unit_ns is None else cast("int", key) * unit_ns
    return groups.setdefault(name, _Sums())


def _row_group(group_by: GroupBy) -> str:
    unit_ns = _UNITS_NS.get(group_by)
    return _fact(group_by, "spans") if unit_ns is None else _floor_divided("start_ns", unit_ns)


def _rollup_group(group_by: GroupBy, unit: Literal["hour", "day"]) -> str:
    if group_by == unit:
        return unit
    return _floor_divided("hour", 24) if group_by == "day" else _fact(group_by, "usage_keys")


def _fact(group_by: GroupBy, table: str) -> str:
    return _MODEL.format(table=table) if group_by == "model" else f"{table}.provider"


def _floor_divided(column: str, divisor: int) -> str:
    """Division that rounds down for times before 1970 too; SQLite's rounds towards zero."""
    return f"({column} - (({column} % {divisor}) + {divisor}) % {divisor}) / {divisor}"
