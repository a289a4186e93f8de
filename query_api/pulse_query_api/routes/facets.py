"""GET /v1/facets: the most frequent values of fields."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api import params
from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.responses import json_response
from pulse_storage.adapter import StorageAdapter


def facet_routes(storage: StorageAdapter, access: ProjectAccess) -> list[BaseRoute]:
    """Return the route that counts the values of fields among matching rows."""

    async def get_facets(request: Request, project_id: str) -> Response:
        query = params.facet_query(request.scope["query_string"])
        found = await storage.facets(project_id, query)
        return json_response(
            {
                field: {
                    "values": facet.values,
                    "of": "all" if facet.newest is None else f"newest {facet.newest}",
                }
                for field, facet in found.items()
            }
        )

    return [KeyRoute("/v1/facets", get_facets, access, problem_details=True)]
