"""Finds the calls of few usage keys by seeks: an index has the calls of each in the order of lists."""

from __future__ import annotations

from collections.abc import Iterator

from pulse_storage.filters import Order, Page, TraceFilter
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.reading.conditions import Conditions, add_time, usage_key_conditions

#: From each key as many calls are taken as the page may need, so what is read grows with their number.
MAX_KEYS = 40


def sought_rows(
    connection: Connection, project: int, select: str, where: TraceFilter, page: Page, after: bytes | None
) -> Iterator[tuple[bytes, Values | None]]:
    """See `scan.matching_rows`, for filters that usage keys alone decide and of which few match."""
    at_once, offset, order = page.limit + 1, page.offset, page.order
    keys = usage_key_conditions(project, where)
    while True:
        calls = Conditions()
        add_time(calls, where.from_ns, where.before_ns)
        if after is not None:
            calls.add("id > ?" if page.order == "asc" else "id < ?", after)
        nearest = (
            "SELECT id FROM spans WHERE project = usage_keys.project AND usage_key = usage_keys.key"
            f" AND {calls.sql()}"
            f" ORDER BY id {order.upper()} LIMIT {at_once + offset:d}"
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


def rows_by_id(select: str, ids: str, order: Order) -> str:
    """Reads the rows of a project by ids that a query has put in order; the project is bound last.

    Each is looked for by itself, so that only the partition is visited in which it lies.
    """
    return (
        f"{select} FROM ({ids}) AS chosen (row) CROSS JOIN LATERAL"
        " (SELECT * FROM spans WHERE project = ? AND spans.id = chosen.row LIMIT 1) AS spans"
        f" ORDER BY chosen.row {order.upper()}"
    )
