"""Fixtures of the tests of the web pages: a server with recorded calls, and a browser.

A test that uses `pages` fails if one of its pages requests another origin, violates its
Content-Security-Policy, logs an error or has an uncaught error or rejection.
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.message import Message
from playwright.sync_api import Browser
from tests.server.serving import Serving, serving
from tests.support.captures import captures
from tests.web.browser import Pages, require_built_pages, running_browser
from tests.web.sample_traffic import sample_requests

from pulse_web.assets import Assets

_MINUTE_NS = 60_000_000_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests in a browser as slow: alone, with Chromium and a server, each takes 3 s or more."""
    for item in items:
        if isinstance(item, pytest.Function) and "browser" in item.fixturenames:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Run a server with the calls of all captures, five minutes between two captures, the newest now."""
    require_built_pages()
    with serving(tmp_path_factory.mktemp("web") / "data") as running:
        fill(running)
        yield running


def fill(server: Serving) -> None:
    """Send the spans and log records of all captures over OTLP, with recent times."""
    now_ns = time.time_ns()
    for index, capture in enumerate(captures()):
        later_ns = now_ns - 5 * index * _MINUTE_NS - capture.received_ns
        request = capture.request
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    span.start_time_unix_nano += later_ns
                    span.end_time_unix_nano += later_ns
                    for event in span.events:
                        event.time_unix_nano += later_ns
        send(server, "/v1/traces", request)
        if (logs := capture.logs) is not None:
            for resource_logs in logs.resource_logs:
                for scope_logs in resource_logs.scope_logs:
                    for record in scope_logs.log_records:
                        record.time_unix_nano += later_ns
            send(server, "/v1/logs", logs)


def send(server: Serving, path: str, message: Message) -> None:
    """Send an OTLP request, and wait until it is committed."""
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-protobuf"}
    request = urllib.request.Request(server.url + path, message.SerializeToString(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        assert answer.status == 200


@pytest.fixture(scope="session")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Run a server with three days of invented traffic, the newest now."""
    require_built_pages()
    with serving(tmp_path_factory.mktemp("sampled") / "data") as running:
        for request in sample_requests(time.time_ns(), days=3):
            send(running, "/v1/traces", request)
        yield running


@pytest.fixture(scope="session")
def project(server: Serving) -> str:
    """Return the path of the pages of the server's project."""
    (row,) = server.get("/v1/traces", limit="1")["traces"]
    return f"/p/{row['project_id']}"


# Of a module, not of the session: while Playwright runs, its thread has an event loop, and tests that
# call asyncio.run() fail.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run the system's Chromium without a window."""
    with running_browser() as running:
        yield running


@pytest.fixture
def pages(browser: Browser, server: Serving) -> Iterator[Pages]:
    """Open pages of the server; the test fails if one of them did what no page may do."""
    opened = Pages(browser, server.url)
    # A browser logs the answer by which a page learns that its reader has not signed in.
    opened.faults.expect(r"status of 401 .*/sign-in$")
    yield opened
    opened.close()
    assert opened.faults.unexpected == []


@pytest.fixture(scope="session")
def built() -> Path:
    """Return the folder of the built pages. Skip the test without them; fail it if `CI` is set."""
    require_built_pages()
    return Path(Assets().folder)
