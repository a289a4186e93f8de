"""Every figure of every page is the sum of the store's rows, and follows from the request that it names."""

from __future__ import annotations

import json
import math
import re
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.server.serving import Serving
from tests.support.postgres import own_server
from tests.web.browser import Pages
from tests.web.figures import UNKNOWN, Figure, figures, reads_as, without_known
from tests.web.formulas import evaluate
from tests.web.ledger import has_unknown_usage, is_unpriced
from tests.web.truth_stores import Store, filled

#: Words of pages that have digits and are no figures.
#: "newest 20 000" is the limit of the rows that facets count.
_WORDS = re.compile(r"\bp(50|95|99)\b|\b\d+ (minutes|hours|days)\b( before)?|\bv\d\b|\bnewest 20\u202f000\b")
_NANO_USD_IN_CENTS = Decimal("1e-7")

_CASES = [
    *(pytest.param((name, "sqlite"), id=name) for name in ("captures", "unpriced", "no usage")),
    pytest.param(("many", "sqlite"), id="many", marks=pytest.mark.slow),
    pytest.param(("captures", "postgres"), id="captures on PostgreSQL"),
]
_RANGES = ("range=30d", "range=24h")


@pytest.fixture(scope="module", params=_CASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, built: object
) -> Iterator[Store]:
    """Run a server that has stored the rows of the case."""
    del built
    name, engine = request.param
    data_dir = tmp_path_factory.mktemp("truth") / "data"
    if engine == "sqlite":
        with filled(name, data_dir) as running:
            yield running
    else:
        with own_server() as server, filled(name, data_dir, server.store("truth")) as running:
            yield running


@pytest.fixture
def pages(browser: Browser, store: Store) -> Iterator[Pages]:
    """Open pages of the store; the test fails if one of them did what no page may do."""
    opened = Pages(browser, store.server.url)
    yield opened
    opened.close()
    assert opened.faults.unexpected == []


def project(store: Store) -> str:
    """Return the path of the pages of the store's project."""
    (row,) = store.server.get("/v1/traces", limit="1")["traces"]
    return f"/p/{row['project_id']}"


def opened(pages: Pages, store: Store, path: str) -> Page:
    """Open a page with a session of its project, and wait until it has read all of its data."""
    page = pages.open(key=store.server.key)
    page.set_default_timeout(20_000)
    page.goto(f"{project(store)}/{path}", wait_until="networkidle")
    expect(page.locator("#main [aria-busy=true], #main .skeleton")).to_have_count(0)
    return page


def assert_true(page: Page, store: Store) -> list[Figure]:
    """Fail unless every figure of the page is that of the rows; return the figures."""
    found = figures(page)
    texts = store.ledger.texts()
    for text, html in found.strays:
        left = _WORDS.sub("", without_known(text, texts))
        assert not re.search(r"\d|^–$", left), f"a number without a request: {text!r} in {html}"

    @cache
    def answer(request: str) -> Any:
        return _get(store.server, request)

    @cache
    def expected(request: str) -> Any:
        return store.ledger.expected(request, answer(request))

    for figure in found.all:
        assert reads_as(figure.text, figure), f"{figure.name} does not read as {figure.value}"
        of_api = evaluate(figure.formula, answer(figure.request))
        assert _equal(figure, of_api), f"{figure.name} is {figure.value}, the request gives {of_api}"
        of_rows = evaluate(figure.formula, expected(figure.request))
        if "≥" in figure.name:
            assert Decimal(str(of_rows)) >= Decimal(str(figure.value)), f"{figure.name}: {of_rows} rows"
            continue
        assert _equal(figure, of_rows), (
            f"{figure.name} is {figure.value}, the rows give {of_rows}: {figure.request}"
        )
    return found.all


def _equal(figure: Figure, other: Any) -> bool:
    value = figure.value
    if value is None or other is None or isinstance(value, str):
        return value == other
    if figure.unit == "us" or "/duration_ms" in str(figure.formula):
        # Traces have times in whole microseconds.
        return abs(value - Decimal(str(other))) <= (1 if figure.unit == "us" else Decimal("0.001"))
    if figure.unit == "share" and "duration_us" in str(figure.formula):
        return math.isclose(value, other, rel_tol=1e-4)
    if figure.unit == "cents":
        return abs(value - Decimal(str(other))) < _NANO_USD_IN_CENTS / 2
    return value == Decimal(str(other)) or math.isclose(value, other, rel_tol=1e-12)


def _get(server: Serving, request: str) -> Any:
    """Send a request of a page with the key of the project; decimals are exact."""
    sent = urllib.request.Request(server.url + request, headers={"Authorization": f"Bearer {server.key}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(sent, timeout=30) as answer:
        return json.loads(answer.read(), parse_float=Decimal)


@pytest.mark.parametrize("range_", _RANGES)
def test_calls_are_the_rows_of_the_store(pages: Pages, store: Store, range_: str) -> None:
    page = opened(pages, store, f"calls?{range_}")
    expect(page.locator(".rows .row").first).to_be_visible()
    found = assert_true(page, store)
    assert len(found) > 60


@pytest.mark.parametrize(
    "query",
    ["range=30d", "range=24h", "range=30d&measure=tokens&by=service", "range=30d&measure=errors&by=tag"],
)
def test_home_is_the_rows_of_the_store(pages: Pages, store: Store, query: str) -> None:
    page = opened(pages, store, f"home?{query}")
    expect(page.locator(".tiles .asked").first).to_be_visible()
    page.locator(".top-list").last.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    found = assert_true(page, store)
    assert len(found) > 15


@pytest.mark.parametrize("query", ["range=30d", "range=30d&status=error"])
def test_traces_are_the_rows_of_the_store(pages: Pages, store: Store, query: str) -> None:
    page = opened(pages, store, f"traces?{query}")
    expect(page.locator(".rows .row").first).to_be_visible()
    assert_true(page, store)


def test_each_trace_is_its_rows(pages: Pages, store: Store) -> None:
    answer = store.server.get("/v1/trees", limit="50")
    trees = sorted(answer["trees"], key=lambda tree: -tree["spans"])
    for tree in trees[:6]:
        page = opened(pages, store, f"traces/{tree['otel_trace_id']}")
        rows = page.get_by_role("treegrid", name="Spans").locator("[role=row][aria-level]")
        expect(rows.first).to_be_visible()
        for key in "[", "]":
            page.keyboard.press(key)
            assert_true(page, store)
        for _ in range(3):
            page.keyboard.press("j")
            page.wait_for_load_state("networkidle")
            assert_true(page, store)
        page.context.close()


@pytest.mark.parametrize("query", ["range=30d", "range=24h&provider=openai"])
def test_errors_are_the_rows_of_the_store(pages: Pages, store: Store, query: str) -> None:
    assert_true(opened(pages, store, f"errors?{query}"), store)


@pytest.mark.parametrize(
    "query",
    ["status=error", "cost=unpriced", "cost=no_usage", "model=gpt-4o-mini", "operation=all&counted=all"],
)
def test_filtered_calls_are_the_rows_of_the_store(pages: Pages, store: Store, query: str) -> None:
    assert_true(opened(pages, store, f"calls?range=30d&{query}"), store)


def test_each_call_is_its_row(pages: Pages, store: Store) -> None:
    page = opened(pages, store, "calls?range=30d")
    for index in range(8):
        page.keyboard.press("j")
        expect(page.locator(".peek .facts")).to_be_visible()
        for tab in ("messages", "details", "cost") if index < 4 else ("cost",):
            page.locator(f"#tab-{tab}").click()
            expect(page.locator("#call-pane .skeleton")).to_have_count(0)
            page.wait_for_load_state("networkidle")
            assert_true(page, store)


def test_unknown_is_a_dash_and_says_why(pages: Pages, store: Store) -> None:
    page = opened(pages, store, "calls?range=30d")
    found = {figure.name: figure for figure in figures(page).all}
    (cost,) = (figure for name, figure in found.items() if name.startswith("'cost: why"))
    calls = store.ledger.calls({})
    priced = [row for row in calls if row["cost_nano_usd"] is not None]
    assert (cost.text == UNKNOWN) == (not priced)
    strip = page.locator(".strip").inner_text()
    assert ("unpriced" in strip) == any(map(is_unpriced, calls))
    assert ("unknown usage" in strip) == any(map(has_unknown_usage, calls))
