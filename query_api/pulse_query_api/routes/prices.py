"""Admin routes of a project's own prices."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api import bodies
from pulse_query_api.auth import AdminKey, AdminRoute
from pulse_query_api.json_prices import prices_object
from pulse_query_api.responses import json_response
from pulse_query_api.services import prices
from pulse_storage.control_store import ControlStore
from pulse_storage.price_document import project_version

_audit = logging.getLogger("pulse.audit")


def price_routes(storage: ControlStore, admin_key: AdminKey) -> list[BaseRoute]:
    """Return the routes that read, set and delete a project's prices.

    Running collectors apply a change within seconds.
    """

    async def get_prices(request: Request) -> Response:
        project_id = request.path_params["project_id"]
        return json_response(prices_object(project_id, await prices.get_prices(storage, project_id)))

    async def put_prices(request: Request) -> Response:
        project_id = request.path_params["project_id"]
        document = await bodies.price_document(request)
        stored = await prices.set_prices(storage, project_id, document)
        _audit.info("prices of project %s set: %s", project_id, project_version(document))
        return json_response(prices_object(project_id, stored))

    async def delete_prices(request: Request) -> Response:
        project_id = request.path_params["project_id"]
        await prices.delete_prices(storage, project_id)
        _audit.info("prices of project %s deleted", project_id)
        return Response(status_code=204)

    path = "/admin/projects/{project_id}/prices"
    return [
        AdminRoute(path, get_prices, admin_key),
        AdminRoute(path, put_prices, admin_key, method="PUT"),
        AdminRoute(path, delete_prices, admin_key, method="DELETE"),
    ]
