"""Lists OTel traces in the order of their first matching row, with totals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from pulse_storage.ids import decode_ids, encode_cursor
from pulse_storage.queries.filters import Page, TraceFilter
from pulse_storage.queries.trees import TreePage, TreeSummary
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.reading.conditions import Conditions, row_conditions
from pulse_storage.sql.reading.scan import matching_rows
from pulse_storage.sql.reading.tree_totals import tree_summaries

#: Rows per statement of the walk: many of them may be of the same trace.
_WALK_ROWS = 500
#: Traces whose totals are read together; the deadline is checked after each group.
_GROUP = 10
#: A LIMIT that no trace reaches: the planner then reads the trace first, and checks the filter after that.
_ALL = 1 << 40

#: The first matching row of a trace: its id and the id of the trace.
_First = tuple[bytes, bytes]


def page_of_trees(connection: Connection, project: int, where: TraceFilter, page: Page) -> TreePage:
    """Return a page of traces by the first of their rows that match, in the order of ids.

    `Page.offset` is ignored. Raises InvalidCursor.
    """
    deadline_s = time.monotonic() + page.budget.seconds
    walk = _Walk(connection, project, where, page)
    walk.run(deadline_s)
    trees: list[TreeSummary] = []
    for at in range(0, len(walk.firsts), _GROUP):
        if trees and time.monotonic() > deadline_s:
            return TreePage(trees, walk.cursor(walk.firsts[at - 1][0]), is_complete=False)
        trees += tree_summaries(connection, project, walk.firsts[at : at + _GROUP])
    if walk.is_finished or walk.reached is None:
        return TreePage(trees, None, is_complete=True)
    return TreePage(trees, walk.cursor(walk.reached), is_complete=len(walk.firsts) == page.limit)


class _Walk:
    """Walks over the matching rows of a filter and finds the next traces of a page."""

    def __init__(self, connection: Connection, project: int, where: TraceFilter, page: Page) -> None:
        self._connection = connection
        self._project = project
        self._where = where
        self._page = page
        self._after: bytes | None = None
        #: The first matching row of the first page; later rows that are stored while a client reads pages
        #: decide nothing.
        self._top: bytes | None = None
        if page.cursor is not None:
            self._after, self._top = decode_ids(page.cursor, 2)
        #: Traces without a row on previous pages, and those that are yet to be checked for that.
        self.firsts: list[_First] = []
        self._candidates: list[_First] = []
        #: The next page continues after this id; None if there are no rows.
        self.reached: bytes | None = None
        #: Whether no matching row follows.
        self.is_finished = False

    def cursor(self, after: bytes) -> str:
        """Return the cursor of the page after a row id."""
        return encode_cursor(after, self._top or after)

    def run(self, deadline_s: float) -> None:
        """Find the traces of the page, or those up to the deadline."""
        seen: set[bytes] = set()
        for rows, (id, values) in enumerate(self._rows(), start=1):
            if values is not None:
                self._top = self._top or id
                trace_id: bytes = values[1]
                if trace_id not in seen:
                    if self._is_full():
                        return
                    seen.add(trace_id)
                    self._candidates.append((id, trace_id))
            self.reached = id
            if values is None or rows % _WALK_ROWS == 0:
                # A full page ends here, although its last trace may be the last of all.
                if self._is_full():
                    return
                if time.monotonic() > deadline_s:
                    self._check()
                    return
        self._check()
        self.is_finished = True

    def _rows(self) -> Iterator[tuple[bytes, Values | None]]:
        page = replace(self._page, limit=_WALK_ROWS, offset=0, cursor=None)
        select = "SELECT id, otel_trace_id"
        return matching_rows(self._connection, self._project, select, self._where, page, self._after)

    def _is_full(self) -> bool:
        """Return whether the page has all its traces."""
        if len(self.firsts) + len(self._candidates) == self._page.limit:
            self._check()
        return len(self.firsts) == self._page.limit

    def _check(self) -> None:
        """Keep the candidates that no previous page has: none of their matching rows is on those pages."""
        candidates, self._candidates = self._candidates, []
        if self._after is not None and self._top is not None and candidates:
            conditions = row_conditions(self._connection.dialect, self._project, self._where)
            ids = (self._after, self._top) if self._page.order == "desc" else (self._top, self._after)
            conditions.add("id >= ? AND id <= ?", *ids)
            trace_ids = [trace_id for _, trace_id in candidates]
            listed = _traces_with(self._connection, self._project, conditions, trace_ids)
            candidates = [first for first in candidates if first[1] not in listed]
        self.firsts += candidates


def _traces_with(
    connection: Connection, project: int, conditions: Conditions, trace_ids: list[bytes]
) -> set[bytes]:
    """Return those of these traces that have a row that matches the conditions."""
    dialect = connection.dialect
    query = (
        f"SELECT 1 FROM (SELECT * FROM spans{dialect.indexed_by('spans_by_trace')}"
        f" WHERE project = ? AND {{of_trace}} LIMIT {_ALL:d}) AS one_trace WHERE {conditions.sql()} LIMIT 1"
    )
    found = dialect.in_each_trace(connection, query, (project,), conditions.bindings, trace_ids)
    listed: set[bytes] = {trace_ids[number] for number, _ in found}
    return listed
