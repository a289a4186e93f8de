"""GET /v1/latencies."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.chart_params import latency_request
from pulse_query_api.responses import json_response
from pulse_query_api.routes.timeseries import range_object, steps_unread
from pulse_query_api.services.latencies import octaves_of
from pulse_storage.adapter import StorageAdapter
from pulse_storage.trace_json import to_nanoseconds


def latency_routes(storage: StorageAdapter, access: ProjectAccess) -> list[BaseRoute]:
    """Return the route that counts a project's calls by step of time and octave of latency."""

    async def get_latencies(request: Request, project_id: str) -> Response:
        requested, query = latency_request(request.scope["query_string"])
        starts = requested.steps.starts
        found = await storage.latencies(project_id, query)
        octaves = octaves_of(found)
        p50, p95, p99 = map(to_nanoseconds, octaves.percentiles_ms)
        unread = steps_unread(starts, found.complete_from_ns)
        return json_response(
            {
                **range_object(requested),
                "bounds_ms": octaves.bounds_ms,
                "counts": [None] * unread + octaves.counts[unread : len(starts)],
                "unknown": [None] * unread + found.unknown[unread : len(starts)],
                "p50_ms": p50,
                "p95_ms": p95,
                "p99_ms": p99,
                "complete": found.complete_from_ns is None,
            }
        )

    return [KeyRoute("/v1/latencies", get_latencies, access, problem_details=True)]
