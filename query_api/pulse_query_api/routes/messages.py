"""GET /v1/traces/{trace_id}/messages and GET /v1/traces/{trace_id}/parts/{digest}."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api import params
from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.messages.embedded import image_type
from pulse_query_api.messages.parts import Embedded
from pulse_query_api.responses import JSON
from pulse_query_api.services.messages import embedded_part, messages_json
from pulse_storage.adapter import StorageAdapter

_UNSAFE_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME_CHARS = 100


def message_routes(storage: StorageAdapter, access: ProjectAccess) -> list[BaseRoute]:
    """Return the routes of a row's messages, and of the images and files that its bodies contain."""

    async def get_messages(request: Request, project_id: str) -> Response:
        params.no_query(request.scope["query_string"])
        body = await messages_json(storage, project_id, request.path_params["trace_id"])
        return Response(body, media_type=JSON)

    async def get_part(request: Request, project_id: str) -> Response:
        params.no_query(request.scope["query_string"])
        path = request.path_params
        part = await embedded_part(storage, project_id, path["trace_id"], path["digest"].lower())
        return _part_response(part)

    return [
        KeyRoute("/v1/traces/{trace_id}/messages", get_messages, access, problem_details=True),
        KeyRoute("/v1/traces/{trace_id}/parts/{digest}", get_part, access, problem_details=True),
    ]


def _part_response(part: Embedded) -> Response:
    """Return an image inline if its first bytes show its type, any other data as a download.

    The type that the sender states is not used: a browser could run scripts in HTML or SVG.
    """
    found = image_type(part.data)
    name = _UNSAFE_IN_NAME.sub("_", part.name or "")[-_MAX_NAME_CHARS:].lstrip(".") or "part"
    headers = {
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Disposition": "inline" if found else f'attachment; filename="{name}"',
    }
    return Response(part.data, headers=headers, media_type=found or "application/octet-stream")
