"""Errors of a request, and their JSON responses.

    ApiError                 HTTP status, one sentence, optional details
    └── InvalidRequest       400: each detail names a parameter or field and its rule

Services and routes raise these. Only this module converts them, and the errors of the store and the key
ring, to responses: `{"error": …}` for the first version's routes, RFC 9457 problem details for newer ones.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from pulse_query_api.responses import PROBLEM_JSON, json_response
from pulse_storage.errors import InvalidCursor, QueryTooSlow, StoreUnavailable
from pulse_storage.keys import KeyRefused, ScopeMissing

#: One problem of a request: `path` of the parameter or field, and `message`.
Detail = dict[str, str]

RETRY_SOON = {"Retry-After": "1"}

#: Scope key: true if the route responds to errors with RFC 9457 problem details.
PROBLEM_DETAILS = "pulse.problem_details"

_OTLP_SIGNALS = ("traces", "logs", "metrics")

_log = logging.getLogger(__name__)


class ApiError(Exception):
    """An error response: HTTP status, a sentence for the client, and optional details and headers."""

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        details: Sequence[Detail] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.details = tuple(details)
        self.headers = headers


class InvalidRequest(ApiError):
    """400: one or more parameters or fields are invalid; `details` must not be empty.

    409 for `conflict`: each value is valid, but not together with other values or at this time.
    """

    def __init__(self, details: Sequence[Detail], *, conflict: bool = False) -> None:
        first, more = details[0], len(details) - 1
        also = f" ({more} more in details)" if more else ""
        status = 409 if conflict else 400
        super().__init__(status, f"{first['path']} {first['message']}.{also}".lstrip(), details=details)


def error_response(request: Request, error: Exception) -> Response:
    """Return the response to a request that raised `error`; a 500 without details for unexpected errors."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        error = _wrong_method(request)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=error.headers)
    if isinstance(error, HTTPException) and error.status_code == 404:
        error = _no_route(request)
    api_error = _as_api_error(error)
    if request.scope.get(PROBLEM_DETAILS):
        problem: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(api_error.status).phrase,
            "status": api_error.status,
            "detail": api_error.sentence,
        }
        if api_error.details:
            problem["errors"] = api_error.details
        return json_response(problem, api_error.status, headers=api_error.headers, media_type=PROBLEM_JSON)
    body: dict[str, object] = {"error": api_error.sentence}
    if api_error.details:
        body["details"] = api_error.details
    return json_response(body, api_error.status, headers=api_error.headers)


def _as_api_error(error: Exception) -> ApiError:
    match error:
        case ApiError():
            return error
        case KeyRefused():
            # The same for missing, malformed, unknown, revoked and expired keys: guesses learn nothing.
            return ApiError(
                401,
                "A valid API key is needed: send it as 'Authorization: Bearer pulse_sk_…'.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        case ScopeMissing():
            return ApiError(403, f"This API key lacks the scope '{error.scope}'.")
        case InvalidCursor():
            return InvalidRequest(
                [{"path": "cursor", "message": "must be a cursor from the Link header of this list"}],
                conflict=error.of_other_list,
            )
        case QueryTooSlow():
            # Without Retry-After: the same query would take as long again.
            return ApiError(503, "The query takes too long; use a shorter time range.")
        case StoreUnavailable():
            _log.warning("the store is unavailable: %s", error)
            return ApiError(503, "The store is unavailable; try again.", headers=RETRY_SOON)
        case MemoryError():
            return ApiError(
                503, "Pulse has not enough free memory for this request; try again.", headers=RETRY_SOON
            )
        case HTTPException():
            return ApiError(error.status_code, f"{error.detail.rstrip('.')}.", headers=error.headers)
        case _:
            return ApiError(500, "Internal error; the details are in Pulse's log.")


def _no_route(request: Request) -> ApiError:
    """Return a 404 error; with the right OTLP route if an exporter's endpoint has a wrong or missing path."""
    path = request.scope["path"].rstrip("/")
    signal = next((signal for signal in _OTLP_SIGNALS if path.endswith(f"/v1/{signal}")), None)
    if signal is None and path in ("", "/v1") and request.method == "POST":
        signal = "traces"
    if signal is None or "POST" not in methods_of_path({**request.scope, "path": f"/v1/{signal}"}):
        return ApiError(404, "There is no such route.")
    return ApiError(
        404,
        f"There is no such route: OTLP {signal} go to /v1/{signal}. Exporters add that to"
        f" OTEL_EXPORTER_OTLP_ENDPOINT (set it to http://HOST:PORT, without a path), but not to"
        f" OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT.",
    )


def _wrong_method(request: Request) -> ApiError:
    allow = ", ".join(sorted({"OPTIONS", *methods_of_path(request.scope)}))
    return ApiError(405, f"This route accepts the methods {allow}.", headers={"Allow": allow})


def methods_of_path(scope: Scope) -> set[str]:
    """Return the methods of all routes that match the path, such as GET here and POST in the collector."""
    routes: list[Route] = [
        route
        for route in scope["app"].routes
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE
    ]
    # `/v1/traces/batch` matches `/v1/traces/{trace_id}` as well, but "batch" is no trace id.
    literal = [route for route in routes if route.path == scope["path"]]
    return {method for route in literal or routes for method in route.methods or ()}
