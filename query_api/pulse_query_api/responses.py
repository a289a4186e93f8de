"""JSON responses, written by orjson in one go."""

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
    """An answer with this content, which holds nothing but what orjson can write."""
    return Response(orjson.dumps(content), status, headers=headers, media_type=media_type)
