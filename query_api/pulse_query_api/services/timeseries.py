"""Read sums by step of time, and those of the period before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pulse_query_api.chart_params import TimeseriesRequest
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.timeseries import Timeseries


@dataclass(frozen=True, slots=True)
class TimeseriesReport:
    """The sums of a range, and the totals of the period before."""

    found: Timeseries
    #: None if it was not requested, or could not be summed in time.
    previous: Timeseries | None


async def read_timeseries(
    storage: StorageAdapter, project_id: str, request: TimeseriesRequest
) -> TimeseriesReport:
    """Return the sums by step of a request. Raises StoreUnavailable."""
    found = await storage.timeseries(project_id, request.query)
    if not request.compares:
        return TimeseriesReport(found, None)
    from_ns, before_ns = request.query.edges[0], request.query.edges[-1]
    before = replace(request.query, edges=(2 * from_ns - before_ns, from_ns), by=None)
    previous = await storage.timeseries(project_id, before)
    return TimeseriesReport(found, previous if previous.complete else None)
