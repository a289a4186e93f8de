"""Counts rows, and splits time ranges into whole hours or days, which rollups have, and edges."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from pulse_storage.ids import time_floor
from pulse_storage.queries.filters import Count, TraceFilter
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.reading.conditions import (
    Conditions,
    add_time,
    add_usage_keys,
    index_for,
    is_of_usage_keys,
    usage_key_conditions,
)
from pulse_storage.sql.reading.scan import batches, within
from pulse_storage.sql.tables.rollups import HOUR_NS
from pulse_storage.sql.tables.watermarks import read_watermarks

_MS_NS = 1_000_000
_MIN_NS = -(1 << 63)
#: Counting row by row stops at this number.
_COUNT_BOUND = 10_000

#: A half-open range of Unix nanoseconds.
Span = tuple[int, int]
#: A half-open range of hours or days since 1970; None is no bound.
Units = tuple[int | None, int | None]


def count_rows(connection: Connection, project: int, where: TraceFilter, seconds: float) -> Count:
    """Count matching rows: exactly if rollups can answer, else up to 10,000 rows or `seconds`."""
    if not is_of_usage_keys(where):
        return _bounded_count(connection, project, where, seconds)
    if where.from_ns is None and where.before_ns is None:
        totals = usage_key_conditions(project, where)
        return Count(_number(connection, "coalesce(sum(calls), 0) FROM usage_keys", totals), exact=True)
    rows = 0
    whole, edges = _parts_of_range(connection, project, where)
    if whole is not None:
        hours = in_units(project, "hour", whole, where)
        rows += _number(connection, "coalesce(sum(calls), 0) FROM rollup_hour", hours)
    for edge in edges:
        rows += _count_between(connection, project, where, edge)
    return Count(rows, exact=True)


def calls_by_key(connection: Connection, project: int, where: TraceFilter) -> Counter[int]:
    """Count the stored rows of each usage key exactly, for a filter that rollups can answer."""
    found = Counter[int]()
    if where.from_ns is None and where.before_ns is None:
        totals = usage_key_conditions(project, where)
        _add_calls(connection, found, "key, calls FROM usage_keys", totals)
        return found
    whole, edges = _parts_of_range(connection, project, where)
    total = connection.dialect.sum_as_text("sum(calls)")
    if whole is not None:
        hours = in_units(project, "hour", whole, where)
        _add_calls(connection, found, f"usage_key, {total} FROM rollup_hour", hours, "GROUP BY 1")
    index = connection.dialect.indexed_by("spans_counted")
    for edge in edges:
        for conditions in counted_between(project, where, edge):
            _add_calls(connection, found, f"usage_key, count(*) FROM spans{index}", conditions, "GROUP BY 1")
    return found


def _add_calls(
    connection: Connection, calls: Counter[int], select: str, conditions: Conditions, rest: str = ""
) -> None:
    """Add the rows of a query: usage key and number of calls."""
    rows = connection.execute(f"SELECT {select} WHERE {conditions.sql()} {rest}", conditions.bindings)
    for key, number in rows:
        calls[key] += int(number)


def _parts_of_range(
    connection: Connection, project: int, where: TraceFilter
) -> tuple[Units | None, list[Span]]:
    """Split the filter's range into whole hours with exact rollups, and ranges whose rows must be counted.

    The rollups of hours from which retention deleted rows include the deleted ones.
    """
    marks = read_watermarks(connection, project)
    from_ns, before_ns = where.from_ns, where.before_ns
    kept_from_ns = -(-marks.rows_from_ns // HOUR_NS) * HOUR_NS
    if not marks.rows_from or (from_ns is not None and from_ns >= kept_from_ns):
        return split_range(from_ns, before_ns, HOUR_NS)
    end_ns = kept_from_ns if before_ns is None else min(before_ns, kept_from_ns)
    whole, edges = split_range(kept_from_ns, before_ns, HOUR_NS)
    return whole, [(_MIN_NS if from_ns is None else max(_MIN_NS, from_ns), end_ns), *edges]


def split_range(from_ns: int | None, before_ns: int | None, unit_ns: int) -> tuple[Units | None, list[Span]]:
    """Split a time range into its whole units, if any, and its edges. No edge extends beyond one unit."""
    first = None if from_ns is None else -(-from_ns // unit_ns)
    last = None if before_ns is None else before_ns // unit_ns
    if from_ns is not None and before_ns is not None and first is not None and last is not None:
        if from_ns >= before_ns:
            return None, []
        if first > last:
            return None, [(from_ns, before_ns)]
    edges: list[Span] = []
    if from_ns is not None and first is not None and from_ns < first * unit_ns:
        edges.append((from_ns, first * unit_ns))
    if before_ns is not None and last is not None and last * unit_ns < before_ns:
        edges.append((last * unit_ns, before_ns))
    is_empty = first is not None and first == last
    return None if is_empty else (first, last), edges


def counted_between(project: int, where: TraceFilter, span: Span) -> Iterator[Conditions]:
    """Yield conditions that together select the matching counted rows in a time range, each row once.

    Ids contain the start in milliseconds, so all but the two ends need only the index `spans_counted`.
    """
    from_ns, before_ns = span
    first, last = -(-from_ns // _MS_NS) * _MS_NS, before_ns // _MS_NS * _MS_NS
    if first <= 0 or first >= last:
        yield _counted_within(project, where, span)
        return
    if from_ns < first:
        yield _counted_within(project, where, (from_ns, first))
    conditions = counted_rows(project, where)
    conditions.add("spans.id >= ? AND spans.id < ?", time_floor(first), time_floor(last))
    yield conditions
    if last < before_ns:
        yield _counted_within(project, where, (last, before_ns))


def in_units(project: int, column: str, whole: Units, where: TraceFilter) -> Conditions:
    """Return conditions on a rollup table: matching rows in whole hours or days."""
    conditions = Conditions()
    first, last = whole
    conditions.add("project = ?", project)
    if first is not None:
        conditions.add(f"{column} >= ?", first)
    if last is not None:
        conditions.add(f"{column} < ?", last)
    add_usage_keys(conditions, project, where)
    return conditions


def _counted_within(project: int, where: TraceFilter, span: Span) -> Conditions:
    conditions = counted_rows(project, where)
    add_time(conditions, *span)
    return conditions


def counted_rows(project: int, where: TraceFilter) -> Conditions:
    """Return conditions on counted rows, without time, of a filter that rollups can answer."""
    conditions = Conditions()
    conditions.add("project = ?", project)
    conditions.add("usage_key IS NOT NULL")
    add_usage_keys(conditions, project, where)
    return conditions


def _bounded_count(connection: Connection, project: int, where: TraceFilter, seconds: float) -> Count:
    deadline_s = time.monotonic() + seconds
    index = connection.dialect.indexed_by(index_for(where))
    rows = 0
    for batch in batches(connection, project, where, "desc"):
        conditions = within(connection.dialect, project, where, "desc", batch)
        rows += _number(
            connection,
            f"count(*) FROM (SELECT 1 FROM spans{index}",
            conditions,
            f"LIMIT {_COUNT_BOUND + 1 - rows:d}) AS bounded",
        )
        if rows > _COUNT_BOUND:
            return Count(_COUNT_BOUND, exact=False)
        if batch[1] is not None and time.monotonic() > deadline_s:
            return Count(rows, exact=False)
    return Count(rows, exact=True)


def _count_between(connection: Connection, project: int, where: TraceFilter, span: Span) -> int:
    counted_rows = f"count(*) FROM spans{connection.dialect.indexed_by('spans_counted')}"
    return sum(
        _number(connection, counted_rows, conditions) for conditions in counted_between(project, where, span)
    )


def _number(connection: Connection, select: str, conditions: Conditions, rest: str = "") -> int:
    return connection.execute(f"SELECT {select} WHERE {conditions.sql()} {rest}", conditions.bindings).get
