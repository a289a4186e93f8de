"""GET /v1/sessions/{session_id}."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from pulse_query_api import params
from pulse_query_api.auth import KeyRoute, ReadAccess
from pulse_query_api.responses import JSON, json_response
from pulse_query_api.services.sessions import session_traces, with_bodies
from pulse_storage.adapter import StorageAdapter
from pulse_storage.rows import TraceRecord
from pulse_storage.trace_json import trace_object


def session_routes(storage: StorageAdapter, access: ReadAccess) -> list[BaseRoute]:
    """The calls of one session, oldest first."""

    async def get_session(request: Request, project_id: str) -> Response:
        bodies = params.session_query(request.scope["query_string"])
        session_id: str = request.path_params["session_id"]
        session = await session_traces(storage, project_id, session_id)
        headers = {"Link": _rest_link(session_id, len(session.rows))} if session.cut else {}
        if bodies:
            whole = with_bodies(storage, project_id, session.rows)
            return StreamingResponse(_document(session_id, whole), headers=headers, media_type=JSON)
        traces = [trace_object(row, bodies=False) for row in session.rows]
        return json_response({"sessionId": session_id, "traces": traces}, headers=headers)

    # Session ids are the application's own text: a slash in one is no path separator.
    return [KeyRoute("/v1/sessions/{session_id:path}", get_session, access)]


async def _document(session_id: str, rows: AsyncIterator[TraceRecord]) -> AsyncIterator[bytes]:
    """The answer piece by piece, so that its size in memory is that of one row."""
    yield b'{"sessionId":' + orjson.dumps(session_id) + b',"traces":['
    separator = b""
    async for row in rows:
        yield separator + orjson.dumps(trace_object(row, bodies=True))
        separator = b","
    yield b"]}"


def _rest_link(session_id: str, shown: int) -> str:
    rest = {"session_id": session_id, "order": "asc", "offset": shown}
    return f'</v1/traces?{urlencode(rest)}>; rel="next"'
