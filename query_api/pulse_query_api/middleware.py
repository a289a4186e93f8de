"""Middleware of every request: request id, common headers, an access log line, and 500 for bugs."""

from __future__ import annotations

import logging
import random
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pulse_query_api.errors import error_response

#: Routes that are polled every few seconds; logged at debug level.
_PROBES = frozenset({"/health", "/ready", "/metrics"})
#: The status that nginx logs when a client closes the connection before the response.
_CLIENT_CLOSED = 499

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

_access = logging.getLogger("pulse.access")
_log = logging.getLogger(__name__)


class RequestMiddleware:
    """Add request id and common headers to responses, log requests, and answer unexpected errors with 500.

    Pure ASGI: it buffers nothing and passes cancellation through.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one HTTP request; pass other scopes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_ns = time.perf_counter_ns()
        request_id = _request_id(scope)
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, request_id)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            status = _CLIENT_CLOSED
        except Exception as error:
            _log.exception("request %s to %s failed", request_id, _route(scope))
            if status is not None:
                raise  # part of the response is sent: closing the connection marks it as incomplete
            await error_response(Request(scope), error)(scope, receive, send_with_headers)
        finally:
            _log_access(scope, request_id, status, (time.perf_counter_ns() - began_ns) / 1e6)


def _request_id(scope: Scope) -> str:
    """Return the client's X-Request-Id if it is safe to log, else a new random id."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _SANE_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


def _add_headers(message: Message, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-Id"] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("Referrer-Policy", "no-referrer")


def _log_access(scope: Scope, request_id: str, status: int | None, duration_ms: float) -> None:
    """Write the access log line with the route's template: the path may contain ids and other user data."""
    route = _route(scope)
    _access.log(
        logging.DEBUG if route in _PROBES else logging.INFO,
        "%s %s %s %.1f ms",
        scope["method"],
        route,
        status or "-",
        duration_ms,
        extra={
            "method": scope["method"],
            "route": route,
            "status": status,
            "duration_ms": round(duration_ms, 3),
            "request_id": request_id,
        },
    )


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return route.path_format if isinstance(route, Route) else "-"
