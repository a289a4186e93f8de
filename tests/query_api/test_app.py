from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry, Counter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message
from tests.query_api.support import ADMIN, ADMIN_KEY, Tenant

from pulse_query_api.app import create_app
from pulse_query_api.errors import error_response
from pulse_storage.engines import Store
from pulse_storage.errors import QueryTooSlow
from pulse_storage.keys import KeyRing

_SECRET = "pulse_sk_do-not-log-me"


def test_health_returns_only_status_and_service(client: TestClient) -> None:
    response = client.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "service": "pulse"})


def test_ready_while_the_store_accepts_writes(client: TestClient) -> None:
    response = client.get("/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


def test_query_too_slow_responds_without_retry_after() -> None:
    response = error_response(Request({"type": "http"}), QueryTooSlow("a query was cut short"))
    assert (response.status_code, "Retry-After" in response.headers) == (503, False)
    assert b"use a shorter time range" in response.body


def test_closed_store_gets_503_with_retry_after(client: TestClient, tenant: Tenant) -> None:
    asyncio.run(tenant.storage.close())
    for path in ("/v1/traces", "/v1/sessions/s", "/v1/sessions/s?bodies=true", "/metrics"):
        response = client.get(path, headers=tenant.headers)
        assert (response.status_code, response.json(), response.headers["Retry-After"]) == (
            503,
            {"error": "The store is unavailable; try again."},
            "1",
        )
    problem = client.get("/admin/projects", headers=ADMIN)
    assert (problem.status_code, problem.json()["title"]) == (503, "Service Unavailable")
    ready = client.get("/ready")
    assert (ready.status_code, ready.headers["Retry-After"]) == (503, "1")
    assert ready.json()["error"].startswith("The store does not accept writes: ")
    assert client.get("/health").status_code == 200


def test_metrics_returns_the_registry(
    client: TestClient, tenant: Tenant, registry: CollectorRegistry
) -> None:
    Counter("pulse_spans", "Spans.", registry=registry).inc(3)
    response = tenant.request("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain")
    assert "pulse_spans_total 3.0\n" in response.text


def test_unknown_paths_get_a_json_404(client: TestClient) -> None:
    for path in ("/", "/v1/nothing", "/v1/traces/", "//health", "/health/"):
        response = client.get(path, follow_redirects=False)
        assert (response.status_code, response.json()) == (404, {"error": "There is no such route."}), path


def test_wrong_method_gets_405_with_allowed_methods(client: TestClient) -> None:
    response = client.delete("/v1/traces")
    assert (response.status_code, response.json(), response.headers["Allow"]) == (
        405,
        {"error": "This route accepts the methods GET, HEAD, OPTIONS."},
        "GET, HEAD, OPTIONS",
    )


def test_options_lists_the_methods_of_all_routes_of_a_path(client: TestClient) -> None:
    response = client.options("/admin/projects")
    assert (response.status_code, response.headers["Allow"], response.content) == (
        204,
        "GET, HEAD, OPTIONS, POST",
        b"",
    )


def test_head_returns_the_headers_of_get(client: TestClient, tenant: Tenant) -> None:
    assert client.head("/health").status_code == 200
    assert client.head("/v1/traces", headers=tenant.headers).headers["X-Total-Count"] == "0"
    assert client.head("/v1/traces").status_code == 401


def test_every_response_has_the_security_headers(client: TestClient, tenant: Tenant) -> None:
    for response in (client.get("/health"), tenant.request("/v1/traces"), client.get("/nothing")):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in response.headers


def test_valid_request_id_is_returned(client: TestClient) -> None:
    response = client.get("/health", headers={"X-Request-Id": "req_1.a-B"})
    assert response.headers["X-Request-Id"] == "req_1.a-B"


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "\x1b[31m", "a,b"])
def test_invalid_request_id_is_replaced(client: TestClient, given: str) -> None:
    made = client.get("/health", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)


def test_access_log_has_the_route_template_and_no_request_content(
    client: TestClient, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tenant.client.get(
        "/v1/sessions/secret-session",
        params={"bodies": "true"},
        headers={**tenant.headers, "X-Request-Id": "r1"},
    )
    client.get("/v1/traces", headers={"Authorization": f"Bearer {_SECRET}"})
    client.get("/made/up")
    client.get("/health")
    access = [record for record in caplog.records if record.name == "pulse.access"]
    facts = [
        (record.levelno, *(record.__dict__[name] for name in ("method", "route", "status")))
        for record in access
    ]
    assert facts == [
        (logging.INFO, "GET", "/v1/sessions/{session_id}", 200),
        (logging.INFO, "GET", "/v1/traces", 401),
        (logging.INFO, "GET", "-", 404),
        (logging.DEBUG, "GET", "/health", 200),
    ]
    assert access[0].__dict__["request_id"] == "r1"
    assert re.fullmatch(r"GET /v1/traces 401 \d+\.\d ms", access[1].getMessage())
    ours = [record for record in caplog.records if record.name.startswith("pulse")]
    logged = "\n".join(repr(record.__dict__) for record in ours)
    assert not {text for text in (tenant.key, _SECRET, "secret-session", "made") if text in logged}


async def _fail(_request: Request) -> Response:
    raise RuntimeError("a bug")


def test_unexpected_error_is_logged_and_gets_500_without_details(
    storage: Store, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(storage, KeyRing(storage), admin_key=ADMIN_KEY, routes=[Route("/bug", _fail)])
    response = TestClient(app).get("/bug", headers={"X-Request-Id": "r1"})
    assert (response.status_code, response.json()) == (
        500,
        {"error": "Internal error; the details are in Pulse's log."},
    )
    assert response.headers["X-Request-Id"] == "r1"
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "request r1 to /bug failed"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "a bug"


def test_mounted_routes_share_paths_and_error_responses(storage: Store) -> None:
    async def post_traces(_request: Request) -> Response:
        return Response(status_code=202)

    others = [Route("/v1/traces", post_traces, methods=["POST"])]
    client = TestClient(create_app(storage, KeyRing(storage), admin_key=None, routes=others))
    assert client.post("/v1/traces").status_code == 202
    assert client.get("/v1/traces").status_code == 401
    assert client.put("/v1/traces").headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_error_during_streaming_aborts_the_response_and_is_logged(
    storage: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"half of it"
        raise RuntimeError("a bug")

    async def get_half(_request: Request) -> Response:
        return StreamingResponse(chunks())

    app = create_app(storage, KeyRing(storage), admin_key=None, routes=[Route("/half", get_half)])
    with pytest.raises(RuntimeError, match="a bug"):
        TestClient(app).get("/half")
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage().endswith("to /half failed")


def test_client_disconnect_is_logged_as_499_without_error(
    storage: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/admin/projects",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"x-admin-key", ADMIN_KEY.encode())],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    app = create_app(storage, KeyRing(storage), admin_key=ADMIN_KEY)
    asyncio.run(app(scope, receive, send))
    assert sent == []
    [record] = caplog.records
    assert (record.levelno, record.getMessage().split()[:3]) == (
        logging.INFO,
        ["POST", "/admin/projects", "499"],
    )
