"""Answers an analytics question from rollups where they know enough, else from the rows in its range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from pulse_storage.filters import Analytics, AnalyticsGroup, AnalyticsQuery, GroupBy, UsageSummary
from pulse_storage.latency import percentiles
from pulse_storage.sql.conditions import index_for, is_of_usage_keys, row_conditions
from pulse_storage.sql.connection import Connection, Dialect, SqlValue
from pulse_storage.sql.rollups import DAY_NS, HOUR_NS
from pulse_storage.sql.usage import Span, counted_between, in_units, whole_and_edges

GroupKey = int | str | None

_FACTS = {"model": "coalesce(model_used, model_requested)", "provider": "provider"}
_UNITS_NS = {"day": DAY_NS, "hour": HOUR_NS}
_SHARES = (0.50, 0.95, 0.99)


_FAILED = "SELECT key FROM usage_keys WHERE project = ? AND status = 'error'"


def analytics(connection: Connection, project: int, query: AnalyticsQuery) -> Analytics:
    """The sums over the counted rows of a project that the query names."""
    where = replace(query.filter, from_ns=query.from_ns, before_ns=query.before_ns, counted=True)
    groups = _Groups(connection, project, replace(query, filter=where))
    if query.from_ns < query.before_ns:
        if is_of_usage_keys(where):
            groups.add_rollups()
        else:
            groups.add_rows()
    return groups.answer()


@dataclass(slots=True)
class _Sums:
    """The sums of one group while they are put together; in the order of `_row_sums`."""

    sums: list[int] = field(default_factory=lambda: [0] * 8)
    latencies: Counter[int] = field(default_factory=Counter[int])

    def add(self, sums: Iterable[SqlValue]) -> None:
        self.sums = [have + int(cast("float", more)) for have, more in zip(self.sums, sums, strict=True)]

    def summary(self) -> UsageSummary:
        calls, errors, cost, input_tokens, output_tokens, unpriced, latency_calls, latency_us = self.sums
        p50, p95, p99 = percentiles(self.latencies, _SHARES)
        return UsageSummary(
            calls=calls,
            errors=errors,
            cost_nano_usd=cost,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            unpriced=unpriced,
            latency_calls=latency_calls,
            latency_sum_ms=latency_us / 1000,
            p50_latency_ms=p50,
            p95_latency_ms=p95,
            p99_latency_ms=p99,
        )


class _Groups:
    """The groups of one answer, while parts of the range are added to them.

    Grouping by a fact means grouping by usage key in SQL, which compares numbers, and by the fact here.
    """

    def __init__(self, connection: Connection, project: int, query: AnalyticsQuery) -> None:
        self._connection = connection
        self._by = connection.dialect.indexed_by
        self._row_sums = _row_sums(connection.dialect)
        self._rollup_sums = _rollup_sums(connection.dialect)
        self._project = project
        self._query = query
        self._groups: dict[GroupKey, _Sums] = {}
        self._unit_ns = _UNITS_NS.get(query.group_by)
        self._facts: dict[int, str | None] = {} if self._unit_ns else self._facts_of_keys()

    def answer(self) -> Analytics:
        """The sums of each group and of all."""
        total = _Sums()
        for group in self._groups.values():
            total.add(group.sums)
            total.latencies.update(group.latencies)
        groups = [AnalyticsGroup(key, group.summary()) for key, group in self._groups.items()]
        return Analytics(total.summary(), groups)

    def add_rows(self) -> None:
        """Everything from the rows: for filters that rollups know nothing of."""
        conditions = row_conditions(self._connection.dialect, self._project, self._query.filter)
        rows = self._connection.execute(
            f"SELECT {_row_group(self._query.group_by)}, latency_bucket, {self._row_sums}"
            f" FROM spans{self._by(index_for(self._query.filter))} WHERE {conditions.sql()} GROUP BY 1, 2",
            conditions.bindings,
        )
        for key, bucket, *sums in rows:
            group = self._group(self._row_key(key))
            group.add(sums)
            if bucket is not None:
                group.latencies[cast("int", bucket)] += cast("int", sums[0])

    def add_rollups(self) -> None:
        """Whole hours and days from rollups, the edges of the range from rows."""
        whole, edges = whole_and_edges(self._query.from_ns, self._query.before_ns, HOUR_NS)
        if whole is not None:
            conditions = in_units(self._project, "hour", whole, self._query.filter)
            by = "hour" if self._unit_ns else "usage_key"
            rows = self._connection.execute(
                f"SELECT {by}, {self._rollup_sums} FROM rollup_hour WHERE {conditions.sql()} GROUP BY 1",
                (self._project, *conditions.bindings),
            )
            for key, *sums in rows:
                self._group(self._rollup_key(key, HOUR_NS)).add(sums)
        for edge in edges:
            self._add_edge(edge)
        self._add_latencies()

    def _add_edge(self, edge: Span) -> None:
        for conditions in counted_between(self._project, self._query.filter, edge):
            rows = self._connection.execute(
                f"SELECT {_row_group(self._query.group_by)}, {self._row_sums}"
                f" FROM spans{self._by('spans_counted')} WHERE {conditions.sql()} GROUP BY 1",
                conditions.bindings,
            )
            for key, *sums in rows:
                self._group(self._row_key(key)).add(sums)

    def _add_latencies(self) -> None:
        query = self._query
        if query.group_by == "hour":
            # There is no hourly histogram: look at each hour that has calls, in the index.
            for start_ns in [cast("int", key) for key in self._groups]:
                span = max(start_ns, query.from_ns), min(start_ns + HOUR_NS, query.before_ns)
                self._add_edge_latencies(span)
            return
        whole, edges = whole_and_edges(query.from_ns, query.before_ns, DAY_NS)
        if whole is not None:
            conditions = in_units(self._project, "day", whole, query.filter)
            by = "day" if self._unit_ns else "usage_key"
            rows = self._connection.execute(
                f"SELECT {by}, bucket, sum(calls) FROM latency_day WHERE {conditions.sql()} GROUP BY 1, 2",
                conditions.bindings,
            )
            for key, bucket, calls in rows:
                self._group(self._rollup_key(key, DAY_NS)).latencies[cast("int", bucket)] += cast(
                    "int", calls
                )
        for edge in edges:
            self._add_edge_latencies(edge)

    def _add_edge_latencies(self, span: Span) -> None:
        """Add the histogram of the rows within a part of one day, or of one hour when grouping by hour."""
        by = "NULL" if self._unit_ns else "usage_key"
        unit_start_ns = span[0] // self._unit_ns * self._unit_ns if self._unit_ns else None
        for conditions in counted_between(self._project, self._query.filter, span):
            rows = self._connection.execute(
                f"SELECT {by}, latency_bucket, count(*) FROM spans{self._by('spans_counted')}"
                f" WHERE {conditions.sql()} AND latency_bucket IS NOT NULL GROUP BY 1, 2",
                conditions.bindings,
            )
            for usage_key, bucket, calls in rows:
                group_key = self._fact(usage_key) if unit_start_ns is None else unit_start_ns
                self._group(group_key).latencies[cast("int", bucket)] += cast("int", calls)

    def _group(self, key: GroupKey) -> _Sums:
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Sums()
        return group

    def _row_key(self, key: SqlValue) -> GroupKey:
        return cast("int", key) * self._unit_ns if self._unit_ns else cast("str | None", key)

    def _rollup_key(self, key: SqlValue, rollup_ns: int) -> GroupKey:
        """The group of an hour or day of a rollup, or of a usage key."""
        if self._unit_ns:
            return cast("int", key) * rollup_ns // self._unit_ns * self._unit_ns
        return self._fact(key)

    def _fact(self, usage_key: SqlValue) -> str | None:
        return self._facts[cast("int", usage_key)]

    def _facts_of_keys(self) -> dict[int, str | None]:
        rows: Sequence[tuple[SqlValue, ...]] = self._connection.execute(
            f"SELECT key, {_FACTS[self._query.group_by]} FROM usage_keys WHERE project = ?", (self._project,)
        ).fetchall()
        return {cast("int", key): cast("str | None", fact) for key, fact in rows}


def _row_sums(dialect: Dialect) -> str:
    """The sums of rows, in the order of the fields of `UsageSummary`."""
    numbers = [dialect.total(column) for column in ("cost_nano_usd", "input_tokens", "output_tokens")]
    unpriced = "cost_nano_usd IS NULL AND coalesce(input_tokens, 0) + coalesce(output_tokens, 0) > 0"
    return ", ".join(
        (
            "count(*), count(*) FILTER (WHERE status = 'error')",
            *numbers,
            f"count(*) FILTER (WHERE {unpriced}), count(latency_ms)",
            dialect.total("floor(latency_ms * 1000 + 0.5)"),
        )
    )


def _rollup_sums(dialect: Dialect) -> str:
    """The same sums of rows of `rollup_hour`; the project is to be bound once for them."""
    return ", ".join(
        dialect.total(number)
        for number in (
            "calls",
            f"CASE WHEN usage_key IN ({_FAILED}) THEN calls ELSE 0 END",
            "cost_nano_usd",
            "input_tokens",
            "output_tokens",
            "unpriced",
            "latency_calls",
            "latency_sum_us",
        )
    )


def _row_group(group_by: GroupBy) -> str:
    """The group of a row: a fact, or the number of its hour or day.

    Division rounds towards zero; this rounds down for times before 1970 too.
    """
    unit_ns = _UNITS_NS.get(group_by)
    if unit_ns is None:
        return _FACTS[group_by]
    return f"(start_ns - ((start_ns % {unit_ns}) + {unit_ns}) % {unit_ns}) / {unit_ns}"
