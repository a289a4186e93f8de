"""Which applications have the web pages, and what else they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pulse_server.app import Role, build_apps
from pulse_server.settings import read_settings
from pulse_storage import open_storage

_PATHS = ("/", "/p/a/calls", "/assets/none.js", "/health", "/v1/traces", "/openapi.json")


@contextmanager
def clients(tmp_path: Path, only: Role | None, **environ: str) -> Generator[list[TestClient]]:
    """Yield a client of the main application and, if the role has it, one of the OTLP application."""
    settings = read_settings({"PULSE_DATA_DIR": str(tmp_path), **environ})
    storage = open_storage(settings.database_url)
    apps = build_apps(settings, storage, only)
    found = [app for app in (apps.main, apps.otlp) if app is not None]
    yield [TestClient(app, base_url="http://127.0.0.1:3000") for app in found]
    apps.close()
    asyncio.run(storage.close())


@pytest.mark.parametrize("only", [None, "query"])
def test_main_port_of_a_role_with_the_query_api_has_pages(tmp_path: Path, only: Role | None) -> None:
    with clients(tmp_path, only) as (main, *_):
        statuses = [main.get(path).status_code for path in _PATHS]
        # Without built files pages answer 503, and the other routes the same as with them.
        assert statuses in ([200, 200, 404, 200, 401, 200], [503, 503, 503, 200, 401, 200])


def test_collector_and_otlp_port_have_no_pages(tmp_path: Path) -> None:
    with clients(tmp_path, "collector") as found:
        assert [client.get("/p/a").status_code for client in found] == [404, 404]
    with clients(tmp_path, None) as (_, otlp):
        assert otlp.get("/").status_code == 404


def test_pages_have_the_path_of_the_public_url_as_prefix(tmp_path: Path) -> None:
    with clients(tmp_path, None, PULSE_PUBLIC_URL="https://ops.example/pulse/") as (main, _):
        answer = main.get("/")
    assert answer.status_code == 503 or 'data-base="/pulse/"' in answer.text


def test_exporter_with_the_address_of_a_page_gets_the_right_route(tmp_path: Path) -> None:
    with clients(tmp_path, None) as (main, _):
        answers = [main.post(path, content=b"") for path in ("/", "/otlp/v1/traces")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert all("OTLP traces go to /v1/traces" in answer.json()["error"] for answer in answers)
