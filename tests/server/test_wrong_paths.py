"""A 404 has the right OTLP route if an exporter's endpoint has a wrong or missing path."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pulse_server.app import build_apps
from pulse_server.settings import read_settings
from pulse_storage import open_storage


@pytest.fixture(params=["main", "otlp"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    """Return a client of each application that accepts OTLP."""
    settings = read_settings({"PULSE_DATA_DIR": str(tmp_path)})
    storage = open_storage(settings.database_url)
    apps = build_apps(settings, storage, None)
    app: Starlette = getattr(apps, request.param)
    with TestClient(app) as client:
        yield client
    apps.close()
    asyncio.run(storage.close())


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize("before", ["/v1/traces", "/v1/logs", "/v1/metrics", "/otlp", "/api/public/otel"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_path_with_a_doubled_signal_path_gets_a_404_with_the_route(
    client: TestClient, signal: str, before: str, slash: str
) -> None:
    answer = client.post(f"{before}/v1/{signal}{slash}", content=b"")
    assert (answer.status_code, answer.json()) == (404, {"error": _sentence(signal)})


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/"])
def test_path_without_the_signal_path_gets_a_404_with_the_route(client: TestClient, path: str) -> None:
    answer = client.post(path, content=b"")
    assert (answer.status_code, answer.json()) == (404, {"error": _sentence("traces")})


@pytest.mark.parametrize("path", ["/v1/spans", "/v2/traces", "/v1/traces2/x", "/favicon.ico"])
def test_other_unknown_paths_get_a_plain_404(client: TestClient, path: str) -> None:
    answer = client.post(path, content=b"")
    assert (answer.status_code, answer.json()) == (404, {"error": "There is no such route."})


def test_query_role_names_no_otlp_route(tmp_path: Path) -> None:
    settings = read_settings({"PULSE_DATA_DIR": str(tmp_path)})
    storage = open_storage(settings.database_url)
    apps = build_apps(settings, storage, "query")
    with TestClient(apps.main) as client:
        answer = client.post("/v1/traces/v1/traces", content=b"")
    assert (answer.status_code, answer.json()) == (404, {"error": "There is no such route."})
    apps.close()
    asyncio.run(storage.close())


def _sentence(signal: str) -> str:
    return (
        f"There is no such route: OTLP {signal} go to /v1/{signal}. Exporters add that to"
        " OTEL_EXPORTER_OTLP_ENDPOINT (set it to http://HOST:PORT, without a path), but not to"
        f" OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT."
    )
