"""Read one page of trace rows with the total count."""

from __future__ import annotations

from dataclasses import dataclass

from pulse_query_api.params import ListQuery
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.filters import Count
from pulse_storage.rows import TraceRecord


@dataclass(frozen=True, slots=True)
class TraceList:
    """One page of trace rows without bodies."""

    rows: list[TraceRecord]
    #: Rows on all pages; a lower bound if it is not exact.
    total: Count
    #: Cursor of the next page; None on the last page.
    next_cursor: str | None


async def list_traces(storage: StorageAdapter, project_id: str, query: ListQuery) -> TraceList:
    """Return one page of matching rows, newest first unless ordered otherwise, with the total.

    Raises InvalidCursor or StoreUnavailable.
    """
    where, page = query.where, query.page
    if query.text_in_bodies is None:
        found = await storage.list_traces(project_id, where, page)
    else:
        found = await storage.search_traces(project_id, where, query.text_in_bodies, page)
    total = Count(page.offset + len(found.rows), exact=True)
    if page.cursor is None and found.next_cursor is None and (found.rows or not page.offset):
        # Last page: the total is known. Counting is the slow part of a list, so skip it.
        pass
    elif query.text_in_bodies is None:
        total = await storage.count_traces(project_id, where)
    else:
        total = Count(total.rows, exact=False)  # an exact count would read the bodies of all rows
    return TraceList(found.rows, total, found.next_cursor)
