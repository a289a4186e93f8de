"""GET /v1/traces and GET /v1/traces/{trace_id}."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api import params
from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.errors import ApiError
from pulse_query_api.responses import json_response
from pulse_query_api.services.traces import list_traces
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.filters import Count
from pulse_storage.trace_json import trace_object

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_OTEL_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")


def trace_routes(storage: StorageAdapter, access: ProjectAccess) -> list[BaseRoute]:
    """Return the routes that list trace rows, and read one trace row with its bodies."""

    async def get_traces(request: Request, project_id: str) -> Response:
        query = params.list_query(request.scope["query_string"])
        found = await list_traces(storage, project_id, query)
        headers = {"X-Total-Count": _total_text(found.total)}
        if found.next_cursor is not None:
            headers["Link"] = _next_link(request, found.next_cursor)
        return json_response(
            {
                "traces": [trace_object(row, bodies=False) for row in found.rows],
                "total": found.total.rows,
                "limit": query.page.limit,
                "offset": query.page.offset,
            },
            headers=headers,
        )

    async def get_trace(request: Request, project_id: str) -> Response:
        params.no_query(request.scope["query_string"])
        trace_id: str = request.path_params["trace_id"].strip()
        found = await storage.get_trace(project_id, UUID(trace_id)) if _UUID.fullmatch(trace_id) else None
        if found is None:
            raise ApiError(404, f"This project has no trace with this id.{_hint(trace_id)}")
        return json_response(trace_object(found, bodies=True))

    return [
        KeyRoute("/v1/traces", get_traces, access),
        KeyRoute("/v1/traces/{trace_id}", get_trace, access),
    ]


def _hint(trace_id: str) -> str:
    """Return a sentence on how to list the spans of an OpenTelemetry trace id, or "" for another id."""
    if not _OTEL_TRACE_ID.fullmatch(trace_id):
        return ""
    return f" For an OpenTelemetry trace id use GET /v1/traces?otel_trace_id={trace_id}&operation=all."


def _total_text(total: Count) -> str:
    return str(total.rows) if total.exact else f">={total.rows}"


def _next_link(request: Request, cursor: str) -> str:
    """Return the Link header of the next page: same parameters, new cursor.

    The URL is relative: behind a proxy only the client knows the server's address.
    """
    parameters = parse_qsl(request.scope["query_string"].decode("latin-1"))
    kept = [(name, value) for name, value in parameters if name not in ("cursor", "offset")]
    return f'<{quote(request.scope["path"])}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'
