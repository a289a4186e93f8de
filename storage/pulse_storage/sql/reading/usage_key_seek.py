"""Lists the calls of few usage keys by seeks in the index `spans_by_usage_key`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice

from pulse_storage.queries.filters import Order, Page, TraceFilter
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.reading.conditions import Conditions, IdBounds, add_ids, add_time, usage_key_conditions

#: Each key costs a seek; on PostgreSQL, also the ids of a whole page.
MAX_KEYS = 40


def seek_rows(
    connection: Connection,
    project: int,
    select: str,
    where: TraceFilter,
    keys: Sequence[int],
    page: Page,
    after: bytes | None,
) -> Iterator[tuple[bytes, Values | None]]:
    """See `scan.matching_rows`, for filters that usage keys decide, apart from time.

    `keys` are the matching usage keys, at most `MAX_KEYS`.
    """
    if connection.dialect.has_lateral_joins:
        return _joined_rows(connection, project, select, where, page, after)
    return _merged_rows(connection, project, select, where, keys, page, after)


def rows_by_id(select: str, ids: str, order: Order) -> str:
    """Return a query for rows of a project by the ids that a query returns; the project is bound last.

    A lateral join seeks each row, so that only its partition is read.
    """
    return (
        f"{select} FROM ({ids}) AS chosen (row) CROSS JOIN LATERAL"
        " (SELECT * FROM spans WHERE project = ? AND spans.id = chosen.row LIMIT 1) AS spans"
        f" ORDER BY chosen.row {order.upper()}"
    )


def _joined_rows(
    connection: Connection, project: int, select: str, where: TraceFilter, page: Page, after: bytes | None
) -> Iterator[tuple[bytes, Values | None]]:
    """Read each page in one statement, in which a lateral join finds the next ids of each key."""
    at_once, offset, order = page.limit + 1, page.offset, page.order
    keys = usage_key_conditions(project, where)
    while True:
        calls = Conditions()
        add_time(calls, where.from_ns, where.before_ns, IdBounds(order, after))
        nearest = (
            "SELECT id FROM spans WHERE project = usage_keys.project AND usage_key = usage_keys.key"
            f" AND {calls.sql()} ORDER BY id {order.upper()} LIMIT {at_once + offset:d}"
        )
        found = (
            f"SELECT found.id FROM usage_keys CROSS JOIN LATERAL ({nearest}) AS found"
            f" WHERE {keys.sql()} AND calls > 0 ORDER BY found.id {order.upper()}"
            f" LIMIT {at_once:d} OFFSET {offset:d}"
        )
        rows = 0
        bindings = (*calls.bindings, *keys.bindings, project)
        for values in connection.execute(rows_by_id(select, found, order), bindings):
            rows, after = rows + 1, values[0]
            yield values[0], values
        if rows < at_once:
            return
        offset = 0


def _merged_rows(
    connection: Connection,
    project: int,
    select: str,
    where: TraceFilter,
    keys: Sequence[int],
    page: Page,
    after: bytes | None,
) -> Iterator[tuple[bytes, Values | None]]:
    """Merge the ids of one cursor per key, each read only as long as needed, then read the rows of a page.

    Ids come from the index alone: it has no start times, so rows outside the time range are skipped later.
    """
    dialect, at_once, offset, order = connection.dialect, page.limit + 1, page.offset, page.order
    in_time = Conditions()
    add_time(in_time, where.from_ns, where.before_ns)
    in_order = f"ORDER BY id {order.upper()}"
    while True:
        calls = Conditions()
        # Skipped rows must not be counted as part of the offset.
        (add_time if offset else add_ids)(calls, where.from_ns, where.before_ns, IdBounds(order, after))
        ids_of_key = (
            f"SELECT id FROM spans{dialect.indexed_by('spans_by_usage_key')}"
            f" WHERE project = ? AND usage_key = ? AND {calls.sql()} {in_order}"
        )
        cursors = [connection.execute(ids_of_key, (project, key, *calls.bindings)) for key in keys]
        merged: Iterator[tuple[bytes]] = merge(*cursors, reverse=order == "desc")
        ids = [id for (id,) in islice(merged, offset, offset + at_once)]
        if ids:
            rows = (
                f"{select} FROM spans{dialect.indexed_by('spans_by_id')} WHERE project = ?"
                f" AND {dialect.in_array('id')} AND {in_time.sql()} {in_order}"
            )
            for values in connection.execute(rows, (project, dialect.bytes_array(ids), *in_time.bindings)):
                yield values[0], values
        if len(ids) < at_once:
            return
        after, offset = ids[-1], 0
