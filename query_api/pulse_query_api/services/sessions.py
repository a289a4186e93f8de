"""The calls of one session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from pulse_storage.adapter import StorageAdapter
from pulse_storage.rows import TraceRecord

#: More calls than any conversation has; the rest is reached through the list of traces.
MAX_SESSION_TRACES = 10_000


@dataclass(frozen=True, slots=True)
class Session:
    """Counted model calls, oldest first, without bodies; `cut` if there are more."""

    rows: list[TraceRecord]
    cut: bool


async def session_traces(storage: StorageAdapter, project_id: str, session_id: str) -> Session:
    """The session's calls; none if the project has no such session."""
    if not session_id or "\0" in session_id:
        return Session([], cut=False)  # no store holds such an id, and some refuse to look for it
    rows = await storage.session_traces(project_id, session_id, limit=MAX_SESSION_TRACES + 1)
    return Session(rows[:MAX_SESSION_TRACES], cut=len(rows) > MAX_SESSION_TRACES)


async def with_bodies(
    storage: StorageAdapter, project_id: str, rows: Sequence[TraceRecord]
) -> AsyncIterator[TraceRecord]:
    """The same rows with their bodies, read one at a time; rows deleted meanwhile are left out."""
    for row in rows:
        whole = await storage.get_trace(project_id, row.trace_id)
        if whole is not None:
            yield whole
