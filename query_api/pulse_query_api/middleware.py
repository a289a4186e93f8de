"""Around every request: its id, the headers every answer carries, one log line, and a net for bugs."""

from __future__ import annotations

import logging
import random
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pulse_query_api.errors import error_answer

#: Probes come every few seconds and tell nothing; they are logged at debug level.
_PROBES = frozenset({"/health", "/ready", "/metrics"})
#: What nginx logs for a client that left before the answer.
_CLIENT_LEFT = 499

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

_access = logging.getLogger("pulse.access")
_log = logging.getLogger(__name__)


class RequestFrame:
    """Pure ASGI, so that nothing is buffered and a cancelled request stays cancelled."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request; lifespan messages pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_ns = time.perf_counter_ns()
        request_id = _request_id(scope)
        status: int | None = None

        async def send_framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, request_id)
            await send(message)

        try:
            await self._app(scope, receive, send_framed)
        except ClientDisconnect:
            status = _CLIENT_LEFT
        except Exception as error:
            _log.exception("request %s to %s failed", request_id, _route(scope))
            if status is not None:
                raise  # the answer has begun: only cutting the connection tells that it is not whole
            await error_answer(Request(scope), error)(scope, receive, send_framed)
        finally:
            _log_access(scope, request_id, status, (time.perf_counter_ns() - began_ns) / 1e6)


def _request_id(scope: Scope) -> str:
    """The caller's own id if it is fit to be logged, else a new one, which need not be hard to guess."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _SANE_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


def _add_headers(message: Message, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-Id"] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("Referrer-Policy", "no-referrer")


def _log_access(scope: Scope, request_id: str, status: int | None, duration_ms: float) -> None:
    """The route's template stands for the path, which may hold session ids and other people's text."""
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
