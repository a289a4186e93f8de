"""Answers analytics queries from rollups if those have the filtered fields, else from rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pulse_storage.ids import time_floor
from pulse_storage.queries.filters import Analytics, AnalyticsGroup, AnalyticsQuery, GroupBy, UsageSummary
from pulse_storage.sql.connection import Connection, SqlValue
from pulse_storage.sql.reading.conditions import add_usage_keys, index_for, is_of_usage_keys, row_conditions
from pulse_storage.sql.reading.counts import Span, counted_between, counted_rows, in_units, split_range
from pulse_storage.sql.reading.sums import Sums, rollup_sums, row_sums
from pulse_storage.sql.reading.top_groups import top_groups
from pulse_storage.sql.tables.rollups import DAY_NS, HOUR_NS

GroupKey = int | str | None

_FACTS = {"model": "coalesce(model_used, model_requested)", "provider": "provider"}
_UNITS_NS = {"day": DAY_NS, "hour": HOUR_NS}


def analytics(connection: Connection, project: int, query: AnalyticsQuery) -> Analytics:
    """Return the sums of the counted rows of a project that match the query, in total and by group."""
    where = replace(query.filter, from_ns=query.from_ns, before_ns=query.before_ns, counted=True)
    query = replace(query, filter=where)
    if query.from_ns >= query.before_ns:
        return Analytics(UsageSummary(), [])
    from_rollups = is_of_usage_keys(where)
    if query.group_by in _UNITS_NS or (from_rollups and query.group_by in _FACTS):
        groups = _Groups(connection, project, query)
        if from_rollups:
            groups.add_rollups()
        else:
            groups.add_rows()
        return groups.answer()
    named = top_groups(connection, project, query)
    if query.group_by != "tag":
        return named
    return replace(named, total=analytics(connection, project, replace(query, group_by="day")).total)


class _Groups:
    """The groups of one query. Parts of its range are added to them one by one.

    SQL groups by usage key, a number; this class maps usage keys to the fact that the query groups by.
    """

    def __init__(self, connection: Connection, project: int, query: AnalyticsQuery) -> None:
        self._connection = connection
        self._by = connection.dialect.indexed_by
        self._row_sums = row_sums(connection.dialect)
        self._rollup_sums = rollup_sums(connection.dialect)
        self._project = project
        self._query = query
        self._groups: dict[GroupKey, Sums] = {}
        self._unit_ns = _UNITS_NS.get(query.group_by)
        self._facts: dict[int, str | None] = {} if self._unit_ns else self._facts_of_keys()

    def answer(self) -> Analytics:
        """Return the sums of all groups, and of each or of the most expensive."""
        total, rest = Sums(), Sums()
        for group in self._groups.values():
            total.merge(group)
        shown = list(self._groups.items())
        if not self._unit_ns:
            shown.sort(key=_place)
            for _, group in shown[self._query.limit :]:
                rest.merge(group)
            del shown[self._query.limit :]
        groups = [AnalyticsGroup(key, group.summary()) for key, group in shown]
        return Analytics(total.summary(), groups, rest.summary() if rest.calls else None)

    def add_rows(self) -> None:
        """Add all sums from rows, for filters on fields that rollups do not have."""
        conditions = row_conditions(self._connection.dialect, self._project, self._query.filter)
        add_usage_keys(conditions, self._project, self._query.filter)
        rows = self._connection.execute(
            f"SELECT {_row_group(self._query.group_by)}, latency_bucket, {self._row_sums}"
            f" FROM spans{self._by(index_for(self._query.filter))} WHERE {conditions.sql()} GROUP BY 1, 2",
            conditions.bindings,
        )
        for key, bucket, *sums in rows:
            self._group(self._row_key(key)).add(sums, bucket)

    def add_rollups(self) -> None:
        """Add whole hours and days from rollups, and the edges of the range from rows."""
        whole, edges = split_range(self._query.from_ns, self._query.before_ns, HOUR_NS)
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
            # There is no hourly histogram: read each hour that has calls from the index.
            self._add_hourly_latencies([key for key in self._groups if isinstance(key, int)])
            return
        whole, edges = split_range(query.from_ns, query.before_ns, DAY_NS)
        if whole is not None:
            conditions = in_units(self._project, "day", whole, query.filter)
            by = "day" if self._unit_ns else "usage_key"
            calls_sum = self._connection.dialect.sum_as_text("sum(calls)")
            rows = self._connection.execute(
                f"SELECT {by}, bucket, {calls_sum} FROM latency_day WHERE {conditions.sql()} GROUP BY 1, 2",
                conditions.bindings,
            )
            for key, bucket, calls in rows:
                group = self._group(self._rollup_key(key, DAY_NS))
                group.latencies[bucket] += int(calls)
        for edge in edges:
            self._add_edge_latencies(edge)

    def _add_hourly_latencies(self, hours_ns: Sequence[int]) -> None:
        """Add the histograms of the rows of hours, which are given by their start times."""
        query = self._query
        # Ids of rows that start at or after 1970 contain their time.
        from_ns = max(query.from_ns, 1)
        whole = [start_ns for start_ns in hours_ns if from_ns <= start_ns <= query.before_ns - HOUR_NS]
        for start_ns in set(hours_ns).difference(whole):
            self._add_edge_latencies((max(start_ns, query.from_ns), min(start_ns + HOUR_NS, query.before_ns)))
        if not whole:
            return
        conditions = counted_rows(self._project, query.filter)
        rows = self._connection.dialect.in_each(
            self._connection,
            f"SELECT latency_bucket, count(*) AS calls FROM spans{self._by('spans_counted')}"
            f" WHERE {conditions.sql()} AND latency_bucket IS NOT NULL AND {{within}} GROUP BY 1",
            conditions.bindings,
            [(time_floor(start_ns), time_floor(start_ns + HOUR_NS)) for start_ns in whole],
        )
        latencies = [self._group(start_ns).latencies for start_ns in whole]
        for number, bucket, calls in rows:
            latencies[number][bucket] += calls

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
                self._group(group_key).latencies[bucket] += calls

    def _group(self, key: GroupKey) -> Sums:
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Sums()
        return group

    def _row_key(self, key: Any) -> GroupKey:
        return key * self._unit_ns if self._unit_ns else key

    def _rollup_key(self, key: Any, rollup_ns: int) -> GroupKey:
        """Return the group of an hour or day of a rollup, or of a usage key."""
        if self._unit_ns:
            return key * rollup_ns // self._unit_ns * self._unit_ns
        return self._fact(key)

    def _fact(self, usage_key: int) -> str | None:
        return self._facts[usage_key]

    def _facts_of_keys(self) -> dict[int, str | None]:
        rows: Sequence[tuple[SqlValue, ...]] = self._connection.execute(
            f"SELECT key, {_FACTS[self._query.group_by]} FROM usage_keys WHERE project = ?", (self._project,)
        ).fetchall()
        return {key: fact for key, fact in rows}


def _place(group: tuple[GroupKey, Sums]) -> tuple[int, int, str]:
    key, sums = group
    return -sums.cost_nano_usd, -sums.calls, str(key or "")


def _row_group(group_by: GroupBy) -> str:
    """Return an expression for the group of a row: its usage key, or the number of its hour or day.

    Division in SQLite rounds towards zero; this expression rounds down for times before 1970 too.
    """
    unit_ns = _UNITS_NS.get(group_by)
    if unit_ns is None:
        return _FACTS[group_by]
    return f"(start_ns / {unit_ns} - CASE WHEN start_ns % {unit_ns} < 0 THEN 1 ELSE 0 END)"
