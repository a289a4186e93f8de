"""The page of calls in a browser: filters, brush, one call next to the list, keys, history, hostile texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.server.serving import Serving
from tests.web.browser import ColorScheme, Pages, axe
from tests.web.shop import CALLS, HOSTILE, question, shop


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Run a server that has stored the calls of the shop."""
    with shop(tmp_path_factory.mktemp("calls") / "data") as running:
        yield running


@pytest.fixture
def pages(browser: Browser, store: Serving, built: object) -> Iterator[Pages]:
    """Open pages with a session of the project; the test fails if one did what no page may do."""
    del built
    opened = Pages(browser, store.url)
    yield opened
    opened.close()
    assert opened.faults.unexpected == []


def calls_page(
    pages: Pages,
    store: Serving,
    query: str = "",
    *,
    size: tuple[int, int] = (1440, 900),
    scheme: ColorScheme = "light",
) -> Page:
    """Open the list of calls with the values of its address."""
    page = pages.open(key=store.key, size=size, color_scheme=scheme)
    page.set_default_timeout(10_000)
    page.goto("/")
    page.wait_for_url("**/home")
    page.goto(f"{urlsplit(page.url).path.removesuffix('/home')}/calls?{query}")
    expect(page.locator(".rows .row").or_(page.locator(".empty")).first).to_be_visible()
    return page


def values(page: Page) -> dict[str, str]:
    """Return the values of the page's address."""
    return {name: found[0] for name, found in parse_qs(urlsplit(page.url).query).items()}


def rows(page: Page) -> list[str]:
    """Return the questions of the rows that exist, in order of the list."""
    found = page.locator(".rows .row").evaluate_all(
        "rows => rows.map(row => [Number(row.ariaRowIndex), row.querySelector('.ask').textContent])"
    )
    return [text for _, text in sorted(found)]


def figure(page: Page, name: str) -> str:
    """Return the text of a figure above the list."""
    found = page.locator(".figure", has=page.locator(f"> span:text-is('{name}')")).locator(".asked, b").first
    return found.evaluate("element => element.firstChild.textContent")


def test_list_shows_the_newest_calls_and_the_figures_of_all(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    expect(page.locator(".figure", has_text="calls").locator(".asked")).to_contain_text(str(CALLS))
    assert rows(page)[1:5] == [question(index) for index in range(1, 5)]
    answer = store.get("/v1/traces", limit="1")
    assert answer["total"] == CALLS
    assert figure(page, "errors").replace("\u202f", " ") == "10 %"
    expect(page.locator(".figure.warn")).to_contain_text("unpriced")


def test_scrolling_reads_all_rows_and_keeps_few_elements(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    page.wait_for_function(
        """text => {
          const box = document.querySelector(".rows");
          box.scrollTop = box.scrollHeight;
          return [...box.querySelectorAll(".ask")].some((ask) => ask.textContent === text);
        }""",
        arg=question(CALLS - 1),
    )
    expect(page.locator(".rows-foot")).to_contain_text(f"{CALLS} shown")
    assert page.locator(".rows .row").count() < 60


def test_filter_line_completes_names_and_values(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    page.keyboard.press("/")
    page.keyboard.type("mod")
    expect(page.get_by_role("option", name="model:")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.type("gpt")
    expect(page.get_by_role("option", name=re.compile("model:gpt-4o-mini 50"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".chip.filter")).to_contain_text("gpt-4o-mini")
    assert values(page)["model"] == "gpt-4o-mini"
    expect(page.locator(".figure", has_text="calls").locator(".asked")).to_contain_text("50")
    page.keyboard.type("status:error ")
    page.keyboard.press("Enter")
    page.wait_for_url("**status=error**")
    expect(page.locator(".figure", has_text="errors").locator(".asked")).to_contain_text("100")
    page.keyboard.press("Backspace")
    expect(page.locator(".chip.filter")).to_have_count(1)


def test_free_text_searches_the_previews(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    page.keyboard.press("/")
    page.keyboard.type("order 1042")
    expect(page.locator(".rows .row")).to_have_count(1)
    assert rows(page) == [question(42)]
    page.wait_for_url("**q=order+1042**")


def test_facet_narrows_and_a_second_click_widens(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    facet = page.locator(".facets").get_by_role("link", name=re.compile("^error 15$"))
    facet.click()
    expect(page.locator(".figure", has_text="calls").locator(".asked")).to_contain_text("15")
    assert values(page) == {"status": "error"}
    chosen = page.locator(".facets [aria-current=true]")
    expect(chosen).to_contain_text("error")
    chosen.click()
    expect(page.locator(".chip.filter")).to_have_count(0)
    assert values(page) == {}


def test_brush_by_keys_shows_exactly_the_calls_of_its_range(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    page.locator(".chart").focus()
    for key in ("ArrowLeft", "ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    text = page.locator(".brush-bar strong").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url("**from=**")
    expect(page.locator(".figure", has_text="calls").locator(".asked")).to_contain_text(text.split(" ")[0])
    chosen = values(page)
    answer = store.get("/v1/traces", date_from=chosen["from"], date_to=chosen["to"])
    assert text == f"{answer['total']} calls"
    assert set(chosen) == {"from", "to"}


def test_brush_of_the_first_bar_begins_with_the_range(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store, "range=7h")
    calls = page.locator(".figure", has_text="calls").locator(".asked").inner_text()
    page.locator(".chart").focus()
    for key in ("Home", "Shift+End"):
        page.keyboard.press(key)
    assert page.locator(".brush-bar strong").inner_text().split(" ")[0] == calls.split(",")[0].strip()
    page.keyboard.press("Enter")
    page.wait_for_url("**from=**")
    length = datetime.fromisoformat(values(page)["to"]) - datetime.fromisoformat(values(page)["from"])
    assert length == timedelta(hours=7)


def test_brush_by_mouse_offers_its_range(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    box = page.locator(".chart svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 20, steps=4)
    page.mouse.up()
    page.get_by_role("link", name="Show them").click()
    page.wait_for_url("**from=**")
    page.locator(".chip.filter", has_text="time").click()
    expect(page.locator(".figure", has_text="calls").locator(".asked")).to_contain_text(str(CALLS))


def test_chart_as_table_has_the_sum_of_the_figure(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    page.locator(".as-table").click()
    sums = page.locator(".chart-table tbody td:last-child").all_inner_texts()
    assert sum(map(int, sums)) == CALLS


def test_main_path_with_keys_alone(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    page.keyboard.press("j")
    expect(page.locator(".row[aria-selected=true] .ask")).to_have_text(HOSTILE[0])
    for _ in range(5):
        page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    peek = page.locator(".peek")
    expect(page.locator(".row[aria-selected=true] .ask")).to_have_text(question(5))
    expect(peek.locator(".message.user")).to_contain_text(question(5))
    expect(peek.locator(".call .result")).to_contain_text("shipped")
    expect(peek.locator(".prose ol li").first).to_contain_text("Fill the tank")
    page.keyboard.press("w")
    why = page.get_by_role("dialog", name="Why")
    expect(why).to_contain_text("GET /v1/traces/")
    page.keyboard.press("Escape")
    expect(why).to_have_count(0)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/traces/[0-9a-f]{32}\?.*span="))
    expect(page.get_by_role("treegrid", name="Spans").locator("[aria-selected=true]")).to_be_visible()
    page.keyboard.press("Escape")
    page.wait_for_url("**/calls?call=**")
    expect(page.locator(".row[aria-selected=true] .ask")).to_have_text(question(5))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/traces/"))
    expect(page.get_by_role("link", name="Open by itself")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/calls/[0-9a-f-]{36}"))
    expect(page.locator("h1")).to_contain_text("in-house-1")
    page.keyboard.press("Escape")
    page.wait_for_url("**/calls?call=**")
    expect(peek).to_be_visible()
    page.keyboard.press("Escape")
    expect(peek).to_have_count(0)


def test_back_and_forward_leave_and_return_to_the_call(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    list_address = page.url
    for key in "jjj":
        page.keyboard.press(key)
    expect(page.locator(".row[aria-selected=true] .ask")).to_have_text(question(2))
    page.wait_for_url("**call=**")
    page.locator("#tab-details").click()
    page.wait_for_url("**tab=details**")
    page.go_back()
    expect(page.locator(".peek")).to_have_count(0)
    assert page.url == list_address
    page.go_forward()
    expect(page.locator(".row[aria-selected=true] .ask")).to_have_text(question(2))
    expect(page.locator("#tab-details")).to_have_attribute("aria-selected", "true")


def test_copied_link_shows_the_same_in_a_new_context(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store, "model=gpt-4o-mini&sort=latency&order=asc")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.locator("#tab-cost").click()
    page.wait_for_url("**tab=cost**")
    expect(page.locator(".cost")).to_be_visible()
    other = pages.open(page.url, key=store.key)
    expect(other.locator(".row[aria-selected=true]")).to_be_visible()
    expect(other.locator("#tab-cost")).to_have_attribute("aria-selected", "true")
    assert rows(other) == rows(page)
    assert other.locator(".row[aria-selected=true] .ask").inner_text() == question(3)


def test_sorting_by_latency_puts_the_slowest_first(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    page.get_by_role("columnheader", name="Latency").get_by_role("link").click()
    expect(page.locator(".rows .row .ask").first).to_have_text(question(CALLS - 1))
    expect(page.get_by_role("columnheader", name="Latency")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("columnheader", name="Latency").get_by_role("link").click()
    page.wait_for_url("**order=asc**")
    expect(page.locator(".rows .row .ask").first).to_have_text(HOSTILE[0])


def test_request_of_why_gives_the_number(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store, "model=gpt-4o-mini")
    shown = figure(page, "cost")
    page.locator(".figure", has_text="cost").locator(".asked").click()
    request = page.locator(".why .request code").inner_text().removeprefix("GET ")
    total = store.get(request.split("?")[0], **{k: v[0] for k, v in parse_qs(request.split("?")[1]).items()})[
        "total"
    ]
    assert total["cost_cents"] is not None
    assert shown.startswith("$0.0")
    assert float(shown.removeprefix("$")) == pytest.approx(total["cost_cents"] / 100, rel=0.01)
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.locator("#status")).to_have_text("curl command copied")


@pytest.mark.parametrize("index", list(HOSTILE))
def test_hostile_content_is_text(pages: Pages, store: Serving, index: int) -> None:
    page = calls_page(pages, store)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.locator(".rows .row-link").nth(index).click()
    message = page.locator(".peek .message.user")
    if index == 3:
        expect(message).to_contain_text("<b>bold</b>")
        expect(message.locator("a, img, b")).to_have_count(0)
        expect(message).to_contain_text("image")
    else:
        expect(message.locator(".prose")).to_contain_text(HOSTILE[index].split("<")[-1].strip("\x07 ")[-8:])
    assert page.locator(".peek img, .peek script, .peek iframe").count() == 0
    for tab in ("details", "raw"):
        page.locator(f"#tab-{tab}").click()
        expect(page.locator(".pane > *").first).to_be_visible()


def test_empty_list_names_the_filter_to_drop(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store, "model=gpt-4o-mini&session_id=none")
    expect(page.locator(".empty")).to_contain_text("No call matches")
    page.get_by_role("link", name="Without session_id:none").click()
    expect(page.locator(".figure", has_text="calls").locator(".asked")).to_contain_text("50")


def test_empty_range_leads_to_the_newest_call(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store, "from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")
    expect(page.locator(".empty")).to_contain_text("No call in this range")
    page.get_by_role("link", name="Show the newest").click()
    expect(page.locator(".rows .row").first).to_be_visible()


def test_store_away_keeps_the_rows_and_recovers(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    pages.faults.expect(r"status of 503")
    away = json.dumps({"title": "Service Unavailable", "detail": "The store does not answer."})
    page.route(
        "**/v1/traces?**", lambda route: route.fulfill(status=503, body=away, headers={"Retry-After": "1"})
    )
    page.keyboard.press("r")
    expect(page.get_by_role("alert")).to_contain_text("The store does not answer.")
    expect(page.locator(".rows .row").first).to_be_visible()
    page.unroute("**/v1/traces?**")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_call_of_an_unknown_id_says_so(pages: Pages, store: Serving) -> None:
    pages.faults.expect(r"status of 404")
    page = calls_page(pages, store)
    path = urlsplit(page.url).path
    page.goto(f"{path}/00000000-0000-4000-8000-000000000000")
    expect(page.locator(".empty")).to_contain_text("There is no such call")


def test_zone_changes_all_times(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store)
    local = page.locator(".rows .row time").nth(1).get_attribute("title")
    page.locator(".range").click()
    page.get_by_role("button", name="UTC", exact=True).click()
    expect(page.locator(".range")).to_contain_text("UTC")
    utc = page.locator(".rows .row time").nth(1).get_attribute("title")
    assert local != utc
    page.reload()
    expect(page.locator(".range .zone")).to_have_text("UTC")


def test_pinned_range_has_instants_and_the_same_calls(pages: Pages, store: Serving) -> None:
    page = calls_page(pages, store, "range=6h")
    shown = figure(page, "calls")
    page.locator(".pin").click()
    page.wait_for_url("**from=**to=**")
    assert figure(page, "calls") == shown
    chosen = values(page)
    assert int(shown) == store.get("/v1/traces", date_from=chosen["from"], date_to=chosen["to"])["total"]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844), (320, 640)], ids=["1440", "390", "320"])
def test_calls_have_no_finding_of_axe(
    pages: Pages, store: Serving, size: tuple[int, int], scheme: ColorScheme
) -> None:
    page = calls_page(pages, store, size=size, scheme=scheme)
    assert axe(page) == []
    page.keyboard.press("j")
    expect(page.locator(".peek .message.user")).to_be_visible()
    assert axe(page) == []
    for tab in ("cost", "details", "raw"):
        page.locator(f"#tab-{tab}").click()
        expect(page.locator(".pane > *").first).to_be_visible()
        assert axe(page) == [], tab
    page.keyboard.press("w")
    expect(page.locator(".why .request")).to_be_visible()
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.locator(".palette")).to_be_visible()
    assert axe(page) == []


@pytest.mark.parametrize("size", [(390, 844), (320, 640)], ids=["390", "320"])
def test_narrow_window_never_scrolls_sideways(pages: Pages, store: Serving, size: tuple[int, int]) -> None:
    page = calls_page(pages, store, "model=gpt-4o-mini&status=success", size=size)
    wide = """() => [document.documentElement, document.querySelector("main")]
      .every((element) => element.scrollWidth <= innerWidth)"""
    assert page.evaluate(wide)
    page.locator(".rows .row-link").nth(1).click()
    expect(page.locator(".peek .message.user")).to_be_visible()
    assert page.evaluate(wide)
    page.get_by_role("link", name="Close").click()
    page.get_by_role("button", name="Narrow down").click()
    expect(page.locator(".facets fieldset").first).to_be_visible()
    assert page.evaluate(wide)
