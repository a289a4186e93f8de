"""GET /v1/timeseries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.chart_params import Range, timeseries_request
from pulse_query_api.responses import json_response
from pulse_query_api.services.timeseries import read_timeseries
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.timeseries import CallSums, Series, Timeseries
from pulse_storage.trace_json import cents, rfc3339, to_nanoseconds

SUMS = (
    *("calls", "errors", "input_tokens", "cache_read_tokens", "output_tokens", "cost_cents", "unpriced"),
    "unknown_usage",
)
_NO_CALLS: Mapping[str, object] = {
    **dict.fromkeys(SUMS, None), "calls": 0, "errors": 0, "unpriced": 0, "unknown_usage": 0
}  # fmt: skip
_NOT_READ: Mapping[str, object] = dict.fromkeys(SUMS, None)


def timeseries_routes(storage: StorageAdapter, access: ProjectAccess) -> list[BaseRoute]:
    """Return the route that sums a project's calls by step of time and series."""

    async def get_timeseries(request: Request, project_id: str) -> Response:
        wanted = timeseries_request(request.scope["query_string"])
        report = await read_timeseries(storage, project_id, wanted)
        found, starts = report.found, wanted.range.steps.starts
        unread = steps_unread(starts, found.complete_from_ns)
        answer: dict[str, object] = {
            **range_object(wanted.range),
            "by": wanted.by,
            "series": [_series_object(series, len(starts), unread) for series in found.series],
            "other": None if found.other is None else _series_object(found.other, len(starts), unread),
            "total": _total_object(found),
            "complete": found.complete,
        }
        if wanted.compares:
            answer["previous"] = None if report.previous is None else _total_object(report.previous)
        return json_response(answer)

    return [KeyRoute("/v1/timeseries", get_timeseries, access, problem_details=True)]


def range_object(requested: Range) -> dict[str, object]:
    """Return the starts of the steps (RFC 3339 in UTC, in seconds), their nominal length and the zone."""
    starts = [f"{rfc3339(start_ns)[:19]}Z" for start_ns in requested.steps.starts]
    return {"starts": starts, "step": requested.steps.step, "tz": requested.tz}


def steps_unread(starts: Sequence[int], complete_from_ns: int | None) -> int:
    """Return the number of steps at the beginning of which some calls were not read."""
    return 0 if complete_from_ns is None else sum(start_ns < complete_from_ns for start_ns in starts)


def _series_object(series: Series, steps: int, unread: int) -> dict[str, object]:
    rows = [
        _NOT_READ
        if step < unread
        else _sums_object(series.steps[step])
        if step in series.steps
        else _NO_CALLS
        for step in range(steps)
    ]
    columns = {name: [row[name] for row in rows] for name in SUMS}
    return {"key": series.key, **columns, "total": _sums_object(series.total)}


def _sums_object(sums: CallSums) -> dict[str, object]:
    return {
        "calls": sums.calls,
        "errors": sums.errors,
        "input_tokens": sums.input_tokens,
        "cache_read_tokens": sums.cache_read_tokens,
        "output_tokens": sums.output_tokens,
        "cost_cents": _cents(sums.cost_nano_usd),
        "unpriced": sums.unpriced,
        "unknown_usage": sums.unknown_usage,
    }


def _total_object(found: Timeseries) -> dict[str, object]:
    return {
        **_sums_object(found.total),
        "reported_cents": _cents(found.total.reported_nano_usd),
        "computed_cents": _cents(found.total.computed_nano_usd),
        "p50_ms": to_nanoseconds(found.p50_latency_ms),
        "p95_ms": to_nanoseconds(found.p95_latency_ms),
        "p99_ms": to_nanoseconds(found.p99_latency_ms),
    }


def _cents(nano_usd: int | None) -> object:
    return None if nano_usd is None else cents(nano_usd)
