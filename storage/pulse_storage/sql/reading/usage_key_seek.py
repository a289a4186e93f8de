"""Lists the calls of few usage keys by seeks in the index `spans_by_usage_key`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from operator import itemgetter

from pulse_storage.filters import Order, Page, TraceFilter
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.reading.conditions import Conditions, add_time, usage_key_conditions

#: Each key costs a seek and one row; on PostgreSQL, as many ids as the page may need.
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
    at_once, offset = page.limit + 1, page.offset
    while True:
        calls = Conditions()
        add_time(calls, where.from_ns, where.before_ns)
        if after is not None:
            calls.add("id > ?" if page.order == "asc" else "id < ?", after)
        if connection.dialect.has_lateral_joins:
            found = _joined_rows(connection, project, select, where, calls, page.order, at_once, offset)
        else:
            merged = _merged_rows(connection, project, select, keys, calls, page.order)
            found = islice(merged, offset, offset + at_once)
        rows = 0
        for values in found:
            rows, after = rows + 1, values[0]
            yield values[0], values
        if rows < at_once:
            return
        offset = 0


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
    connection: Connection,
    project: int,
    select: str,
    where: TraceFilter,
    calls: Conditions,
    order: Order,
    limit: int,
    offset: int,
) -> Iterable[Values]:
    """Read a page in one statement: a lateral join finds the next ids of each key."""
    keys = usage_key_conditions(project, where)
    nearest = (
        "SELECT id FROM spans WHERE project = usage_keys.project AND usage_key = usage_keys.key"
        f" AND {calls.sql()} ORDER BY id {order.upper()} LIMIT {limit + offset:d}"
    )
    found = (
        f"SELECT found.id FROM usage_keys CROSS JOIN LATERAL ({nearest}) AS found"
        f" WHERE {keys.sql()} AND calls > 0 ORDER BY found.id {order.upper()}"
        f" LIMIT {limit:d} OFFSET {offset:d}"
    )
    return connection.execute(rows_by_id(select, found, order), (*calls.bindings, *keys.bindings, project))


def _merged_rows(
    connection: Connection,
    project: int,
    select: str,
    keys: Sequence[int],
    calls: Conditions,
    order: Order,
) -> Iterator[Values]:
    """Merge the rows of one cursor per key; each reads one row more than the caller takes of its key."""
    index = connection.dialect.indexed_by("spans_by_usage_key")
    rows_of_key = (
        f"{select} FROM spans{index} WHERE project = ? AND usage_key = ? AND {calls.sql()}"
        f" ORDER BY id {order.upper()}"
    )
    cursors = [connection.execute(rows_of_key, (project, key, *calls.bindings)) for key in keys]
    return merge(*cursors, key=itemgetter(0), reverse=order == "desc")
