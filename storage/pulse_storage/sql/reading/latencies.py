"""Histograms of latency by step: whole days from rollups, else from the index of counted rows, or rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from pulse_storage.ids import time_floor
from pulse_storage.queries.latencies import Latencies, LatencyQuery
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.reading.conditions import is_of_usage_keys
from pulse_storage.sql.reading.counts import Span, Units, counted_between, counted_rows, in_units
from pulse_storage.sql.reading.steps import Deadline, row_batches, split_steps, step_number
from pulse_storage.sql.tables.rollups import DAY_NS, HOUR_NS

_MS_NS = 1_000_000
#: Ranges of ids that are read between two checks of the deadline.
_RANGES = 24


def latencies(connection: Connection, project: int, query: LatencyQuery) -> Latencies:
    """Return the histograms of the counted rows of a project that match the query."""
    edges = query.edges
    where = replace(query.filter, from_ns=edges[0], before_ns=edges[-1], counted=True)
    reading = _HistogramReading(connection, project, replace(query, filter=where))
    if not is_of_usage_keys(where):
        reading.add_rows()
        return reading.answer()
    days, spans = split_steps(edges, DAY_NS)
    for part in days:
        reading.add_days(part)
    reading.add_index(spans)
    return reading.answer()


class _HistogramReading:
    """The histograms of one query. Parts of its range are added to them one by one."""

    def __init__(self, connection: Connection, project: int, query: LatencyQuery) -> None:
        self._connection = connection
        self._project = project
        self._query = query
        self._deadline = Deadline.after(query.seconds)
        self._counted = f"spans{connection.dialect.indexed_by('spans_counted')}"
        steps = len(query.edges) - 1
        self._histograms = [Counter[int]() for _ in range(steps)]
        self._unknown = [0] * steps

    def answer(self) -> Latencies:
        """Return the histograms."""
        return Latencies(
            histograms=[dict(counts) for counts in self._histograms],
            unknown=self._unknown,
            complete_from_ns=self._deadline.read_from_ns,
        )

    def add_rows(self) -> None:
        """Add the whole range from rows, newest first, until the deadline."""
        edges = self._query.edges
        step, span = step_number(edges, "start_ns"), (edges[0], edges[-1])
        batches = row_batches(self._connection, self._project, self._query.filter, [span], self._deadline)
        for rows, conditions in batches:
            self._add(
                self._connection.execute(
                    f"SELECT {step}, latency_bucket, count(*) FROM {rows}"
                    f" WHERE {conditions.sql()} GROUP BY 1, 2",
                    conditions.bindings,
                )
            )

    def add_days(self, days: Units) -> None:
        """Add whole days of UTC from rollups."""
        edges, where, dialect = self._query.edges, self._query.filter, self._connection.dialect
        conditions = in_units(self._project, "day", days, where)
        calls = dialect.sum_as_text("sum(calls)")
        self._add(
            self._connection.execute(
                f"SELECT {step_number(edges, f'(day * {DAY_NS})')}, bucket, {calls}"
                f" FROM latency_day WHERE {conditions.sql()} GROUP BY 1, 2",
                conditions.bindings,
            )
        )
        first, last = (None if day is None else day * 24 for day in days)
        conditions = in_units(self._project, "hour", (first, last), where)
        calls = dialect.sum_as_text("sum(calls - latency_calls)")
        self._add(
            self._connection.execute(
                f"SELECT {step_number(edges, f'(hour * {HOUR_NS})')}, NULL, {calls}"
                f" FROM rollup_hour WHERE {conditions.sql()} GROUP BY 1",
                conditions.bindings,
            )
        )

    def add_index(self, spans: Sequence[Span]) -> None:
        """Add spans of time from the index of counted rows, newest first, until the deadline."""
        parts = _parts_of_steps(self._query.edges, spans)
        for at in range(0, len(parts), _RANGES):
            if at and self._deadline.is_over:
                # Parts are read from the newest: the last one read is the first in time.
                self._deadline.read_from_ns = parts[at - 1][1][0]
                return
            some = parts[at : at + _RANGES]
            self._add_ranges([part for part in some if _is_range_of_ids(part[1])])
            for step, span in some:
                if not _is_range_of_ids(span):
                    self._add_part(step, span)

    def _add_ranges(self, parts: Sequence[tuple[int, Span]]) -> None:
        if not parts:
            return
        conditions = counted_rows(self._project, self._query.filter)
        rows = self._connection.dialect.in_each(
            self._connection,
            f"SELECT latency_bucket, count(*) AS calls FROM {self._counted}"
            f" WHERE {conditions.sql()} AND {{within}} GROUP BY 1",
            conditions.bindings,
            [(time_floor(from_ns), time_floor(before_ns)) for _, (from_ns, before_ns) in parts],
        )
        self._add((parts[int(number)][0], bucket, calls) for number, bucket, calls in rows)

    def _add_part(self, step: int, span: Span) -> None:
        for conditions in counted_between(self._project, self._query.filter, span):
            rows = self._connection.execute(
                f"SELECT latency_bucket, count(*) FROM {self._counted} WHERE {conditions.sql()} GROUP BY 1",
                conditions.bindings,
            )
            self._add((step, values[0], values[1]) for values in rows)

    def _add(self, rows: Iterable[Values]) -> None:
        """Add numbers of calls by step and bucket."""
        for step, bucket, calls in rows:
            if bucket is None:
                self._unknown[step] += int(calls)
            else:
                self._histograms[step][bucket] += int(calls)


def _parts_of_steps(edges: Sequence[int], spans: Sequence[Span]) -> list[tuple[int, Span]]:
    """Split spans of time at the edges of steps; return the parts with their steps, newest first."""
    parts: list[tuple[int, Span]] = []
    for step, (start_ns, end_ns) in enumerate(pairwise(edges)):
        for from_ns, before_ns in spans:
            part = (max(start_ns, from_ns), min(end_ns, before_ns))
            if part[0] < part[1]:
                parts.append((step, part))
    return parts[::-1]


def _is_range_of_ids(span: Span) -> bool:
    """Return whether a range of ids is exactly this span: ids contain milliseconds since 1970."""
    return span[0] > 0 and not span[0] % _MS_NS and not span[1] % _MS_NS
