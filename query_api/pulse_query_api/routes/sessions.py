"""GET /v1/sessions/{session_id}."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from pulse_query_api import params
from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.responses import JSON
from pulse_query_api.services.sessions import session_batches
from pulse_storage.adapter import StorageAdapter
from pulse_storage.rows import TraceRecord
from pulse_storage.trace_json import trace_object


def session_routes(storage: StorageAdapter, access: ProjectAccess) -> list[BaseRoute]:
    """Return the route that lists the calls of one session, oldest first."""

    async def get_session(request: Request, project_id: str) -> Response:
        bodies = params.session_query(request.scope["query_string"])
        # Trimmed, as the collector trims stored session ids.
        session_id: str = request.path_params["session_id"].strip()
        batches = session_batches(storage, project_id, session_id, bodies=bodies)
        document = _document(session_id, batches, bodies=bodies)
        # Errors up to here set the status; later errors can only abort the response.
        first = await anext(document)
        return StreamingResponse(_prepend(first, document), media_type=JSON)

    # `path`: a session id is arbitrary text and may contain slashes.
    return [KeyRoute("/v1/sessions/{session_id:path}", get_session, access)]


async def _document(
    session_id: str, batches: AsyncIterator[Sequence[TraceRecord]], *, bodies: bool
) -> AsyncIterator[bytes]:
    """Yield the response document in chunks, one for each batch of rows."""
    before = b'{"sessionId":' + orjson.dumps(session_id) + b',"traces":['
    async for rows in batches:
        if rows:
            yield before + b",".join(orjson.dumps(trace_object(row, bodies=bodies)) for row in rows)
            before = b","
    yield b"]}" if before == b"," else before + b"]}"


async def _prepend(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in chunks:
        yield chunk
