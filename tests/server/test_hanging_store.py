"""While PostgreSQL hangs, every route responds 503 or UNAVAILABLE before exporters time out."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.server.serving import Serving, serving
from tests.support.postgres import Server, own_server
from tests.support.receiver import chat_span, request_of

#: Timeout of the tests' requests: that of exporters.
_PATIENCE_S = 10.0
#: Timeout of reads, which have several deadlines in sequence.
_READ_PATIENCE_S = 60.0
_SPANS = request_of(chat_span(1)).SerializeToString()
_BATCH = json.dumps(
    [
        {
            "trace_id": "11111111-1111-4111-8111-111111111111",
            "timestamp": "2026-11-01T00:00:00Z",
            "provider": "openai",
            "model_requested": "gpt-5",
            "request_body": {},
            "status": "success",
            "latency_ms": 1,
        }
    ]
).encode()
_ADMIN_KEY = "a" * 40
_UNKNOWN = "pulse_sk_11111111-1111-4111-8111-111111111111"
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with own_server() as server:
        yield server


@pytest.fixture(scope="module")
def server(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    data_dir: Path = tmp_path_factory.mktemp("data")
    with serving(data_dir, DATABASE_URL=postgres.store("hangs"), ADMIN_KEY=_ADMIN_KEY) as server:
        yield server


def _ask(
    server: Serving,
    path: str,
    body: bytes | None = None,
    kind: str = "application/x-protobuf",
    key: str = "",
    patience_s: float = _PATIENCE_S,
) -> tuple[int, str | None]:
    """Send an HTTP request; return its status and Retry-After."""
    headers = {
        "content-type": kind,
        "authorization": f"Bearer {key or server.key}",
        "x-admin-key": _ADMIN_KEY,
    }
    request = urllib.request.Request(server.url + path, body, headers)
    try:
        with _http.open(request, timeout=patience_s) as answer:
            return answer.status, None
    except urllib.error.HTTPError as error:
        return error.code, error.headers["retry-after"]


def _call(server: Serving, service: str, key: str = "") -> tuple[str, bool]:
    """Make a gRPC call; return its code and whether it has a RetryInfo."""
    with grpc.insecure_channel(f"127.0.0.1:{server.ports.otlp_grpc}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            f"/opentelemetry.proto.collector.{service}/Export"
        )
        body = _SPANS if service.startswith("trace") else b""
        try:
            call(body, metadata=(("authorization", f"Bearer {key or server.key}"),), timeout=_PATIENCE_S)
        except grpc.RpcError as caught:
            error: Any = caught
            return error.code().name, "google.rpc.retryinfo-bin" in dict(error.trailing_metadata())
    return "OK", False


@pytest.mark.slow
def test_every_route_responds_while_the_store_hangs(postgres: Server, server: Serving) -> None:
    posts = partial(_ask, server, body=_SPANS)
    read = partial(_ask, server, patience_s=_READ_PATIENCE_S)
    asked = {
        "traces": partial(posts, "/v1/traces"),
        "logs": partial(_ask, server, "/v1/logs", b""),
        "an unknown key": partial(posts, "/v1/traces", key=_UNKNOWN),
        "batch": partial(_ask, server, "/v1/traces/batch", _BATCH, "application/json"),
        "explain": partial(posts, "/v1/explain"),
        "list": partial(read, "/v1/traces"),
        "session": partial(read, "/v1/sessions/s"),
        "analytics": partial(read, "/v1/analytics?date_from=2026-11-01&date_to=2026-12-01"),
        "new project": partial(_ask, server, "/admin/projects", b'{"name":"x"}', "application/json"),
        "ready": partial(_ask, server, "/ready"),
    }
    called = {
        "traces": partial(_call, server, "trace.v1.TraceService"),
        "logs": partial(_call, server, "logs.v1.LogsService"),
        "an unknown key": partial(_call, server, "trace.v1.TraceService", _UNKNOWN),
    }
    assert _call(server, "trace.v1.TraceService") == ("OK", False)
    with ThreadPoolExecutor(20) as threads:
        with postgres.stands_still():
            # Cached key and prices serve some of these calls, depending on their order.
            codes = {name: threads.submit(call) for name, call in called.items()}
            answers = {name: threads.submit(ask) for name, ask in asked.items()}
            given = {name: code.result() for name, code in codes.items()}
            got = {name: answer.result() for name, answer in answers.items()}
        assert given["traces"] == given["an unknown key"] == ("UNAVAILABLE", True)
        # A call without records or with a cached key may succeed.
        assert given["logs"] in {("UNAVAILABLE", True), ("OK", False)}
        may_succeed = {"logs": (200, None), "explain": (200, None)}
        wrong = {name for name, answer in got.items() if answer not in ((503, "1"), may_succeed.get(name))}
        assert not wrong, got
    # The server recovers without a restart.
    while _call(server, "trace.v1.TraceService")[0] != "OK":
        pass
    while _ask(server, "/v1/traces")[0] != 200:
        pass
