"""Read how far the numbers of a range can be trusted: prices, usage, whole traces, rejected spans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.queries.received import Received, ReceivedQuery
from pulse_storage.queries.timeseries import CallSums, TimeseriesQuery

#: Returns the number of rejected spans of a project, and the time since when they are counted, in Unix
#: nanoseconds.
RejectedSpans = Callable[[str], tuple[int, int]]
_EVERY_CALL = 1 << 62


@dataclass(frozen=True, slots=True)
class Trust:
    """Sums over the calls of a range, and the check of its newest traces."""

    calls: CallSums
    received: Received
    #: Whether time sufficed for all calls of the range and for the check.
    complete: bool


async def read_trust(storage: StorageAdapter, project_id: str, where: TraceFilter) -> Trust:
    """Return the sums and the check of a range, which `where` must have. Raises StoreUnavailable."""
    edges = (where.from_ns or 0, where.before_ns or 0)
    query = TimeseriesQuery(edges=edges, filter=replace(where, from_ns=None, before_ns=None))
    found = await storage.timeseries(project_id, query)
    if found.total.priced is None:
        # Rollups answered, which do not have these numbers. Rows lack calls that retention has deleted.
        from_rows = await storage.timeseries(project_id, replace(query, max_rows=_EVERY_CALL))
        if from_rows.complete and from_rows.total.calls == found.total.calls:
            found = from_rows
    received = await storage.received(project_id, ReceivedQuery(filter=where))
    is_known = found.total.priced is not None
    return Trust(found.total, received, found.complete and is_known and received.complete)
