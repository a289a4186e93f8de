"""The calls of one session, in parts that fit in memory whatever the session's length."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from pulse_storage.adapter import StorageAdapter
from pulse_storage.filters import Page, TraceFilter
from pulse_storage.rows import TraceRecord

_ROWS_A_PART = 500


async def session_parts(
    storage: StorageAdapter, project_id: str, session_id: str, *, bodies: bool
) -> AsyncIterator[Sequence[TraceRecord]]:
    """Counted model calls, oldest first, with or without bodies; no part if there is no such session.

    A row deleted meanwhile is left out. Raises StoreUnavailable.
    """
    if not session_id or "\0" in session_id:
        return  # no store holds such an id, and some refuse to look for it
    cursor: str | None = None
    while True:
        page = Page(limit=_ROWS_A_PART, order="asc", cursor=cursor)
        found = await storage.list_traces(project_id, TraceFilter(session_id=session_id), page)
        if not bodies:
            yield found.rows
        for row in found.rows if bodies else ():
            whole = await storage.get_trace(project_id, row.trace_id)
            if whole is not None:
                yield [whole]
        if found.next_cursor is None:
            return
        cursor = found.next_cursor
