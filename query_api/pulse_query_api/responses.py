"""JSON responses, encoded by orjson."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"


def json_response(
    content: object,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    media_type: str = JSON,
) -> Response:
    """Return a response with `content` as JSON. Raises TypeError if orjson cannot encode it."""
    return Response(orjson.dumps(content), status, headers=headers, media_type=media_type)


def next_link(request: Request, cursor: str) -> str:
    """Return the Link header of the next page: same parameters, new cursor.

    The URL is relative: behind a proxy only the client knows the server's address.
    """
    parameters = parse_qsl(request.scope["query_string"].decode("latin-1"))
    kept = [(name, value) for name, value in parameters if name not in ("cursor", "offset")]
    return f'<{quote(request.scope["path"])}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'
