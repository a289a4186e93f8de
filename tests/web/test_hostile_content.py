"""Hostile content in every field is text: no element, no error, few elements. A store away is named."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from playwright.sync_api import Browser, Page, expect
from tests.server.serving import Serving, serving
from tests.support.postgres import own_server
from tests.support.spans import Value, span, trace_request
from tests.web.browser import Pages
from tests.web.conftest import send

#: Texts that are put into every field of a call, by name.
TEXTS: dict[str, str] = {
    "element": "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "attribute": "\" onmouseover=alert(1) x='",
    "link": "javascript:alert(1)",
    "right-to-left": "\u202edetrever\u202c שלום \u2067עולם",
    "terminal": "\x1b[31mred\x1b[0m\x07",
    "__proto__": "__proto__",
    "constructor": "constructor",
    "toString": "toString",
    "template": "${alert(1)} {{alert(1)}}",
    "combining": "e\u0301" + "\u0335" * 200,
}
#: JSON texts with a lone surrogate: no UTF-8 text can contain one, an escape in JSON can.
_SURROGATE = '"half a pair: \\ud800 and \\udfff"'
_LEAVES = 100_000
_MESSAGES = 2000
_LONG = 5_000_000
#: Elements that a page may have, whatever it shows.
_MOST_ELEMENTS = 4000
_MINUTE_NS = 60_000_000_000


def hostile_call(index: int, text: str, now_ns: int) -> ExportTraceServiceRequest:
    """Return a failed call with a tool call, with a text in every field."""
    parts = [{"type": "text", "content": text}]
    call = {
        "type": "tool_call",
        "id": text,
        "name": text,
        "arguments": {text: {text: [text]}, "__proto__": {"a": 1}},
    }
    messages = [
        {"role": "system", "parts": parts},
        {"role": text, "parts": parts},
        {"role": "user", "parts": [*parts, {"type": "text", "content": f"```{text}\n{text}\n```"}]},
        {"role": "assistant", "parts": [{"type": "reasoning", "content": text}, call]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": text, "response": text}]},
    ]
    answer = [{"role": "assistant", "parts": parts, "finish_reason": text}]
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": text,
        "gen_ai.request.model": text,
        "gen_ai.response.model": text,
        "gen_ai.response.id": text,
        "gen_ai.response.finish_reasons": [text],
        "gen_ai.conversation.id": text,
        "user.id": text,
        "langfuse.trace.tags": [text],
        "error.type": text,
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.output.messages": json.dumps(answer),
        "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": text, "description": text}]),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 3,
        text: text,
        "__proto__": text,
        "hasOwnProperty": json.dumps({"__proto__": {"x": text}, "constructor": text, "toString": text}),
    }
    made = span(
        attributes,
        name=text,
        trace_id=(index + 1).to_bytes(16, "big"),
        span_id=index + 1,
        start_ns=now_ns - (index + 1) * _MINUTE_NS,
        duration_ms=250.0,
        status=Status.STATUS_CODE_ERROR,
        message=text,
    )
    names = ("service.name", "service.version", "deployment.environment.name")
    resource = Resource(attributes=[KeyValue(key=name, value=AnyValue(string_value=text)) for name in names])
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=[made])])]
    )


def large_call(index: int, messages: str, now_ns: int, answer: str | None = None, **more: Value) -> Span:
    """Return a call with the given messages as JSON."""
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": f"large-{index}",
        "gen_ai.input.messages": messages,
        **more,
    }
    if answer is not None:
        attributes["gen_ai.output.messages"] = answer
    return span(
        attributes,
        trace_id=(1000 + index).to_bytes(16, "big"),
        span_id=1000 + index,
        start_ns=now_ns - (100 + index) * _MINUTE_NS,
    )


def large_calls(now_ns: int) -> Iterator[Span]:
    """Yield calls with lone surrogates, 5 MB of text, 2,000 messages, and JSON of 100,000 leaves."""
    yield large_call(
        0, f'[{{"role": "user", "parts": [{{"type": "text", "content": {_SURROGATE}}}]}}]', now_ns
    )
    text = "The quick brown fox. <b>*bold*</b> " * (_LONG // 35)
    yield large_call(1, _message("user", text), now_ns)
    many = [
        {"role": ("user", "assistant")[at % 2], "parts": [{"type": "text", "content": f"turn {at}"}]}
        for at in range(_MESSAGES)
    ]
    yield large_call(2, json.dumps(many), now_ns)
    leaves = {f"key {at}": at for at in range(_LEAVES)}
    call = {"type": "tool_call", "id": "1", "name": "wide", "arguments": leaves}
    deep: object = "end"
    for _ in range(200):
        deep = {"in": deep}
    messages = [
        {"role": "assistant", "parts": [call]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": {"deep": deep}}]},
    ]
    yield large_call(3, json.dumps(messages), now_ns, **{"app.leaves": json.dumps(leaves)})


def _message(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, built: object) -> Iterator[Serving]:
    """Run a server that has stored the hostile calls."""
    del built
    with serving(tmp_path_factory.mktemp("hostile") / "data") as server:
        now_ns = time.time_ns()
        for index, text in enumerate(TEXTS.values()):
            send(server, "/v1/traces", hostile_call(index, text, now_ns))
        for made in large_calls(now_ns):
            send(server, "/v1/traces", trace_request(made))
        yield server


@pytest.fixture
def pages(browser: Browser, store: Serving) -> Iterator[Pages]:
    """Open pages of the store; the test fails if one of them did what no page may do."""
    opened = Pages(browser, store.url)
    yield opened
    opened.close()
    assert opened.faults.unexpected == []


def opened(pages: Pages, store: Serving, path: str) -> Page:
    """Open a page with a session; a dialog of a script fails the test."""
    page = pages.open(key=store.key)
    page.set_default_timeout(20_000)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    project = store.get("/v1/traces", limit="1")["traces"][0]["project_id"]
    page.goto(f"/p/{project}/{path}", wait_until="networkidle")
    return page


def row_of(store: Serving, model: str) -> dict[str, str | None]:
    """Return the row of a model."""
    return store.get("/v1/traces", model=model)["traces"][0]


def assert_harmless(page: Page) -> None:
    """Fail if content became elements, or if the page has too many of them."""
    assert page.locator("#main img, #main script, #main iframe, [onerror], [onmouseover]").count() == 0
    assert page.locator("a[href^='javascript:']").count() == 0
    assert page.evaluate("() => document.querySelectorAll('*').length") <= _MOST_ELEMENTS
    assert page.evaluate("() => ({}).x === undefined && ({}).a === undefined")


@pytest.mark.parametrize("page_name", ["home", "calls", "traces", "errors"])
def test_page_shows_hostile_names_as_text(pages: Pages, store: Serving, page_name: str) -> None:
    page = opened(pages, store, f"{page_name}?range=24h")
    expect(page.locator("#main")).to_contain_text("<img src=x onerror=alert(1)>")
    assert_harmless(page)
    # Every value of the filters and of the chart is offered and can be chosen.
    for by in ("provider", "service", "user", "session", "tag") if page_name == "home" else ():
        page.goto(f"{page.url.split('?')[0]}?range=24h&by={by}", wait_until="networkidle")
        assert_harmless(page)


@pytest.mark.parametrize("name", list(TEXTS))
def test_call_shows_hostile_fields_as_text(pages: Pages, store: Serving, name: str) -> None:
    text = TEXTS[name]
    row = row_of(store, text.strip())
    page = opened(pages, store, f"calls?range=24h&model={quote(text)}&call={row['trace_id']}")
    expect(page.locator(".peek .message.user")).to_be_visible()
    assert_harmless(page)
    for tab in ("cost", "details", "raw"):
        page.locator(f"#tab-{tab}").click()
        expect(page.locator("#call-pane .skeleton")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        assert_harmless(page)
    details = page.locator("#tab-details")
    details.click()
    expect(page.locator(".details")).to_contain_text(text.strip().replace("\x07", "")[:20].strip())
    for field in ("model", "user_id", "session_id", "tag", "service", "error_type"):
        page.goto(f"{page.url.split('?')[0]}?range=24h&{field}={quote(text)}", wait_until="networkidle")
        expect(page.locator(".rows .row")).to_have_count(1)
        assert_harmless(page)


@pytest.mark.parametrize("name", list(TEXTS))
def test_trace_shows_hostile_fields_as_text(pages: Pages, store: Serving, name: str) -> None:
    row = row_of(store, TEXTS[name].strip())
    page = opened(pages, store, f"traces/{row['otel_trace_id']}")
    expect(page.get_by_role("treegrid", name="Spans")).to_be_visible()
    expect(page.get_by_role("region", name="Chosen span").locator(".message").first).to_be_visible()
    assert_harmless(page)
    for tab in ("cost", "details", "raw"):
        page.locator(f"#tab-{tab}").click()
        page.wait_for_load_state("networkidle")
        assert_harmless(page)


@pytest.mark.parametrize(
    ("index", "shown"),
    [
        pytest.param(0, "half a pair", id="lone surrogates"),
        pytest.param(1, "The quick brown fox", id="5 MB"),
        pytest.param(2, f"turn {_MESSAGES - 1}", id="2,000 messages"),
        pytest.param(3, "wide", id="100,000 leaves"),
    ],
)
def test_large_content_is_bounded(pages: Pages, store: Serving, index: int, shown: str) -> None:
    row = row_of(store, f"large-{index}")
    page = opened(pages, store, f"calls/{row['trace_id']}")
    expect(page.locator(".messages")).to_contain_text(shown)
    assert_harmless(page)
    for tab in ("details", "raw"):
        page.locator(f"#tab-{tab}").click()
        expect(page.locator("#call-pane .json").first).to_be_visible()
        assert_harmless(page)
    page.evaluate(
        "() => [...document.querySelectorAll('#call-pane details')].forEach((e) => (e.open = true))"
    )
    assert_harmless(page)


def test_locked_file_remains_readable(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, built: object
) -> None:
    del built
    data_dir = tmp_path_factory.mktemp("locked") / "data"
    with serving(data_dir) as server:
        send(server, "/v1/traces", hostile_call(0, "plain", time.time_ns()))
        opened = Pages(browser, server.url)
        page = opened.open(key=server.key)
        page.goto("/")
        page.locator("a[title=Calls]").click()
        expect(page.locator(".rows .row")).to_have_count(1)
        lock = sqlite3.connect(data_dir / "pulse.db")
        lock.execute("BEGIN IMMEDIATE")
        page.keyboard.press("r")
        page.wait_for_load_state("networkidle")
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.locator(".rows .row")).to_have_count(1)
        lock.rollback()
        lock.close()
        opened.close()
        assert opened.faults.unexpected == []


def test_stopped_postgres_is_named_and_recovers(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, built: object
) -> None:
    del built
    with own_server() as postgres:
        url = postgres.store("away")
        with serving(tmp_path_factory.mktemp("away") / "data", None, DATABASE_URL=url) as server:
            send(server, "/v1/traces", hostile_call(0, "plain", time.time_ns()))
            opened = Pages(browser, server.url)
            opened.faults.expect(r"status of 503")
            page = opened.open(key=server.key)
            page.goto("/")
            page.locator("a[title=Calls]").click()
            expect(page.locator(".rows .row")).to_have_count(1)
            postgres.stop()
            page.keyboard.press("r")
            expect(page.get_by_role("alert").first).to_contain_text(".", timeout=20_000)
            expect(page.locator(".rows .row")).to_have_count(1)
            postgres.start()
            expect(page.get_by_role("alert")).to_have_count(0, timeout=30_000)
            expect(page.locator(".rows .row")).to_have_count(1)
            opened.close()
            assert opened.faults.unexpected == []
