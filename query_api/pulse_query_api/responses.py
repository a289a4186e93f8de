"""JSON responses, encoded by orjson."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from pulse_storage.trace_json import rfc3339

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


def rfc3339_or_none(time_ns: int | None) -> str | None:
    """Format a Unix time in nanoseconds as RFC 3339 in UTC; None for an unknown time."""
    return None if time_ns is None else rfc3339(time_ns)
