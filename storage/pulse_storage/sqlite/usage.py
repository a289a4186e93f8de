"""Sums and counts of counted rows over a time range: rollups for whole hours and days, rows at its edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from pulse_storage.filters import Count, TraceFilter
from pulse_storage.ids import time_floor
from pulse_storage.sqlite.conditions import (
    Conditions,
    add_time,
    index_for,
    is_of_usage_keys,
    row_conditions,
    usage_key_conditions,
)
from pulse_storage.sqlite.rollups import HOUR_NS
from pulse_storage.sqlite.sql import Connection

_MS_NS = 1_000_000
#: Counting row by row stops here.
_COUNT_BOUND = 10_000

Span = tuple[int, int]


def matching_keys(connection: Connection, project: int, where: TraceFilter) -> list[int]:
    """The usage keys in use that match the filter."""
    conditions = usage_key_conditions(project, where)
    rows = connection.execute(
        f"SELECT key FROM usage_keys WHERE {conditions.sql()} AND calls > 0", conditions.bindings
    )
    return [cast("int", key) for (key,) in rows]


def count_rows(connection: Connection, project: int, where: TraceFilter) -> Count:
    """How many rows match: exact where rollups can tell, else up to 10 000."""
    if not is_of_usage_keys(where):
        return _bounded_count(connection, project, where)
    if where.from_ns is None and where.before_ns is None:
        conditions = usage_key_conditions(project, where)
        calls = connection.execute(
            f"SELECT ifnull(sum(calls), 0) FROM usage_keys WHERE {conditions.sql()}", conditions.bindings
        ).get
        return Count(cast("int", calls), exact=True)
    keys = matching_keys(connection, project, where)
    whole, edges = whole_and_edges(where.from_ns, where.before_ns, HOUR_NS)
    rows = _calls_in_hours(connection, project, keys, whole) if whole else 0
    for edge in edges:
        for conditions in counted_between(project, keys, edge):
            rows += cast(
                "int",
                connection.execute(
                    f"SELECT count(*) FROM spans INDEXED BY spans_counted WHERE {conditions.sql()}",
                    conditions.bindings,
                ).get,
            )
    return Count(rows, exact=True)


def whole_and_edges(
    from_ns: int | None, before_ns: int | None, unit_ns: int
) -> tuple[tuple[int | None, int | None] | None, list[Span]]:
    """A range as whole units (their numbers, half-open, None if endless) and what is left at its ends.

    No edge crosses the border of a unit.
    """
    first = None if from_ns is None else -(-from_ns // unit_ns)
    last = None if before_ns is None else before_ns // unit_ns
    if from_ns is not None and before_ns is not None and from_ns >= before_ns:
        return None, []
    if first is not None and last is not None and first > last:
        return None, [(cast("int", from_ns), cast("int", before_ns))]
    edges: list[Span] = []
    if from_ns is not None and first is not None and from_ns < first * unit_ns:
        edges.append((from_ns, first * unit_ns))
    if before_ns is not None and last is not None and last * unit_ns < before_ns:
        edges.append((last * unit_ns, before_ns))
    return (None if first == last and first is not None else (first, last)), edges


def counted_between(project: int, keys: Sequence[int], span: Span) -> Iterator[Conditions]:
    """Conditions that together select the counted rows of these usage keys in a time range.

    Ids tell whole milliseconds apart, so all but the two ends can be answered from `spans_counted` alone.
    """
    from_ns, before_ns = span
    first, last = -(-from_ns // _MS_NS) * _MS_NS, before_ns // _MS_NS * _MS_NS
    if first <= 0 or first >= last:
        yield _counted(project, keys, span)
        return
    if from_ns < first:
        yield _counted(project, keys, (from_ns, first))
    conditions = Conditions()
    _add_counted(conditions, project, keys)
    conditions.add("id >= ? AND id < ?", time_floor(first), time_floor(last))
    yield conditions
    if last < before_ns:
        yield _counted(project, keys, (last, before_ns))


def in_keys(keys: Sequence[int]) -> str:
    """A term for rows of these usage keys."""
    return f"usage_key IN ({', '.join(map(str, keys))})"


def in_units(column: str, whole: tuple[int | None, int | None]) -> str:
    """A term for rollup rows of whole hours or days."""
    first, last = whole
    terms = [
        f"{column} >= {first}" if first is not None else "",
        f"{column} < {last}" if last is not None else "",
    ]
    return " AND ".join(term for term in terms if term) or "TRUE"


def _counted(project: int, keys: Sequence[int], span: Span) -> Conditions:
    conditions = Conditions()
    _add_counted(conditions, project, keys)
    add_time(conditions, *span)
    return conditions


def _add_counted(conditions: Conditions, project: int, keys: Sequence[int]) -> None:
    conditions.add("spans.project = ?", project)
    conditions.add(in_keys(keys))


def _calls_in_hours(
    connection: Connection, project: int, keys: Sequence[int], whole: tuple[int | None, int | None]
) -> int:
    calls = connection.execute(
        f"SELECT ifnull(sum(calls), 0) FROM rollup_hour"
        f" WHERE project = ? AND {in_units('hour', whole)} AND {in_keys(keys)}",
        (project,),
    ).get
    return cast("int", calls)


def _bounded_count(connection: Connection, project: int, where: TraceFilter) -> Count:
    conditions = row_conditions(project, where)
    rows = cast(
        "int",
        connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM spans INDEXED BY {index_for(where)}"
            f" WHERE {conditions.sql()} LIMIT ?)",
            (*conditions.bindings, _COUNT_BOUND + 1),
        ).get,
    )
    return Count(min(rows, _COUNT_BOUND), exact=rows <= _COUNT_BOUND)
