"""Walks the calls of few usage keys: only the hours are looked at of which the sums know any such call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from pulse_storage.filters import Order, Page, TraceFilter
from pulse_storage.ids import time_floor, time_of
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.reading.conditions import Conditions, add_usage_keys
from pulse_storage.sql.tables.rollups import HOUR_NS

#: Hours whose sums are looked through before the walk can be left.
_WINDOW_HOURS = 1_000
_FIRST_HOUR, _LAST_HOUR = -(1 << 63) // HOUR_NS, (1 << 63) // HOUR_NS
_FIRST_ID = bytes(16)


def keyed_rows(
    connection: Connection,
    project: int,
    select: str,
    where: TraceFilter,
    conditions: Conditions,
    page: Page,
    after: bytes | None,
) -> Iterator[tuple[bytes, Values | None]]:
    """See `scan.matching_rows`, for filters that usage keys alone decide and pages without an offset.

    `conditions` are those of matching rows, wherever the walk is.
    """
    at_once = page.limit + 1
    bounds = _hours_beyond(where, page.order, after)
    while True:
        window = _window(connection, project, bounds, page.order)
        if window is None:
            return
        hours = _hours_with_calls(connection, project, where, window, page.order, at_once)
        rows = 0
        if hours:
            for values in _rows_of_hours(connection, project, select, conditions, page, after, hours):
                rows, after = rows + 1, cast("bytes", values[0])
                yield after, values
        if rows == at_once:
            bounds = _hours_beyond(where, page.order, after)
            continue
        # Where the sums promised enough, but those rows were behind the cursor or are gone, others follow.
        stopped = len(hours) > 0 and sum(calls for _, calls in hours) >= at_once
        if page.order == "desc":
            first = hours[-1][0] if stopped else window[0]
            after, bounds = _first_id(first), (bounds[0], first - 1)
        else:
            last = hours[-1][0] if stopped else window[1]
            after, bounds = _id_before(_first_id(max(last, 0) + 1)), (last + 1, bounds[1])
        yield after, None


def _rows_of_hours(
    connection: Connection,
    project: int,
    select: str,
    conditions: Conditions,
    page: Page,
    after: bytes | None,
    hours: Sequence[tuple[int, int]],
) -> Iterator[Values]:
    dialect = connection.dialect
    where = Conditions([*conditions.terms], [*conditions.bindings])
    if after is not None:
        where.add("id > ?" if page.order == "asc" else "id < ?", after)
    in_order = f"ORDER BY id {page.order.upper()}"
    counted = f"spans{dialect.indexed_by('spans_counted')}"
    ranges = list(_ranges(hour for hour, _ in sorted(hours)))
    if len(ranges) == 1:
        where.add("id >= ? AND id < ?", *ranges[0])
        found = f"FROM {counted} WHERE {where.sql()} {in_order} LIMIT {page.limit + 1:d}"
        return iter(connection.execute(f"{select} {found}", where.bindings))
    # The ids of all hours are put in order before any row is read.
    found = (
        f"SELECT id FROM {dialect.unnest_bytes('hours')} CROSS JOIN {counted}"
        " WHERE id >= substr(hours.value, 1, 16) AND id < substr(hours.value, 17)"
        f" AND {where.sql()} {in_order} LIMIT {page.limit + 1:d}"
    )
    term = dialect.in_subquery("id", found)
    rows = f"FROM spans{dialect.indexed_by('spans_by_id')} WHERE project = ? AND {term}"
    bindings = (project, dialect.bytes_array([first + end for first, end in ranges]), *where.bindings)
    return iter(connection.execute(f"{select} {rows} {in_order}", bindings))


def _hours_beyond(where: TraceFilter, order: Order, after: bytes | None) -> tuple[int, int]:
    """The first and the last hour in which rows may start that follow."""
    first = _FIRST_HOUR if where.from_ns is None else where.from_ns // HOUR_NS
    last = _LAST_HOUR if where.before_ns is None else where.before_ns // HOUR_NS
    if after is None:
        return first, last
    hour = time_of(after) // HOUR_NS
    if order == "desc":
        return first, min(last, hour)
    # Rows that start before 1970 have ids of the hour after.
    return (max(first, hour) if hour > 0 else first), last


def _window(
    connection: Connection, project: int, bounds: tuple[int, int], order: Order
) -> tuple[int, int] | None:
    """The next hours that have any sums, within the bounds."""
    edge = "max" if order == "desc" else "min"
    found = connection.execute(
        f"SELECT {edge}(hour) FROM rollup_hour WHERE project = ? AND hour >= ? AND hour <= ?",
        (project, *bounds),
    ).get
    if found is None:
        return None
    hour = cast("int", found)
    if order == "desc":
        return max(bounds[0], hour - _WINDOW_HOURS + 1), hour
    # What starts before 1970 stands among the ids of the hour after, which must not be parted.
    return hour, min(max(bounds[1], 0), max(hour + _WINDOW_HOURS - 1, 0))


def _hours_with_calls(
    connection: Connection,
    project: int,
    where: TraceFilter,
    window: tuple[int, int],
    order: Order,
    enough: int,
) -> list[tuple[int, int]]:
    """Hours with matching calls, and how many; the nearest ones, until there are enough."""
    conditions = Conditions()
    conditions.add("project = ? AND hour >= ? AND hour <= ?", project, *window)
    add_usage_keys(conditions, project, where)
    found = connection.execute(
        f"SELECT hour, sum(calls) FROM rollup_hour WHERE {conditions.sql()}"
        f" GROUP BY hour HAVING sum(calls) > 0 ORDER BY hour {order.upper()}",
        conditions.bindings,
    )
    hours: list[tuple[int, int]] = []
    for hour, calls in cast("Iterator[tuple[int, int]]", found):
        hours.append((hour, calls))
        enough -= calls
        if enough <= 0:
            break
    return hours


def _ranges(hours: Iterator[int]) -> Iterator[tuple[bytes, bytes]]:
    """Half-open ranges of ids that hold these hours, which come in ascending order."""
    first = end = None
    for hour in hours:
        shown = max(hour, 0)
        if first is None or end is None:
            first, end = shown, shown + 1
        elif shown <= end:
            end = shown + 1
        else:
            yield _first_id(first), _first_id(end)
            first, end = shown, shown + 1
    if first is not None and end is not None:
        yield _first_id(first), _first_id(end)


def _first_id(hour: int) -> bytes:
    """The smallest id of rows that start in an hour; those from before 1970 are counted to the hour after."""
    return time_floor(hour * HOUR_NS) if hour > 0 else _FIRST_ID


def _id_before(id: bytes) -> bytes:
    return (int.from_bytes(id, "big") - 1).to_bytes(16, "big")
