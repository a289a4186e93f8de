"""Answers queries for sums by step: whole hours from rollups where these have the fields, else from rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from pulse_storage.latency import percentiles
from pulse_storage.queries.filters import AnalyticsQuery
from pulse_storage.queries.timeseries import Timeseries, TimeseriesQuery
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.reading.analytics import analytics
from pulse_storage.sql.reading.call_sums import (
    KnownSums,
    SeriesTable,
    known_rollup_sums,
    known_row_sums,
    sums_by_name,
)
from pulse_storage.sql.reading.conditions import Conditions, add_time, is_of_usage_keys, usage_key_conditions
from pulse_storage.sql.reading.counts import Span, Units, count_rows, in_units
from pulse_storage.sql.reading.steps import Deadline, row_batches, split_steps, step_number
from pulse_storage.sql.reading.top_groups import NAMES
from pulse_storage.sql.tables.rollups import HOUR_NS
from pulse_storage.sql.tables.watermarks import read_watermarks

_SHARES = (0.50, 0.95, 0.99)
#: Calls that are read to find one with a known cost among those whose costs add up to zero.
_MAX_CALLS_A_COST = 2_000
_IN_ROLLUPS = ("model", "provider", None)
#: The answer for a project without calls.
NO_CALLS = Timeseries(
    series=[],
    other=None,
    total=KnownSums().call_sums(),
    p50_latency_ms=None,
    p95_latency_ms=None,
    p99_latency_ms=None,
)


def timeseries(connection: Connection, project: int, query: TimeseriesQuery) -> Timeseries:
    """Return the sums of the counted rows of a project that match the query, by series and step."""
    from_ns, before_ns = query.edges[0], query.edges[-1]
    where = replace(query.filter, from_ns=from_ns, before_ns=before_ns, counted=True)
    query = replace(query, filter=where)
    reading = _SeriesReading(connection, project, query, Deadline.after(query.seconds))
    whole, spans = _sources(connection, project, query)
    for hours in whole:
        reading.add_rollups(hours)
    if spans:
        reading.add_rows(spans)
    return reading.answer()


def _sources(connection: Connection, project: int, query: TimeseriesQuery) -> tuple[list[Units], list[Span]]:
    """Return the parts of the range of a query: whole hours from rollups, and spans of time from rows."""
    where, edges = query.filter, query.edges
    rows_only: tuple[list[Units], list[Span]] = ([], [(edges[0], edges[-1])])
    if query.by not in _IN_ROLLUPS or not is_of_usage_keys(where):
        return rows_only
    marks = read_watermarks(connection, project)
    # The rollups of hours from which retention deleted rows include these.
    has_all_rows = not marks.rows_from or edges[0] >= marks.rows_from_ns
    if not has_all_rows and not _are_short(edges):
        edges = _on_the_hour(edges, marks.rows_from_ns)
    hours, spans = split_steps(edges, HOUR_NS)
    if not hours:
        return rows_only
    if has_all_rows and count_rows(connection, project, where, query.seconds).rows <= query.max_rows:
        return rows_only
    return hours, spans


def _are_short(edges: Sequence[int]) -> bool:
    """Return whether steps are below an hour, except one that a change of clocks cuts to half an hour."""
    return any(later - edge < HOUR_NS // 2 for edge, later in pairwise(edges[1:-1]))


def _on_the_hour(edges: Sequence[int], rows_from_ns: int) -> Sequence[int]:
    """Move the inner edges within hours whose rows retention has deleted to the ends of these hours.

    Rollups alone have all calls of these hours, but not by step: the whole hour belongs to the step in which
    it begins.
    """
    moved: list[int] = []
    for edge_ns in edges[1:-1]:
        hour_ns = edge_ns // HOUR_NS * HOUR_NS
        is_cut = hour_ns < min(edge_ns, rows_from_ns)
        moved.append(hour_ns + HOUR_NS if is_cut else edge_ns)
    # Two edges of one hour, and one in the last hour, become equal to the next.
    distinct = sorted({edge_ns for edge_ns in moved if edge_ns < edges[-1]})
    return [edges[0], *distinct, edges[-1]]


class _SeriesReading:
    """The sums of one query. Parts of its range are added to them one by one."""

    def __init__(
        self, connection: Connection, project: int, query: TimeseriesQuery, deadline: Deadline
    ) -> None:
        self._connection = connection
        self._project = project
        self._query = query
        self._deadline = deadline
        self._table = SeriesTable(query.measure, query.top)
        self._latencies: Counter[int] = Counter()
        self._has_latency_rollups = is_of_usage_keys(query.filter)
        self._names: dict[int, str | None] = {}
        self._from_rollups = False

    def add_rollups(self, hours: Units) -> None:
        """Add whole hours from rollups."""
        self._from_rollups = True
        if not self._names:
            self._names = self._names_of_keys()
        conditions = in_units(self._project, "hour", hours, self._query.filter)
        step = step_number(self._query.edges, f"(hour * {HOUR_NS})")
        rows = self._connection.execute(
            f"SELECT {step}, usage_key, {known_rollup_sums(self._connection.dialect)} FROM rollup_hour"
            f" WHERE {conditions.sql()} GROUP BY 1, 2",
            (self._project, *conditions.bindings),
        )
        for number, key, *sums in rows:
            self._table.add(self._names[key], number, sums, from_rollups=True)

    def add_rows(self, spans: Sequence[Span]) -> None:
        """Add the calls of spans of time from rows, newest first, until the deadline."""
        by, dialect = self._query.by, self._connection.dialect
        sums = known_row_sums(dialect)
        name = "NULL" if by is None else NAMES[by]
        step = step_number(self._query.edges, "start_ns")
        if by == "tag":
            self._table.total = KnownSums()
        found = row_batches(self._connection, self._project, self._query.filter, spans, self._deadline)
        for rows, conditions in found:
            of_batch = f"FROM {rows} WHERE {conditions.sql()}"
            if by == "tag":
                self._add_total(f"SELECT {sums} {of_batch}", conditions)
                of_batch = f"FROM (SELECT * {of_batch}) AS calls{dialect.unnest_tags('calls.tags')}"
            for key, number, *some in self._connection.execute(
                f"SELECT {name}, {step}, {sums} {of_batch} GROUP BY 1, 2", conditions.bindings
            ):
                self._table.add(key, number, some)
            if not self._has_latency_rollups:
                self._add_latencies(f"FROM {rows} WHERE {conditions.sql()}", conditions)

    def answer(self) -> Timeseries:
        """Return the series and the total."""
        if self._from_rollups:
            self._table.resolve(self._has_known_cost)
        series, other, total = self._table.answer()
        if self._has_latency_rollups:
            p50, p95, p99 = self._percentiles_of_rollups()
        else:
            p50, p95, p99 = percentiles(self._latencies, _SHARES)
        return Timeseries(
            series=series,
            other=other,
            total=total,
            p50_latency_ms=p50,
            p95_latency_ms=p95,
            p99_latency_ms=p99,
            complete=self._deadline.read_from_ns is None and self._table.is_exact,
            complete_from_ns=self._deadline.read_from_ns,
        )

    def _add_total(self, select: str, conditions: Conditions) -> None:
        [sums] = self._connection.execute(select, conditions.bindings).fetchall()
        if self._table.total is not None:
            self._table.total.add_rows(sums)

    def _add_latencies(self, of_batch: str, conditions: Conditions) -> None:
        rows = self._connection.execute(
            f"SELECT latency_bucket, count(*) {of_batch} AND latency_bucket IS NOT NULL GROUP BY 1",
            conditions.bindings,
        )
        for bucket, calls in rows:
            self._latencies[bucket] += calls

    def _percentiles_of_rollups(self) -> Sequence[float | None]:
        edges, where = self._query.edges, self._query.filter
        query = AnalyticsQuery(from_ns=edges[0], before_ns=edges[-1], group_by="day", filter=where)
        total = analytics(self._connection, self._project, query).total
        return total.p50_latency_ms, total.p95_latency_ms, total.p99_latency_ms

    def _has_known_cost(self, series: Iterable[str | None], step: int) -> bool:
        """Return whether one of some calls of these series in a step has a known cost."""
        if self._deadline.is_over:
            return False
        keys_of = sums_by_name(self._names)
        keys = [key for name in series for key in keys_of.get(name, ())]
        dialect = self._connection.dialect
        conditions = Conditions()
        conditions.add("project = ?", self._project)
        conditions.add(dialect.in_array("usage_key"), dialect.integers(keys))
        add_time(conditions, self._query.edges[step], self._query.edges[step + 1])
        return bool(
            self._connection.execute(
                f"SELECT count(cost_nano_usd) FROM (SELECT cost_nano_usd"
                f" FROM spans{dialect.indexed_by('spans_by_usage_key')} WHERE {conditions.sql()}"
                f" LIMIT {_MAX_CALLS_A_COST:d}) AS first",
                conditions.bindings,
            ).get
        )

    def _names_of_keys(self) -> dict[int, str | None]:
        by, keys = self._query.by, usage_key_conditions(self._project, self._query.filter)
        rows = self._connection.execute(
            f"SELECT key, {'NULL' if by is None else NAMES[by]} FROM usage_keys WHERE {keys.sql()}",
            keys.bindings,
        )
        return {key: name for key, name in rows}
