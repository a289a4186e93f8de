"""GET /v1/traces and GET /v1/traces/{trace_id}."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api import params
from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.responses import json_response, next_link
from pulse_query_api.services.traces import find_trace, list_traces
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.filters import Count
from pulse_storage.trace_json import trace_object


def trace_routes(storage: StorageAdapter, access: ProjectAccess) -> list[BaseRoute]:
    """Return the routes that list trace rows, and read one trace row with its bodies."""

    async def get_traces(request: Request, project_id: str) -> Response:
        query = params.list_query(request.scope["query_string"])
        found = await list_traces(storage, project_id, query)
        headers = {"X-Total-Count": _total_text(found.total)}
        if found.next_cursor is not None:
            headers["Link"] = next_link(request, found.next_cursor)
        body: dict[str, object] = {
            "traces": [trace_object(row, bodies=False) for row in found.rows],
            "total": found.total.rows,
            "limit": query.page.limit,
            "offset": query.page.offset,
        }
        if query.page.sort != "time":
            body["complete"] = found.complete
            headers["X-Complete"] = "true" if found.complete else "false"
        return json_response(body, headers=headers)

    async def get_trace(request: Request, project_id: str) -> Response:
        params.no_query(request.scope["query_string"])
        found = await find_trace(storage, project_id, request.path_params["trace_id"])
        return json_response(trace_object(found, bodies=True))

    return [
        KeyRoute("/v1/traces", get_traces, access),
        KeyRoute("/v1/traces/{trace_id}", get_trace, access),
    ]


def _total_text(total: Count) -> str:
    return str(total.rows) if total.exact else f">={total.rows}"
