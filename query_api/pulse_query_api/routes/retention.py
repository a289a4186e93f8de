"""Admin routes of retention policies and erasures."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api import bodies
from pulse_query_api.auth import AdminKey, AdminRoute
from pulse_query_api.json_objects import retention_object
from pulse_query_api.responses import json_response
from pulse_query_api.services import retention
from pulse_storage.engines import Store
from pulse_storage.retention import RetentionPolicy

_audit = logging.getLogger("pulse.audit")


def retention_routes(storage: Store, admin_key: AdminKey, default: RetentionPolicy) -> list[BaseRoute]:
    """Return the routes that read, set and delete retention policies, and order and list erasures.

    `default` is the policy of projects without their own.
    """

    async def get_retention(request: Request) -> Response:
        return await _answer(request.path_params["project_id"])

    async def put_retention(request: Request) -> Response:
        project_id = request.path_params["project_id"]
        policy = bodies.retention_policy(await bodies.read(request))
        await retention.set_policy(storage, project_id, policy)
        _audit.info("retention policy of project %s set: %s", project_id, policy.as_text())
        return await _answer(project_id)

    async def delete_retention(request: Request) -> Response:
        project_id = request.path_params["project_id"]
        await retention.set_policy(storage, project_id, None)
        _audit.info("retention policy of project %s deleted", project_id)
        return Response(status_code=204)

    async def post_erase(request: Request) -> Response:
        project_id = request.path_params["project_id"]
        subject, value, dry_run = bodies.erasure_request(await bodies.read(request))
        if dry_run:
            rows, calls = await retention.count_erasable(storage, project_id, subject, value)
            return json_response({"dryRun": True, "rows": rows, "calls": calls})
        erasure = await retention.order_erasure(storage, project_id, subject, value)
        _audit.info("erasure %s by %s in project %s ordered", erasure.id, subject, project_id)
        return json_response(erasure.as_json(), 202 if erasure.finished_ns is None else 200)

    async def get_erase(request: Request) -> Response:
        found = await retention.list_erasures(storage, request.path_params["project_id"])
        return json_response({"erasures": [erasure.as_json() for erasure in found]})

    async def _answer(project_id: str) -> Response:
        found = await retention.retention_of(storage, project_id, default)
        return json_response(
            retention_object(
                project_id,
                found.policy,
                is_own=found.is_own,
                content_from_ns=found.content_from_ns,
                rows_from_ns=found.rows_from_ns,
            )
        )

    retention_path = "/admin/projects/{project_id}/retention"
    erase_path = "/admin/projects/{project_id}/erase"
    return [
        AdminRoute(retention_path, get_retention, admin_key),
        AdminRoute(retention_path, put_retention, admin_key, method="PUT"),
        AdminRoute(retention_path, delete_retention, admin_key, method="DELETE"),
        AdminRoute(erase_path, get_erase, admin_key),
        AdminRoute(erase_path, post_erase, admin_key, method="POST"),
    ]
