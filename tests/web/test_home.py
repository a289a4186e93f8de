"""Home in a browser: figures equal those of API and rows, charts lead to calls; keys, states, zones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.server.serving import Serving, serving
from tests.web.browser import ColorScheme, Pages, axe
from tests.web.charts import (
    answer,
    asked_request,
    assert_figures_follow,
    number,
    open_page,
    range_of,
    rows,
    settle,
    values,
)


@pytest.fixture
def pages(browser: Browser, sampled: Serving) -> Iterator[Pages]:
    """Open pages of the server with invented traffic."""
    opened = Pages(browser, sampled.url)
    yield opened
    opened.close()
    assert opened.faults.unexpected == []


def home(
    pages: Pages,
    store: Serving,
    query: str = "range=24h",
    *,
    size: tuple[int, int] = (1440, 900),
    scheme: ColorScheme = "light",
) -> Page:
    """Open Home and wait for its charts."""
    page = open_page(pages, store, f"home?{query}", size=size, scheme=scheme)
    expect(page.locator(".tiles .asked").first).to_be_visible()
    expect(page.locator(".legend-list .asked").first).to_be_visible()
    expect(page.locator(".heat path").first).to_be_attached()
    return page


def tile(page: Page, name: str) -> str:
    """Return the figure of a tile."""
    return page.locator(f'.tile[aria-label="{name}"] .asked').first.inner_text().split(",")[0]


def ask(page: Page, name: str) -> str:
    """Ask a tile why, and return the request that its reason shows."""
    page.locator(f'.tile[aria-label="{name}"] .asked').first.click()
    request = asked_request(page)
    return request


def choose_with_keys(page: Page, chart: str, *keys: str) -> None:
    """Focus a chart and choose a part of it with keys."""
    page.locator(chart).first.focus()
    for key in keys:
        page.keyboard.press(key)


def test_first_page_after_sign_in_is_home(pages: Pages, sampled: Serving) -> None:
    page = pages.open("/", key=sampled.key)
    page.wait_for_url("**/home")
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def test_figures_equal_the_requests_that_their_reasons_show(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled)
    request = ask(page, "Cost")
    total = answer(sampled, request)["total"]
    reason = page.locator(".why tfoot").inner_text()
    assert number(reason.split("$")[1]) == pytest.approx(total["cost_cents"] / 100, abs=5e-10)
    assert number(tile(page, "Calls")) == total["calls"]
    assert number(tile(page, "Errors")) == pytest.approx(100 * total["errors"] / total["calls"], rel=0.05)
    page.keyboard.press("Escape")
    assert ask(page, "Tokens") == request
    assert number(page.locator(".why tfoot").inner_text()) == total["input_tokens"] + total["output_tokens"]


@pytest.mark.parametrize(
    "query", ["range=24h", "range=24h&measure=tokens&by=user", "range=1h&measure=errors"]
)
def test_every_figure_follows_from_the_request_that_it_names(
    pages: Pages, sampled: Serving, query: str
) -> None:
    page = home(pages, sampled, query)
    page.locator(".health").scroll_into_view_if_needed()
    expect(page.locator(".top-list .asked").last).to_be_visible()
    found = assert_figures_follow(page, sampled)
    assert len(found) > 20


def test_figures_equal_the_sums_of_the_stored_calls(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled)
    stored = rows(sampled, range_of(ask(page, "Cost")))
    assert number(tile(page, "Calls")) == len(stored)
    cents = sum(row["cost_cents"] for row in stored if row["cost_cents"] is not None)
    reason = page.locator(".why tfoot").inner_text()
    assert number(reason.split("$")[1]) == pytest.approx(cents / 100, abs=5e-10)
    unpriced = sum(row["cost_cents"] is None and row["input_tokens"] is not None for row in stored)
    assert number(page.locator(".health a", has_text="without a price").inner_text()) == unpriced


def test_brush_with_keys_opens_the_list_of_exactly_these_calls(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled)
    choose_with_keys(page, ".wide .chart", "End", "Shift+PageUp", "Shift+PageUp", "Shift+PageUp")
    calls = number(page.locator(".wide .brush-bar strong").inner_text())
    assert calls > 0
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls?**")
    expect(page.locator(".strip .asked").first).to_be_visible()
    assert number(page.locator(".strip .asked").first.inner_text()) == calls


def test_brush_of_the_whole_range_has_the_calls_of_the_tile(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled)
    choose_with_keys(page, ".wide .chart", "Home", "Shift+End")
    text = page.locator(".wide .brush-bar strong").inner_text()
    assert number(text) == number(tile(page, "Calls"))
    page.locator(".wide .brush-bar a").click()
    page.wait_for_url("**/calls?**")
    expect(page.locator(".strip .asked").first).to_be_visible()
    assert number(page.locator(".strip .asked").first.inner_text()) == number(text)


def test_brush_with_the_mouse_opens_the_list(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled)
    box = page.locator(".wide .chart svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 100, steps=4)
    page.mouse.up()
    calls = number(page.locator(".wide .brush-bar strong").inner_text())
    page.locator(".wide .brush-bar").get_by_role("link", name="Show them").click()
    page.wait_for_url("**/calls?**")
    expect(page.locator(".strip .asked").first).to_be_visible()
    assert number(page.locator(".strip .asked").first.inner_text()) == calls


def test_brush_of_errors_opens_the_failed_calls(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled, "range=7d&measure=errors")
    choose_with_keys(page, ".wide .chart", "Home", "Shift+End")
    text = page.locator(".wide .brush-bar strong").inner_text()
    assert "failed" in text
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls?**")
    assert values(page)["status"] == "error"
    expect(page.locator(".strip .asked").first).to_be_visible()
    assert number(page.locator(".strip .asked").first.inner_text()) == number(text)


def test_brush_of_latencies_opens_the_calls_of_these_octaves(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled)
    choose_with_keys(page, ".heat", "End", "ArrowUp", "Shift+Home", "Shift+ArrowUp")
    text = page.locator(".heat .brush-bar strong").inner_text()
    assert number(text) > 0
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls?**")
    chosen = values(page)
    low, high = float(chosen["min_latency_ms"]), float(chosen["max_latency_ms"])
    assert high == pytest.approx(4 * low - 1e-6)
    query = {"date_from": chosen["from"], "date_to": chosen["to"]}
    stored = [row for row in rows(sampled, query) if low <= row["latency_ms"] < high + 1e-6]
    assert number(text) == len(stored)
    expect(page.locator(".strip .asked").first).to_be_visible()
    assert number(page.locator(".strip .asked").first.inner_text()) == len(stored)


def test_measure_and_dimension_are_in_the_address(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled)
    page.get_by_role("group", name="Measure").get_by_role("button", name="Calls").click()
    page.locator(".select select").select_option("user")
    expect(page.locator(".legend-list")).to_have_attribute("aria-label", "Calls by user")
    expect(page).to_have_url(re.compile("by=user"))
    assert values(page) == {"range": "24h", "measure": "calls", "by": "user"}
    page.reload()
    expect(page.locator(".legend-list")).to_have_attribute("aria-label", "Calls by user")


@pytest.mark.parametrize("by", ["provider", "service", "environment", "user", "session", "tag"])
def test_legend_has_the_sums_of_every_dimension(pages: Pages, sampled: Serving, by: str) -> None:
    page = home(pages, sampled, f"range=24h&measure=calls&by={by}")
    expect(page.locator(".legend-list")).to_have_attribute("aria-label", f"Calls by {by}")
    sums = [number(text) for text in page.locator(".legend-list .asked").all_inner_texts()]
    assert sum(sums) == number(tile(page, "Calls"))


def test_name_in_the_legend_filters_the_page(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled, "range=24h&measure=calls&by=provider")
    row = page.locator(".legend-list li", has_text="anthropic")
    calls = number(row.locator(".asked").inner_text())
    row.get_by_role("link").click()
    expect(page.locator(".chip.filter")).to_contain_text("anthropic")
    expect(page.locator(".legend-list li")).to_have_count(1)
    expect(page.locator('.tile[aria-label="Calls"] .asked')).to_contain_text(f"{calls:.0f}")


def test_group_of_errors_links_to_its_calls(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled, "range=7d")
    first = page.locator(".failures li").first
    name = first.locator("strong").inner_text()
    first.get_by_role("link").click()
    page.wait_for_url("**/calls?**")
    assert {"status": "error", "error_type": name, "range": "7d"}.items() <= values(page).items()
    expect(page.locator(".rows .row").first).to_be_visible()


def test_doubts_link_to_the_calls_behind_them(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled)
    link = page.locator(".health a", has_text="without a price")
    unpriced = number(link.inner_text())
    link.click()
    page.wait_for_url("**/calls?**")
    assert values(page)["cost"] == "unpriced"
    expect(page.locator(".strip .asked").first).to_be_visible()
    assert number(page.locator(".strip .asked").first.inner_text()) == unpriced


def test_exporters_losses_are_unknown(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled)
    fact = page.locator(".health div", has_text="Lost by exporters")
    expect(fact.locator("dd")).to_contain_text("unknown")


def test_chart_as_table_has_a_row_for_every_step(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled, "range=24h&measure=calls&by=provider")
    page.get_by_role("button", name="as table").first.click()
    table = page.locator(".wide .chart-table")
    sums = [number(text) for text in table.locator("tbody tr td:last-child").all_inner_texts()]
    assert sum(sums) == number(tile(page, "Calls"))


def test_days_of_the_chart_are_those_of_the_zone(pages: Pages, sampled: Serving) -> None:
    page = open_page(pages, sampled, "home?range=7d")
    expect(page.locator(".tiles .asked").first).to_be_visible()
    berlin = page.locator(".home > .bar .num").inner_text()
    assert "tz=Europe/Berlin" in ask(page, "Calls")
    other = open_page(pages, sampled, "home?range=7d", timezone_id="Pacific/Auckland")
    expect(other.locator(".tiles .asked").first).to_be_visible()
    assert "tz=Pacific/Auckland" in ask(other, "Calls")
    assert other.locator(".home > .bar .num").inner_text() != berlin


def test_key_w_asks_the_first_figure_why(pages: Pages, sampled: Serving) -> None:
    page = home(pages, sampled)
    page.keyboard.press("w")
    expect(page.locator(".why h2")).to_contain_text("calls?")


def test_project_without_spans_shows_how_to_send(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, built: Path
) -> None:
    del built
    with serving(tmp_path_factory.mktemp("empty") / "data") as empty:
        opened = Pages(browser, empty.url)
        page = opened.open("/", key=empty.key)
        page.wait_for_url("**/home")
        expect(page.get_by_role("heading", name="No span was received yet")).to_be_visible()
        expect(page.locator("pre")).to_contain_text(f"OTEL_EXPORTER_OTLP_ENDPOINT={empty.url}")
        assert axe(page) == []
        opened.close()
        assert [fault for fault in opened.faults.found if "/sign-in" not in fault] == []


def test_filter_without_calls_names_the_filter_to_drop(pages: Pages, sampled: Serving) -> None:
    page = open_page(pages, sampled, "home?range=24h&model=none-such")
    expect(page.get_by_role("link", name="Without model:none-such")).to_be_visible()


def test_store_away_shows_one_sentence_then_the_figures(pages: Pages, sampled: Serving) -> None:
    pages.faults.expect("status of 503")
    page = pages.open(key=sampled.key)

    def refuse(route: Route) -> None:
        route.fulfill(
            status=503,
            content_type="application/problem+json",
            headers={"Retry-After": "1"},
            body='{"title":"Service Unavailable","status":503,"detail":"The store is away."}',
        )

    page.route("**/p/*/v1/**", refuse)
    page.goto("/")
    expect(page.get_by_role("alert")).to_contain_text("The store is away.")
    expect(page.get_by_role("alert")).to_have_count(1)
    page.unroute_all()
    expect(page.locator(".tiles .asked").first).to_be_visible(timeout=10_000)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_incomplete_sums_are_bounds(pages: Pages, sampled: Serving) -> None:
    page = pages.open(key=sampled.key)

    def cut(route: Route) -> None:
        found = route.fetch().json()
        route.fulfill(json={**found, "complete": False})

    page.route("**/v1/timeseries?**", cut)
    page.goto("/")
    expect(page.locator(".incomplete")).to_contain_text("Not all calls were read.")
    assert tile(page, "Calls").startswith("≥")
    assert tile(page, "Cost").startswith("≥")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_home_has_no_accessibility_findings(
    pages: Pages, sampled: Serving, scheme: ColorScheme, width: int
) -> None:
    page = home(pages, sampled, "range=7d", size=(width, 900), scheme=scheme)
    page.locator(".health").scroll_into_view_if_needed()
    expect(page.locator(".top-list .asked").first).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("main.scrollWidth === main.clientWidth")
    choose_with_keys(page, ".wide .chart", "End", "Shift+PageUp")
    choose_with_keys(page, ".heat", "End", "Shift+PageUp", "Shift+ArrowUp")
    for button in page.get_by_role("button", name="as table").all():
        button.click()
    settle(page)
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.locator(".tiles .asked").first.click()
    settle(page)
    assert axe(page) == []
