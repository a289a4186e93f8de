"""Admin routes of projects and their keys."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api import bodies
from pulse_query_api.auth import AdminKey, AdminRoute
from pulse_query_api.json_objects import key_object, project_object
from pulse_query_api.responses import json_response
from pulse_query_api.services import admin
from pulse_storage.engines import Store

_audit = logging.getLogger("pulse.audit")


def admin_routes(storage: Store, admin_key: AdminKey) -> list[BaseRoute]:
    """Return the routes that manage projects and their keys."""

    async def post_projects(request: Request) -> Response:
        name = bodies.project_name(await bodies.read(request))
        project, created = await admin.create_project(storage, name)
        _audit.info("project %s created with key %s", project.id, created.record.id)
        return json_response({"projectId": project.id, "apiKey": created.key, "name": project.name}, 201)

    async def get_projects(_request: Request) -> Response:
        projects = [project_object(project) for project in await storage.list_projects()]
        return json_response({"projects": projects})

    async def patch_project(request: Request) -> Response:
        name = bodies.project_name(await bodies.read(request))
        project = await admin.rename_project(storage, request.path_params["project_id"], name)
        _audit.info("project %s renamed", project.id)
        return json_response(project_object(project))

    async def delete_project(request: Request) -> Response:
        project_id = request.path_params["project_id"]
        name = bodies.project_name(await bodies.read(request))
        deletion = await admin.delete_project(storage, project_id, name)
        _audit.info("project %s deleted, as erasure %s", project_id, deletion.id)
        return json_response(deletion.as_json(), 202 if deletion.finished_ns is None else 200)

    async def get_keys(request: Request) -> Response:
        keys = await admin.list_keys(storage, request.path_params["project_id"])
        return json_response({"keys": [key_object(key) for key in keys]})

    async def post_keys(request: Request) -> Response:
        scopes, expires_ns = bodies.key_request(await bodies.read(request))
        created = await admin.create_key(storage, request.path_params["project_id"], scopes, expires_ns)
        _audit.info("key %s of project %s created", created.record.id, created.record.project_id)
        return json_response({"apiKey": created.key, **key_object(created.record)}, 201)

    async def delete_key(request: Request) -> Response:
        project_id, key_id = request.path_params["project_id"], request.path_params["key_id"]
        await admin.revoke_key(storage, project_id, key_id)
        _audit.info("key %s of project %s revoked", key_id, project_id)
        return Response(status_code=204)

    project_path = "/admin/projects/{project_id}"
    keys_path = f"{project_path}/keys"
    return [
        AdminRoute("/admin/projects", post_projects, admin_key, method="POST", problem_details=False),
        AdminRoute("/admin/projects", get_projects, admin_key),
        AdminRoute(project_path, patch_project, admin_key, method="PATCH"),
        AdminRoute(project_path, delete_project, admin_key, method="DELETE"),
        AdminRoute(keys_path, get_keys, admin_key),
        AdminRoute(keys_path, post_keys, admin_key, method="POST"),
        AdminRoute(f"{keys_path}/{{key_id}}", delete_key, admin_key, method="DELETE"),
    ]
