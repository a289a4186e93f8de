"""The main path with keys alone: sign in, find a failed call, open its trace, read it, copy the link."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.server.serving import Serving, environ_for, run_pulse, serving
from tests.web.browser import Pages
from tests.web.conftest import send
from tests.web.sample_traffic import sample_requests

_ADMIN_KEY = "a" * 40
_WIDE, _NARROW, _ZOOMED = (1440, 900), (390, 844), (320, 256)
_NO_SIDEWAYS = """() => [document.documentElement, document.querySelector("main")]
  .every((element) => element.scrollWidth <= innerWidth)"""

_FOCUSED = """() => {
  const element = document.activeElement;
  return element.ariaLabel ?? element.labels?.[0]?.textContent ?? element.textContent;
}"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, built: object) -> Iterator[Serving]:
    """Run a server with some days of invented traffic."""
    del built
    with serving(tmp_path_factory.mktemp("path") / "data", None, ADMIN_KEY=_ADMIN_KEY) as server:
        for request in sample_requests(time.time_ns(), days=3, scale=0.6):
            send(server, "/v1/traces", request)
        yield server


@pytest.fixture
def pages(browser: Browser, store: Serving) -> Iterator[Pages]:
    """Open pages of the store; the test fails if one of them did what no page may do."""
    opened = Pages(browser, store.url)
    opened.faults.expect(r"status of 40[14] .*/sign-in$")
    yield opened
    opened.close()
    assert opened.faults.unexpected == []


def admin(store: Serving, method: str, path: str, body: object = None) -> Any:
    """Send a request to an admin route; return the JSON of its answer, None if it is empty."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-Admin-Key": _ADMIN_KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(store.url + path, data, headers, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        content = answer.read()
        return json.loads(content) if content else None


def project(store: Serving) -> str:
    """Return the id of the store's project."""
    return store.get("/v1/traces", limit="1")["traces"][0]["project_id"]


def tab_to(page: Page, name: str | re.Pattern[str]) -> None:
    """Press Tab until the focused element has a name."""
    wanted = re.compile(f"^{re.escape(name)}$") if isinstance(name, str) else name
    for _ in range(150):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if wanted.search((focused or "").strip()):
            return
    pytest.fail(f"Tab does not reach {name}")


def press_until(page: Page, key: str, reached: Callable[[], bool]) -> None:
    """Press a key until a condition holds."""
    for _ in range(40):
        if reached():
            return
        page.keyboard.press(key)
        # The address follows the choice after a moment.
        page.wait_for_timeout(250)
    pytest.fail(f"{key} does not lead there: {page.url}")


def value(page: Page, name: str) -> str | None:
    """Return a value of the page's address."""
    return parse_qs(urlsplit(page.url).query).get(name, [None])[0]


def sign_in_by_key(page: Page, store: Serving) -> None:
    """Paste the project's key into the page for signing in."""
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    tab_to(page, "Key of a project, or a link")
    page.keyboard.insert_text(store.key)
    page.keyboard.press("Enter")
    expect(page.locator("header.top")).to_be_visible()


def sign_in_link(store: Serving) -> str:
    """Return a one-time link of `pulse open`."""
    environ = environ_for(store.log.with_suffix(""), store.ports)
    done = run_pulse("open", "--json", environ=environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["url"]


def pasted(page: Page) -> str:
    """Return the text of the clipboard. Pages may not read it: it is pasted into the search field."""
    page.keyboard.press("/")
    page.keyboard.press("Control+v")
    text = page.evaluate("() => document.activeElement.value")
    page.keyboard.press("Escape")
    return text


def choose_failed_call(page: Page) -> str:
    """With keys: the calls of yesterday that failed, by cost, and the first of them. Return its trace."""
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.locator(".rows .row").first).to_be_visible()
    tab_to(page, re.compile(r"^Range of time"))
    page.keyboard.press("Enter")
    tab_to(page, "Yesterday")
    page.keyboard.press("Enter")
    page.wait_for_url("**from=**to=**")
    page.keyboard.press("/")
    page.keyboard.type("status:error ")
    page.keyboard.press("Enter")
    page.wait_for_url("**status=error**")
    page.keyboard.press("Escape")
    if page.locator(".rows-head").is_visible():
        tab_to(page, "Cost")
        page.keyboard.press("Enter")
    else:
        tab_to(page, "Sort by")
        page.keyboard.type("by c")
        page.keyboard.press("Tab")
    page.wait_for_url("**sort=cost**")
    expect(page.locator(".rows .row .bad-text").first).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator(".peek .failure")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/traces/[0-9a-f]{32}\?.*span="))
    return urlsplit(page.url).path.rsplit("/", 1)[1]


def slowest_call(store: Serving, trace: str) -> str:
    """Return the id of the span of the slowest model call of a trace."""
    rows = store.get("/v1/traces", otel_trace_id=trace)["traces"]
    return max(rows, key=lambda row: row["latency_ms"])["otel_span_id"]


@pytest.mark.parametrize("size", [_WIDE, _NARROW], ids=["1440", "390"])
def test_main_path_with_keys_alone(pages: Pages, store: Serving, size: tuple[int, int]) -> None:
    page = pages.open("/", size=size, permissions=["clipboard-write"])
    sign_in_by_key(page, store)
    trace = choose_failed_call(page)
    expect(page.get_by_role("treegrid", name="Spans")).to_be_visible()
    slowest = slowest_call(store, trace)
    page.keyboard.press("]")
    for _ in range(20):
        page.keyboard.press("k")
    press_until(page, "j", lambda: value(page, "span") == slowest)
    detail = page.get_by_role("region", name="Chosen span")
    expect(detail.locator(".message.user").first).to_be_visible()
    page.keyboard.press("c")
    expect(page.locator("#status")).to_have_text("Link copied")
    address = page.url
    link = pasted(page)
    assert link == address
    page.go_back()
    page.wait_for_url("**/calls?**")
    expect(page.locator(".peek .failure")).to_be_visible()
    page.go_forward()
    page.wait_for_url(address)
    expect(detail.locator(".message.user").first).to_be_visible()
    assert page.evaluate(_NO_SIDEWAYS)

    other = pages.open(link, size=size)
    sign_in_by_key(other, store)
    assert other.url == link
    shown = other.get_by_role("region", name="Chosen span")
    expect(shown.locator(".message.user").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    other.wait_for_load_state("networkidle")
    expect(detail).to_have_text(shown.inner_text(), use_inner_text=True)


def test_link_signs_in_once(pages: Pages, store: Serving) -> None:
    link = sign_in_link(store)
    page = pages.open(link)
    expect(page.locator("header.top")).to_be_visible()
    assert "#in=" not in page.url
    again = pages.open(link)
    expect(again.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(again.locator("main")).to_contain_text("This link was used already")


def test_link_of_another_project_is_refused_with_a_sentence(pages: Pages, store: Serving) -> None:
    other = admin(store, "POST", "/admin/projects", {"name": f"other {time.time_ns()}"})
    page = pages.open(key=store.key)
    page.goto(f"/p/{other['projectId']}/calls")
    expect(page.locator("main")).to_contain_text("This session does not read this project")
    expect(page.locator(".rows")).to_have_count(0)


def test_revoked_key_ends_the_session(pages: Pages, store: Serving) -> None:
    pages.faults.expect(r"status of 401")
    path = f"/admin/projects/{project(store)}/keys"
    key = admin(store, "POST", path, {"scopes": ["read"]})
    page = pages.open(key=key["apiKey"])
    page.goto(f"/p/{project(store)}/calls")
    expect(page.locator(".rows .row").first).to_be_visible()
    admin(store, "DELETE", f"{path}/{key['keyId']}")
    signed_out = page.get_by_role("heading", name="Sign in")
    for _ in range(25):
        if signed_out.is_visible():
            break
        page.keyboard.press("r")
        page.wait_for_timeout(200)
    expect(signed_out).to_be_visible()
    expect(page.locator(".rows")).to_have_count(0)


def test_nothing_moves_with_reduced_motion(pages: Pages, store: Serving) -> None:
    page = pages.open(key=store.key, reduced_motion="reduce")
    page.goto(f"/p/{project(store)}/calls")
    expect(page.locator(".rows .row").first).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator(".peek")).to_be_visible()
    moving = page.evaluate("""() => [...document.querySelectorAll("*")].filter((element) => {
      const {transitionDuration, animationName, animationDuration} = getComputedStyle(element);
      const lasts = (text) => text.split(",").some((each) => parseFloat(each) > 0.001);
      return lasts(transitionDuration) || (animationName !== "none" && lasts(animationDuration));
    }).map((element) => element.outerHTML.slice(0, 120))""")
    assert moving == []


def test_choice_and_focus_are_visible_in_forced_colours(pages: Pages, store: Serving) -> None:
    page = pages.open(key=store.key, forced_colors="active")
    page.goto(f"/p/{project(store)}/calls")
    expect(page.locator(".rows .row").nth(3)).to_be_visible()
    page.keyboard.press("j")
    look = """(element) => {
      const {backgroundColor, outlineStyle, outlineWidth, borderInlineStartColor} = getComputedStyle(element);
      return [backgroundColor, outlineStyle, outlineWidth, borderInlineStartColor].join(" ");
    }"""
    chosen = page.locator(".row[aria-selected=true]")
    assert chosen.evaluate(look) != page.locator(".row[aria-selected=false]").first.evaluate(look)
    page.keyboard.press("Tab")
    ring = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert ring != "none"
    bars = page.locator(".chart path").first
    filled = bars.evaluate("(e) => getComputedStyle(e).fill")
    ground = page.locator(".chart svg").evaluate("(e) => getComputedStyle(document.body).backgroundColor")
    assert filled != ground


@pytest.mark.parametrize("page_name", ["calls", "traces"])
def test_page_reflows_at_400_percent(pages: Pages, store: Serving, page_name: str) -> None:
    page = pages.open(key=store.key, size=_ZOOMED)
    page.goto(f"/p/{project(store)}/{page_name}")
    expect(page.locator(".rows .row").first).to_be_attached()
    assert page.evaluate(_NO_SIDEWAYS)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/traces/**")
    expect(page.get_by_role("region", name="Chosen span")).to_be_attached()
    assert page.evaluate(_NO_SIDEWAYS)
    low = page.get_by_role("region", name="Chosen span").get_by_role("tab").first
    low.scroll_into_view_if_needed()
    expect(low).to_be_in_viewport()


def test_link_shows_the_same_calls_in_two_zones(pages: Pages, store: Serving) -> None:
    berlin = pages.open(key=store.key)
    berlin.goto(f"/p/{project(store)}/calls?range=6h")
    expect(berlin.locator(".rows .row").first).to_be_visible()
    berlin.locator(".pin").focus()
    berlin.keyboard.press("Enter")
    berlin.wait_for_url("**from=**to=**")
    york = pages.open(berlin.url, key=store.key, timezone_id="America/New_York")
    expect(york.locator(".rows .row").first).to_be_visible()
    expect(york.locator(".range .zone")).to_contain_text("−")
    expect(berlin.locator(".range .zone")).to_contain_text("+")
    calls = "rows => rows.map(row => [row.dataset.request, row.querySelector('time').title])"
    here = dict(berlin.locator(".rows .row").evaluate_all(calls))
    there = dict(york.locator(".rows .row").evaluate_all(calls))
    assert here.keys() == there.keys()
    assert all(here[call] != there[call] for call in here)
    assert berlin.locator(".strip").inner_text() == york.locator(".strip").inner_text()
