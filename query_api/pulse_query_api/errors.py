"""What can go wrong with a request, as JSON.

    ApiError                 status, one sentence, perhaps details
    └── InvalidRequest       400: each detail names a parameter or field and what it must be

Services and routes raise these; together with the store's and the key ring's errors they become answers
here and nowhere else. The seed's routes answer `{"error": …}`, newer ones RFC 9457 problem details.
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

#: One thing that is wrong: where (`path`) and what (`message`).
Detail = dict[str, str]

RETRY_SOON = {"Retry-After": "1"}

#: Set in the scope by routes that answer errors as RFC 9457.
PROBLEM_DETAILS = "pulse.problem_details"

_OTLP_SIGNALS = ("traces", "logs", "metrics")

_log = logging.getLogger(__name__)


class ApiError(Exception):
    """A refusal: its HTTP status and the sentence that the caller reads."""

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
    """400: one or more parameters or fields are not as they must be."""

    def __init__(self, details: Sequence[Detail]) -> None:
        first, more = details[0], len(details) - 1
        also = f" ({more} more in details)" if more else ""
        super().__init__(400, f"{first['path']} {first['message']}.{also}".lstrip(), details=details)


def error_answer(request: Request, error: Exception) -> Response:
    """The answer to a request that ended in `error`; anything unknown is a 500 that tells nothing."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        error = _wrong_method(request)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=error.headers)
    if isinstance(error, HTTPException) and error.status_code == 404:
        error = _no_route(request)
    refusal = _refusal(error)
    if request.scope.get(PROBLEM_DETAILS):
        problem: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(refusal.status).phrase,
            "status": refusal.status,
            "detail": refusal.sentence,
        }
        if refusal.details:
            problem["errors"] = refusal.details
        return json_response(problem, refusal.status, headers=refusal.headers, media_type=PROBLEM_JSON)
    body: dict[str, object] = {"error": refusal.sentence}
    if refusal.details:
        body["details"] = refusal.details
    return json_response(body, refusal.status, headers=refusal.headers)


def _refusal(error: Exception) -> ApiError:
    match error:
        case ApiError():
            return error
        case KeyRefused():
            # One sentence for missing, malformed, unknown, revoked and expired: no oracle for guesses.
            return ApiError(
                401,
                "A valid API key is needed: send it as 'Authorization: Bearer pulse_sk_…'.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        case ScopeMissing():
            return ApiError(403, f"This API key lacks the scope '{error.scope}'.")
        case InvalidCursor():
            return InvalidRequest(
                [{"path": "cursor", "message": "is not one that a Link header of this list gave out"}]
            )
        case QueryTooSlow():
            # No invitation to try again: it would take as long.
            return ApiError(503, "The answer takes too long to work out; ask for a shorter time range.")
        case StoreUnavailable():
            _log.warning("the store cannot answer: %s", error)
            return ApiError(503, "The store cannot answer now; try again.", headers=RETRY_SOON)
        case MemoryError():
            return ApiError(
                503, "Pulse has no memory left for this request now; try again.", headers=RETRY_SOON
            )
        case HTTPException():
            return ApiError(error.status_code, f"{error.detail.rstrip('.')}.", headers=error.headers)
        case _:
            return ApiError(500, "Something went wrong in Pulse; its log has the details.")


def _no_route(request: Request) -> ApiError:
    """Name the route of OTLP to an exporter whose endpoint has a path too much, or none where one is due."""
    path = request.scope["path"].rstrip("/")
    signal = next((signal for signal in _OTLP_SIGNALS if path.endswith(f"/v1/{signal}")), None)
    if signal is None and path in ("", "/v1") and request.method == "POST":
        signal = "traces"
    if signal is None or "POST" not in _methods_of_path({**request.scope, "path": f"/v1/{signal}"}):
        return ApiError(404, "There is no such route.")
    return ApiError(
        404,
        f"There is no such route: OTLP {signal} go to /v1/{signal}. Exporters add that to"
        f" OTEL_EXPORTER_OTLP_ENDPOINT (set it to http://HOST:PORT, without a path), but not to"
        f" OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT.",
    )


def _wrong_method(request: Request) -> ApiError:
    allow = ", ".join(sorted({"OPTIONS", *_methods_of_path(request.scope)}))
    return ApiError(405, f"This route takes {allow}.", headers={"Allow": allow})


def _methods_of_path(scope: Scope) -> set[str]:
    """Several routes share a path (the collector's POST beside our GET), so no single one can tell."""
    methods: set[str] = set()
    for route in scope["app"].routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return methods
