"""A page of traces with its total."""

from __future__ import annotations

from dataclasses import dataclass

from pulse_storage.adapter import StorageAdapter
from pulse_storage.filters import Count, Page, TraceFilter
from pulse_storage.rows import TraceRecord


@dataclass(frozen=True, slots=True)
class TraceList:
    """Rows without bodies, how many there are in all, and where the next page begins."""

    rows: list[TraceRecord]
    total: Count
    next_cursor: str | None


async def list_traces(storage: StorageAdapter, project_id: str, where: TraceFilter, page: Page) -> TraceList:
    """One page. Raises InvalidCursor or StoreUnavailable."""
    found = await storage.list_traces(project_id, where, page)
    if page.cursor is None and found.next_cursor is None and (found.rows or not page.offset):
        # The list ends on this page, so its length is known: counting is the slow part of a list.
        total = Count(page.offset + len(found.rows), exact=True)
    else:
        total = await storage.count_traces(project_id, where)
    return TraceList(found.rows, total, found.next_cursor)
