"""GET /v1/errors: failed rows in groups."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.chart_params import error_request
from pulse_query_api.responses import json_response
from pulse_query_api.routes.timeseries import range_object, steps_unread
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.error_groups import ErrorGroup
from pulse_storage.trace_json import rfc3339


def error_routes(storage: StorageAdapter, access: ProjectAccess) -> list[BaseRoute]:
    """Return the route that groups a project's failed rows."""

    async def get_errors(request: Request, project_id: str) -> Response:
        requested, query = error_request(request.scope["query_string"])
        starts = requested.steps.starts
        found = await storage.error_groups(project_id, query)
        unread = steps_unread(starts, found.complete_from_ns)
        return json_response(
            {
                **range_object(requested),
                "groups": [_group_object(group, len(starts), unread) for group in found.groups],
                "complete": found.complete,
            }
        )

    return [KeyRoute("/v1/errors", get_errors, access, problem_details=True)]


def _group_object(group: ErrorGroup, steps: int, unread: int) -> dict[str, object]:
    return {
        "error_type": group.error_type,
        "provider": group.provider,
        "model": group.model,
        "message": group.message,
        "calls": group.calls,
        "users": group.users,
        "first_at": rfc3339(group.first_ns),
        "last_at": rfc3339(group.last_ns),
        "counts": [None] * unread + [group.steps.get(step, 0) for step in range(unread, steps)],
        "sample": {"trace_id": group.sample_id, "message": group.sample_message},
    }
