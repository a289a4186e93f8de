"""GET /v1/sessions/{session_id}."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from pulse_query_api import params
from pulse_query_api.auth import KeyRoute, ReadAccess
from pulse_query_api.responses import JSON
from pulse_query_api.services.sessions import session_parts
from pulse_storage.adapter import StorageAdapter
from pulse_storage.rows import TraceRecord
from pulse_storage.trace_json import trace_object


def session_routes(storage: StorageAdapter, access: ReadAccess) -> list[BaseRoute]:
    """The calls of one session, oldest first."""

    async def get_session(request: Request, project_id: str) -> Response:
        bodies = params.session_query(request.scope["query_string"])
        # Trimmed, as collectors trim what they store.
        session_id: str = request.path_params["session_id"].strip()
        parts = session_parts(storage, project_id, session_id, bodies=bodies)
        document = _document(session_id, parts, bodies=bodies)
        # What goes wrong until here has a status of its own; later the answer can only be cut.
        first = await anext(document)
        return StreamingResponse(_beginning_with(first, document), media_type=JSON)

    # Session ids are the application's own text: a slash in one is no path separator.
    return [KeyRoute("/v1/sessions/{session_id:path}", get_session, access)]


async def _document(
    session_id: str, parts: AsyncIterator[Sequence[TraceRecord]], *, bodies: bool
) -> AsyncIterator[bytes]:
    before = b'{"sessionId":' + orjson.dumps(session_id) + b',"traces":['
    async for rows in parts:
        if rows:
            yield before + b",".join(orjson.dumps(trace_object(row, bodies=bodies)) for row in rows)
            before = b","
    yield b"]}" if before == b"," else before + b"]}"


async def _beginning_with(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
