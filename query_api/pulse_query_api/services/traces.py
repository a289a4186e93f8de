"""A page of traces with its total."""

from __future__ import annotations

from dataclasses import dataclass

from pulse_query_api.params import ListQuery
from pulse_storage.adapter import StorageAdapter
from pulse_storage.filters import Count
from pulse_storage.rows import TraceRecord


@dataclass(frozen=True, slots=True)
class TraceList:
    """Rows without bodies, how many there are in all, and where the next page begins."""

    rows: list[TraceRecord]
    total: Count
    next_cursor: str | None


async def list_traces(storage: StorageAdapter, project_id: str, query: ListQuery) -> TraceList:
    """One page. Raises InvalidCursor or StoreUnavailable."""
    where, page = query.where, query.page
    if query.text_in_bodies is None:
        found = await storage.list_traces(project_id, where, page)
    else:
        found = await storage.search_traces(project_id, where, query.text_in_bodies, page)
    total = Count(page.offset + len(found.rows), exact=True)
    if page.cursor is None and found.next_cursor is None and (found.rows or not page.offset):
        # The list ends on this page, so its length is known: counting is the slow part of a list.
        pass
    elif query.text_in_bodies is None:
        total = await storage.count_traces(project_id, where)
    else:
        total = Count(total.rows, exact=False)  # nobody counts what is found by reading every body
    return TraceList(found.rows, total, found.next_cursor)
