"""Errors in a browser: groups equal those of API and rows, links lead to calls; keys, filters, states."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.server.serving import Serving
from tests.web.browser import ColorScheme, Pages, axe
from tests.web.charts import assert_figures_follow, number, open_page, rows, settle, values


@pytest.fixture
def pages(browser: Browser, sampled: Serving) -> Iterator[Pages]:
    """Open pages of the server with invented traffic."""
    opened = Pages(browser, sampled.url)
    yield opened
    opened.close()
    assert opened.faults.unexpected == []


def errors(
    pages: Pages,
    store: Serving,
    query: str = "range=7d",
    *,
    size: tuple[int, int] = (1440, 900),
    scheme: ColorScheme = "light",
) -> Page:
    """Open the page of errors and wait for its groups."""
    page = open_page(pages, store, f"errors?{query}", size=size, scheme=scheme)
    expect(page.locator(".error-groups li").first).to_be_visible()
    return page


def amounts(page: Page) -> list[float]:
    """Return the number of calls of each group."""
    return [number(text) for text in page.locator(".error-groups .asked").all_inner_texts()]


def test_groups_add_up_to_the_failed_calls(pages: Pages, sampled: Serving) -> None:
    page = errors(pages, sampled)
    stored = rows(sampled, {"status": "error"})
    assert sum(amounts(page)) == len(stored)
    assert number(page.locator(".strip .asked").inner_text()) == len(stored)


def test_every_figure_follows_from_the_request_that_it_names(pages: Pages, sampled: Serving) -> None:
    page = errors(pages, sampled)
    assert len(assert_figures_follow(page, sampled)) == 2 + 2 * page.locator(".error-groups li").count()


def test_group_links_to_the_calls_of_its_type_provider_and_model(pages: Pages, sampled: Serving) -> None:
    page = errors(pages, sampled)
    first = page.locator(".error-groups li").first
    name = first.locator(".title").inner_text()
    calls = number(first.locator(".asked").inner_text())
    first.get_by_role("link", name="Calls like it").click()
    page.wait_for_url("**/calls?**")
    chosen = values(page)
    assert {"status": "error", "error_type": name, "range": "7d"}.items() <= chosen.items()
    assert {"provider", "model"} <= chosen.keys()
    expect(page.locator(".strip .asked").first).to_be_visible()
    # In this traffic each type has messages of one form.
    assert number(page.locator(".strip .asked").first.inner_text()) == calls


def test_sample_opens_the_newest_call_of_the_group(pages: Pages, sampled: Serving) -> None:
    page = errors(pages, sampled)
    first = page.locator(".error-groups li").first
    name = first.locator(".title").inner_text()
    first.get_by_role("link", name="Newest one").click()
    page.wait_for_url("**/calls/*")
    trace_id = page.url.split("/calls/")[1].split("?")[0]
    assert sampled.get(f"/v1/traces/{trace_id}")["error"]["type"] == name


def test_keys_move_between_groups_and_open_their_calls(pages: Pages, sampled: Serving) -> None:
    page = errors(pages, sampled)
    for key in ("j", "j", "k", "j"):
        page.keyboard.press(key)
    expect(page.locator(".error-groups li").nth(1).locator(".title")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls?**error_type**")


def test_filter_narrows_the_groups(pages: Pages, sampled: Serving) -> None:
    page = errors(pages, sampled)
    page.keyboard.press("/")
    page.keyboard.type("error_type:RateLimitError ")
    page.keyboard.press("Enter")
    expect(page.locator(".chip.filter")).to_contain_text("RateLimitError")
    expect(page.locator(".legend-line li")).to_have_count(1)
    assert sum(amounts(page)) == len(rows(sampled, {"error_type": "RateLimitError"}))


def test_brush_opens_the_failed_calls_of_that_part(pages: Pages, sampled: Serving) -> None:
    page = errors(pages, sampled)
    page.locator(".chart").focus()
    for key in ("End", "Shift+PageUp", "Shift+PageUp"):
        page.keyboard.press(key)
    calls = number(page.locator(".brush-bar strong").inner_text())
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls?**")
    assert values(page)["status"] == "error"
    expect(page.locator(".strip").first).to_contain_text("errors")
    assert number(page.locator(".strip .asked").first.inner_text()) == calls


def test_range_without_failures_says_so(pages: Pages, sampled: Serving) -> None:
    page = open_page(pages, sampled, "errors?range=24h&model=none-such")
    expect(page.get_by_role("heading", name="No call failed")).to_be_visible()


def test_store_away_is_said_and_groups_come_back(pages: Pages, sampled: Serving) -> None:
    pages.faults.expect("status of 503")
    page = errors(pages, sampled)

    def refuse(route: Route) -> None:
        route.fulfill(
            status=503,
            content_type="application/problem+json",
            headers={"Retry-After": "1", "X-Request-Id": "r-1"},
            body='{"title":"Service Unavailable","status":503,"detail":"The store is away."}',
        )

    page.route("**/v1/errors?**", refuse)
    page.keyboard.press("r")
    expect(page.get_by_role("alert")).to_contain_text("The store is away.")
    expect(page.locator(".error-groups li").first).to_be_visible()
    page.unroute_all()
    expect(page.get_by_role("alert")).to_have_count(0, timeout=10_000)


def test_incomplete_groups_are_bounds(pages: Pages, sampled: Serving) -> None:
    page = pages.open("/", key=sampled.key)
    page.wait_for_url("**/home")

    def cut(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "complete": False})

    page.route("**/v1/errors?**", cut)
    page.goto(page.url.replace("/home", "/errors?range=7d"))
    expect(page.locator(".incomplete")).to_contain_text("Not all failed calls were read.")
    assert page.locator(".strip .asked").inner_text().startswith("≥")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_errors_have_no_accessibility_findings(
    pages: Pages, sampled: Serving, scheme: ColorScheme, width: int
) -> None:
    page = errors(pages, sampled, size=(width, 900), scheme=scheme)
    assert axe(page) == []
    assert page.evaluate("main.scrollWidth === main.clientWidth")
    page.locator(".chart").focus()
    page.keyboard.press("End")
    page.keyboard.press("Shift+PageUp")
    page.locator(".error-groups .asked").first.click()
    settle(page)
    assert axe(page) == []
