"""Read the calls of one session in batches, so that memory does not grow with the session's length."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.filters import Page, TraceFilter
from pulse_storage.rows import TraceRecord

_ROWS_PER_BATCH = 500


async def session_batches(
    storage: StorageAdapter, project_id: str, session_id: str, *, bodies: bool
) -> AsyncIterator[Sequence[TraceRecord]]:
    """Yield the session's counted model calls in batches, oldest first; nothing for an unknown session.

    With `bodies`, each batch is one row with bodies, and rows deleted during iteration are omitted. Raises
    StoreUnavailable.
    """
    if not session_id or "\0" in session_id:
        return  # never stored, and PostgreSQL rejects NUL in a parameter
    cursor: str | None = None
    while True:
        page = Page(limit=_ROWS_PER_BATCH, order="asc", cursor=cursor)
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
