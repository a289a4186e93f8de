"""Lists rows by latency, cost or tokens: the best rows of each batch of an index, within a time budget.

No index has these values. The engine reads the rows of the range batch by batch and returns the best ones of
each; the rows found so far exclude worse ones of later batches. Memory is bounded by the rows of a page.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pulse_storage.latency import latency_bucket
from pulse_storage.queries.filters import Page, Sort, TraceFilter, TracePage
from pulse_storage.queries.sorted_pages import SortCursor, SortValue
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.reading.conditions import Conditions, index_for
from pulse_storage.sql.reading.records import find_sorted
from pulse_storage.sql.reading.scan import batches, within

_VALUES: Mapping[Sort, str] = {
    "latency": "latency_ms",
    "cost": "cost_nano_usd",
    "tokens": (
        "CASE WHEN input_tokens IS NOT NULL OR output_tokens IS NOT NULL"
        " THEN coalesce(input_tokens, 0) + coalesce(output_tokens, 0) END"
    ),
}

#: Value and id of a row.
_Found = tuple[SortValue, bytes]


def page_of_sorted(
    connection: Connection, project: int, project_id: str, where: TraceFilter, page: Page
) -> TracePage:
    """Return a page of rows by a value, equal ones newest first, unknown ones last. Raises InvalidCursor."""
    cursor = SortCursor.first(page.cursor, page.sort, page.order)
    best, until = _best_rows(connection, project, where, page, cursor)
    rows = find_sorted(connection, project, project_id, [id for _, id in best[: page.limit]])
    is_complete = cursor.after is None and until is None
    if len(rows) < len(best):
        # Without any row left, `rows` would repeat its page; find_sorted returns one at least.
        following = replace(cursor, last=best[len(rows) - 1], until=until)
    elif until is not None:
        following = SortCursor(sort=page.sort, order=page.order, after=until)
    else:
        return TracePage(rows, None, is_complete)
    return TracePage(rows, following.text(), is_complete)


@dataclass(slots=True)
class _Best:
    """The first rows in the order of the list, at most `size`."""

    cursor: SortCursor
    size: int
    rows: list[_Found] = field(default_factory=list[_Found])

    def add(self, found: list[_Found]) -> None:
        """Add rows of a batch; each is older than the rows added before."""
        # Stable: of equal values, the rows added before come first, which are newer.
        self.rows = sorted([*self.rows, *found], key=self._place)[: self.size]

    def _place(self, row: _Found) -> tuple[bool, float]:
        value = row[0]
        if value is None:
            return True, 0
        return False, -value if self.cursor.order == "desc" else value

    def add_conditions(self, conditions: Conditions) -> None:
        """Add terms that exclude rows of earlier pages, and rows that cannot be among the first any more."""
        sort = self.cursor.sort
        value, better = _VALUES[sort], ">" if self.cursor.order == "desc" else "<"
        if self.cursor.last is not None:
            last, last_id = self.cursor.last
            if last is None:
                conditions.add(f"{value} IS NULL AND id < ?", last_id)
            else:
                worse = "<" if better == ">" else ">"
                conditions.add(
                    f"({value} {worse} ? OR ({value} = ? AND id < ?) OR {value} IS NULL)", last, last, last_id
                )
        if len(self.rows) < self.size:
            return
        worst = self.rows[-1][0]
        if worst is None:
            conditions.add(f"{value} IS NOT NULL")
            return
        if sort == "latency":
            # The index of calls has this column. The last digit of a logarithm may be off.
            bucket = latency_bucket(worst) or 0
            conditions.add(f"latency_bucket {better}= ?", bucket - 1 if better == ">" else bucket + 1)
        conditions.add(f"{value} {better} ?", worst)


def _best_rows(
    connection: Connection, project: int, where: TraceFilter, page: Page, cursor: SortCursor
) -> tuple[list[_Found], bytes | None]:
    """Return the first rows of the cursor's part after its last row, one more than the page has.

    Return also the end of the part: None if it contains all older rows of the filter. A part that was not
    read before ends where the budget does.
    """
    dialect = connection.dialect
    deadline_s = time.monotonic() + page.budget.seconds
    best = _Best(cursor, page.limit + 1)
    select = f"SELECT id, {_VALUES[cursor.sort]} AS value FROM spans{dialect.indexed_by(index_for(where))}"
    order = f"ORDER BY value {cursor.order.upper()} NULLS LAST, id DESC LIMIT {best.size:d}"
    parts = batches(connection, project, where, "desc", cursor.after, splits_all=True, until=cursor.until)
    for batch in parts:
        conditions = within(dialect, project, where, "desc", batch)
        best.add_conditions(conditions)
        found = connection.execute(f"{select} WHERE {conditions.sql()} {order}", conditions.bindings)
        best.add([(value, id) for id, value in found])
        end = batch[1]
        if cursor.until is None and end is not None and time.monotonic() > deadline_s:
            return best.rows, end
    return best.rows, cursor.until
