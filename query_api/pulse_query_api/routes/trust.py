"""GET /v1/trust: what the numbers of a range lack."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.chart_params import trust_filter
from pulse_query_api.responses import json_response
from pulse_query_api.services.trust import RejectedSpans, read_trust
from pulse_storage.adapter import StorageAdapter
from pulse_storage.trace_json import rfc3339


def trust_routes(
    storage: StorageAdapter, access: ProjectAccess, rejected: RejectedSpans | None
) -> list[BaseRoute]:
    """Return the route that reports what the numbers of a range lack."""

    async def get_trust(request: Request, project_id: str) -> Response:
        found = await read_trust(storage, project_id, trust_filter(request.scope["query_string"]))
        spans, since_ns = (None, None) if rejected is None else rejected(project_id)
        return json_response(
            {
                "newest_span_at": _time(found.received.newest_ns),
                "calls": found.calls.calls,
                "priced": found.calls.priced,
                "unpriced": found.calls.unpriced,
                "usage_known": found.calls.known_usage,
                "unknown_usage": found.calls.unknown_usage,
                "traces": found.received.traces,
                "incomplete_traces": found.received.incomplete,
                "rejected": spans,
                "since": _time(since_ns),
                "complete": found.complete,
            }
        )

    return [KeyRoute("/v1/trust", get_trust, access, problem_details=True)]


def _time(time_ns: int | None) -> str | None:
    return None if time_ns is None else rfc3339(time_ns)
