"""Read the recorded calls of the demo through Pulse's HTTP API."""

from __future__ import annotations

import datetime as dt
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlencode

from pulse_server.arguments import CommandFailed
from pulse_server.demo.stage import RunningServer

_TIMEOUT_S = 10.0
#: Without the environment's proxies: the server is on loopback.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """Totals of the calls of one session."""

    session_id: str
    user_id: str
    calls: int
    tokens: int
    cost_cents: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """The data that the demo displays."""

    #: Counted model calls, oldest first, as returned by `GET /v1/traces`.
    traces: list[Json]
    sessions: list[Session]
    #: The response of `GET /v1/analytics`, grouped by model.
    analytics: Json


def read_back(server: RunningServer, began: dt.datetime) -> Recorded:
    """Request the trace rows, their sessions, and the analytics since `began`. Raises CommandFailed."""
    listed = _get(server, "/v1/traces", limit="1000", order="asc")
    traces: list[Json] = listed["traces"]
    names = dict.fromkeys(str(trace["session_id"]) for trace in traces)
    sessions = [_session(_get(server, f"/v1/sessions/{quote(name)}")) for name in names]
    analytics = _get(
        server,
        "/v1/analytics",
        date_from=began.isoformat(),
        date_to=(began + dt.timedelta(hours=1)).isoformat(),
        group_by="model",
    )
    return Recorded(traces, sessions, analytics)


def _session(answer: Json) -> Session:
    traces: list[Json] = answer["traces"]
    return Session(
        session_id=answer["sessionId"],
        user_id=traces[0]["user_id"],
        calls=len(traces),
        tokens=sum((trace["input_tokens"] or 0) + (trace["output_tokens"] or 0) for trace in traces),
        cost_cents=sum(trace["cost_cents"] or 0 for trace in traces),
    )


def _get(server: RunningServer, path: str, **query: str) -> Json:
    target = f"{server.url}{path}?{urlencode(query)}" if query else f"{server.url}{path}"
    request = urllib.request.Request(target, headers={"Authorization": f"Bearer {server.key}"})
    try:
        with _http.open(request, timeout=_TIMEOUT_S) as answer:
            return cast(Json, json.load(answer))
    except urllib.error.HTTPError as error:
        body = error.read().decode(errors="replace")
        raise CommandFailed(f"Pulse responded {error.code} to GET {path}: {body}") from error
    except OSError as error:
        raise CommandFailed(f"Pulse did not respond to GET {path}: {error}") from error
