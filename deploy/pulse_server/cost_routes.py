"""GET /v1/traces/{trace_id}/cost: rows are those of the query API, prices those of the collector."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_collector.explain.cost import CostReader
from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.params import no_query
from pulse_query_api.responses import json_response
from pulse_query_api.services.traces import find_row
from pulse_storage.adapter import StorageAdapter


def cost_routes(storage: StorageAdapter, reader: CostReader, access: ProjectAccess) -> list[BaseRoute]:
    """Return the route that explains the cost of a row: its buckets of tokens and prices."""

    async def get_cost(request: Request, project_id: str) -> Response:
        no_query(request.scope["query_string"])
        record = await find_row(storage, project_id, request.path_params["trace_id"])
        return json_response(await reader.cost(record))

    return [KeyRoute("/v1/traces/{trace_id}/cost", get_cost, access, problem_details=True)]
