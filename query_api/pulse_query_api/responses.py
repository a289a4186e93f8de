"""JSON responses, encoded by orjson."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
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
