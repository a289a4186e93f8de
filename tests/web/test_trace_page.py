"""The pages of traces: their list, and one trace as a tree on a time line."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.server.serving import Serving, serving
from tests.web.browser import ColorScheme, Pages, axe
from tests.web.conftest import send
from tests.web.test_first_load import first_load
from tests.web.trace_spans import TraceBuilder

SHOP = "a1" * 16
WRAPPED = "b2" * 16
BROKEN = "c3" * 16
HOSTILE = "d4" * 16
LARGE = "e5" * 16
LARGE_SPANS = 50_000
HOSTILE_NAME = '<img src=x onerror="throw 1">\u202e\x1b[31m __proto__'
QUESTION = "Where is my order 1042?"
ELEMENTS = 1_500
FIRST_LOAD_BYTES = 75_000


def shop() -> TraceBuilder:
    """An agent with two steps: equal lookups in the first one, a failed tool in the second one."""
    trace = TraceBuilder(SHOP)
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}])
    agent = trace.add(
        "invoke_agent support",
        0,
        10_000,
        attributes={
            "gen_ai.conversation.id": "support-1042",
            "user.id": "ana",
            "gen_ai.input.messages": messages,
        },
    )
    plan = trace.add("invoke_agent plan", 0, 4_000, agent)
    trace.chat(0, 2_000, plan, question=QUESTION)
    for step in range(6):
        trace.add("execute_tool lookup", 2_000 + 100 * step, 2_090 + 100 * step, plan)
    act = trace.add("invoke_agent act", 4_000, 10_000, agent)
    trace.add("execute_tool ask_courier", 4_000, 6_000, act, error=("TimeoutError", "no answer in 2 s"))
    trace.chat(6_000, 10_000, act, question="And now?", answer="It arrives on Thursday.")
    return trace


def wrapped() -> TraceBuilder:
    """A span that repeats the numbers of the model call below it."""
    trace = TraceBuilder(WRAPPED)
    wrapper = trace.chat(0, 2_000, None, name="chat wrapper", response_id="resp_1")
    trace.chat(10, 1_990, wrapper, name="chat inner", response_id="resp_1")
    return trace


def broken() -> TraceBuilder:
    """A trace of which the parent of one span was never received."""
    trace = TraceBuilder(BROKEN)
    trace.add("invoke_agent support", 0, 1_000)
    trace.chat(100, 900, "c3c3" + "f" * 12)
    return trace


def hostile() -> TraceBuilder:
    """A trace with markup, direction and control characters in its texts."""
    trace = TraceBuilder(HOSTILE)
    root = trace.add(HOSTILE_NAME, 0, 1_000, error=(HOSTILE_NAME, HOSTILE_NAME))
    trace.chat(0, 500, root, name=HOSTILE_NAME, question=HOSTILE_NAME, answer=HOSTILE_NAME)
    return trace


def large() -> TraceBuilder:
    """A trace of 50,000 spans in steps of ten."""
    trace = TraceBuilder(LARGE, minutes_ago=400)
    root = trace.add("invoke_agent batch", 0, LARGE_SPANS * 100)
    step = root
    for index in range(LARGE_SPANS - 1):
        at = 100 * index
        if index % 10 == 0:
            step = trace.add(f"invoke_agent step {index}", at, at + 1_000, root)
        elif index % 3 == 0:
            trace.chat(at, at + 90, step)
        else:
            failed = ("TimeoutError", "late") if index % 1000 == 1 else None
            trace.add(f"execute_tool tool {index % 7}", at, at + 50, step, error=failed)
    return trace


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built: object) -> Iterator[Serving]:
    """Run a server with the traces of this module."""
    assert built
    with serving(tmp_path_factory.mktemp("traces") / "data") as running:
        for trace in (shop(), wrapped(), broken(), hostile(), large()):
            for request in trace.requests():
                send(running, "/v1/traces", request)
        yield running


@pytest.fixture(scope="module")
def project(server: Serving) -> str:
    """Return the id of the project of the server."""
    return str(server.get("/v1/traces", limit="1")["traces"][0]["project_id"])


class Opened:
    """A page of a trace."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.tree = page.get_by_role("treegrid", name="Spans")

    @property
    def rows(self) -> Locator:
        return self.tree.get_by_role("row").filter(has=self.page.get_by_role("gridcell"))

    def row(self, text: str | re.Pattern[str]) -> Locator:
        return self.rows.filter(has_text=text)

    @property
    def chosen(self) -> Locator:
        return self.tree.locator("[aria-selected=true]")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture
def opened(pages: Pages, server: Serving, project: str) -> Opened:
    """Open the trace of the shop."""
    return open_trace(pages, server, project, SHOP)


def open_trace(
    pages: Pages, server: Serving, project: str, trace: str, *, query: str = "", width: int = 1440
) -> Opened:
    page = pages.open(f"/p/{project}/traces/{trace}{query}", key=server.key, size=(width, 900))
    found = Opened(page)
    expect(found.chosen).to_be_visible()
    return found


def test_tree_shows_the_spans_in_order_with_their_levels(opened: Opened) -> None:
    names = [text.split("\n")[0] for text in opened.rows.locator(".name").all_inner_texts()]
    assert names == [
        *("invoke_agent support", "invoke_agent plan", "chat gpt-5-mini", "execute_tool lookup"),
        *("invoke_agent act", "execute_tool ask_courier", "chat gpt-5-mini"),
    ]
    levels = [row.get_attribute("aria-level") for row in opened.rows.all()]
    assert levels == ["1", "2", "3", "3", "2", "3", "3"]
    expect(opened.row("execute_tool lookup")).to_contain_text("× 6")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text(QUESTION)
    expect(opened.page.locator(".head")).to_contain_text("complete")


def test_figures_of_a_trace_are_those_of_the_list(opened: Opened, server: Serving) -> None:
    listed = server.get("/v1/trees", otel_trace_id=SHOP)["trees"][0]
    facts = dict(
        zip(
            opened.page.locator(".head dt").all_inner_texts(),
            opened.page.locator(".head dd").all_inner_texts(),
            strict=True,
        )
    )
    assert facts["Spans"].startswith(f"{listed['spans']}")
    assert facts["Model calls"].startswith(f"{listed['calls']}")
    assert facts["Tokens"].replace("\u202f", "").startswith("2200")
    opened.page.locator(".head .asked").filter(has_text="$").click()
    popover = opened.page.get_by_role("dialog")
    expect(popover).to_contain_text("gpt-5-mini")
    expect(popover.locator("tfoot")).to_contain_text(f"${listed['cost_cents'] / 100:.9f}".rstrip("0"))


def test_folding_bubbles_failures_up(opened: Opened) -> None:
    act = opened.row("invoke_agent act")
    expect(act).to_contain_text("1 failed below")
    act.get_by_role("button", name="Fold").click()
    expect(act).to_have_attribute("aria-expanded", "false")
    expect(act).to_contain_text("+2")
    expect(opened.row("ask_courier")).to_have_count(0)
    act.get_by_role("button", name="Unfold").click()
    expect(opened.row("ask_courier")).to_have_count(1)


def test_equal_neighbours_unfold_to_their_spans(opened: Opened) -> None:
    opened.row("execute_tool lookup").click()
    expect(opened.page).to_have_url(re.compile(r"span=[0-9a-f]{16}x6"))
    expect(opened.page.get_by_role("region", name="Chosen spans")).to_contain_text("Slowest")
    opened.press("ArrowRight")
    expect(opened.row("execute_tool lookup")).to_have_count(7)
    opened.press("ArrowLeft")
    expect(opened.row("execute_tool lookup")).to_have_count(1)


def test_keys_walk_fold_and_find_errors(opened: Opened) -> None:
    opened.press("j", "j")
    expect(opened.chosen).to_contain_text("chat gpt-5-mini")
    opened.press("k", "ArrowLeft")
    expect(opened.chosen).to_have_attribute("aria-expanded", "false")
    opened.press("e")
    expect(opened.chosen).to_contain_text("ask_courier")
    expect(opened.page.get_by_role("region", name="Chosen span")).to_contain_text("no answer in 2 s")
    opened.press("[")
    expect(opened.rows).to_have_count(3)
    expect(opened.chosen).to_contain_text("invoke_agent act")
    opened.press("]")
    expect(opened.rows).to_have_count(13)
    opened.press("End")
    expect(opened.chosen).to_contain_text("invoke_agent act")


def test_zoom_shows_the_step_and_the_whole_again(opened: Opened) -> None:
    opened.press("e", "z")
    overview = opened.page.get_by_role("group", name=re.compile("What ran when"))
    expect(overview).to_have_accessible_name(re.compile(r"4\.00.s to 10\.0.s of 10\.0.s shown"))
    expect(opened.row("invoke_agent plan").locator(".outside.before")).to_be_visible()
    expect(opened.row("execute_tool lookup").locator(".outside.before")).to_be_visible()
    opened.press("z")
    expect(overview).to_have_accessible_name(re.compile(r"0.ms to 10\.0.s of 10\.0.s shown"))


def test_dragging_on_the_overview_zooms(opened: Opened) -> None:
    overview = opened.page.locator(".overview")
    box = overview.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    opened.page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + box["width"] * 0.9, middle, steps=3)
    opened.page.mouse.up()
    expect(overview).to_have_accessible_name(re.compile(r"[45]\.\d\d.s to [89]\.\d\d.s of"))
    opened.page.get_by_role("button", name="whole").click()
    expect(overview).to_have_accessible_name(re.compile(r"0.ms to 10\.0.s of"))


def test_search_finds_names_and_errors(opened: Opened) -> None:
    opened.press("/")
    opened.page.keyboard.type("TIMEOUT")
    expect(opened.page.get_by_role("button", name="1 found")).to_be_visible()
    opened.press("Enter")
    expect(opened.chosen).to_contain_text("ask_courier")
    opened.press("Escape")
    expect(opened.page.get_by_role("button", name="1 found")).to_have_count(0)


def test_search_of_content_finds_spans_by_their_messages(opened: Opened) -> None:
    opened.press("/")
    opened.page.keyboard.type("arrives on Thursday")
    expect(opened.page.get_by_role("button", name="0 found")).to_be_visible()
    opened.page.get_by_role("button", name="content").click()
    expect(opened.page.get_by_role("button", name="1 found")).to_be_visible()
    opened.page.get_by_role("button", name="1 found").click()
    expect(opened.page.get_by_role("tabpanel")).to_contain_text("It arrives on Thursday.")


def test_link_to_a_span_opens_the_trace_at_it(pages: Pages, server: Serving, project: str) -> None:
    lookup = shop().spans[5].span_id.hex()
    found = open_trace(pages, server, project, SHOP, query=f"?span={lookup}&tab=raw")
    expect(found.chosen).to_contain_text("execute_tool lookup")
    expect(found.row("execute_tool lookup")).to_have_count(7)
    expect(found.page.get_by_role("tabpanel")).to_contain_text(lookup)
    found.page.goto(f"/p/{project}/traces/{SHOP}?span={'0' * 16}")
    expect(found.page.locator(".missing")).to_contain_text("which this trace does not have")


def test_selected_call_shows_its_messages_and_its_cost(opened: Opened) -> None:
    opened.press("j", "j")
    panel = opened.page.get_by_role("tabpanel")
    expect(panel).to_contain_text("On its way.")
    opened.page.get_by_role("tab", name="Cost").click()
    expect(panel).to_contain_text("Sum")
    opened.press("w")
    expect(opened.page.get_by_role("dialog")).to_contain_text("Why")


def test_call_leads_to_its_trace_and_back(pages: Pages, server: Serving, project: str) -> None:
    page = pages.open(f"/p/{project}/calls?q=Thursday", key=server.key)
    page.get_by_role("grid", name="Calls").get_by_role("row").nth(1).click()
    page.get_by_role("link", name="Open the trace").click()
    found = Opened(page)
    expect(found.chosen).to_contain_text("chat gpt-5-mini")
    expect(page).to_have_url(re.compile(f"/traces/{SHOP}\\?.*span="))
    page.get_by_role("link", name="Open by itself").click()
    expect(page).to_have_url(re.compile(r"/calls/[0-9a-f-]{36}"))
    page.go_back()
    expect(found.chosen).to_contain_text("chat gpt-5-mini")


def test_repeating_span_names_the_span_that_counts(pages: Pages, server: Serving, project: str) -> None:
    found = open_trace(pages, server, project, WRAPPED)
    uncounted = found.rows.filter(has_text="not counted")
    expect(uncounted).to_have_count(1)
    uncounted.click()
    note = found.page.get_by_role("region", name="Chosen span")
    expect(note).to_contain_text("not counted")
    note.get_by_role("link", name=re.compile("Counted is chat")).click()
    expect(found.chosen).not_to_contain_text("not counted")


def test_parent_that_was_never_received_is_named(pages: Pages, server: Serving, project: str) -> None:
    found = open_trace(pages, server, project, BROKEN)
    expect(found.page.locator(".head")).to_contain_text("incomplete")
    found.row("no parent").click()
    expect(found.page.get_by_role("region", name="Chosen span")).to_contain_text("was never received")


def test_unknown_trace_is_a_sentence(pages: Pages, server: Serving, project: str) -> None:
    pages.faults.expect(r"status of 404")
    page = pages.open(f"/p/{project}/traces/{'0' * 31}1", key=server.key)
    expect(page.get_by_role("heading", name="There is no such trace in this project")).to_be_visible()
    expect(page.get_by_role("link", name="To the list of traces")).to_be_visible()


def test_hostile_texts_are_shown_as_text(pages: Pages, server: Serving, project: str) -> None:
    found = open_trace(pages, server, project, HOSTILE)
    expect(found.row('<img src=x onerror="throw 1">')).to_have_count(2)
    found.press("j")
    expect(found.page.get_by_role("tabpanel")).to_contain_text('<img src=x onerror="throw 1">')
    for tab in ("Cost", "Attributes", "Raw"):
        found.page.get_by_role("tab", name=tab).click()
        expect(found.page.get_by_role("tabpanel")).not_to_be_empty()
    assert found.page.locator("img").count() == 0


def test_large_trace_stays_within_its_elements(pages: Pages, server: Serving, project: str) -> None:
    found = open_trace(pages, server, project, LARGE)
    expect(found.tree).to_have_attribute("aria-rowcount", re.compile(r"^\d{5}$"))
    assert found.page.locator("*").count() <= ELEMENTS
    found.press("End", "e", "j")
    expect(found.chosen).to_be_visible()
    expect(found.page.get_by_role("tabpanel")).not_to_be_empty()
    assert found.page.locator("*").count() <= ELEMENTS
    found.page.get_by_role("tab", name="Raw").click()
    expect(found.page.get_by_role("tabpanel")).to_contain_text("otel_span_id")


def test_first_load_of_a_trace_is_within_its_budget(pages: Pages, server: Serving, project: str) -> None:
    page = pages.open(key=server.key)
    loaded = first_load(page, f"/p/{project}/traces/{WRAPPED}?tab=details")
    sizes = {response.url: len(gzip.compress(response.body(), 9)) for response in loaded}
    assert sum(sizes.values()) <= FIRST_LOAD_BYTES, sizes


def test_list_has_the_traces_with_their_totals(pages: Pages, server: Serving, project: str) -> None:
    page = pages.open(f"/p/{project}/traces", key=server.key)
    row = page.get_by_role("row").filter(has_text=QUESTION)
    expect(row).to_contain_text("12 spans")
    expect(row).to_contain_text("2 calls")
    expect(row).to_contain_text("1 failed")
    expect(row).to_contain_text("ana")
    expect(page.get_by_role("row").filter(has_text="incomplete")).to_have_count(1)
    expect(page.get_by_role("row").filter(has_text="batch")).to_contain_text(re.compile(r"10.\d{3}\+ spans"))
    row.get_by_role("link").click()
    expect(page).to_have_url(re.compile(SHOP))
    page.go_back()
    expect(page.locator("[aria-selected=true]")).to_contain_text(QUESTION)


def test_list_without_a_match_offers_to_drop_the_filters(pages: Pages, server: Serving, project: str) -> None:
    page = pages.open(f"/p/{project}/traces?model=none-such", key=server.key)
    expect(page.get_by_role("heading", name="No trace matches")).to_be_visible()
    page.get_by_role("link", name="Remove all filters").click()
    expect(page.get_by_role("row").filter(has_text=QUESTION)).to_be_visible()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_have_no_accessibility_findings(
    pages: Pages, server: Serving, project: str, color_scheme: ColorScheme, width: int
) -> None:
    page = pages.open(f"/p/{project}/traces", key=server.key, size=(width, 900), color_scheme=color_scheme)
    page.get_by_role("row").filter(has_text=QUESTION).wait_for()
    assert axe(page) == []
    page.goto(f"/p/{project}/traces/{SHOP}")
    found = Opened(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(QUESTION)
    expect(page.get_by_role("tabpanel")).to_contain_text(QUESTION)
    assert axe(page) == []
    found.row("execute_tool lookup").click()
    assert axe(page) == []
    page.goto(f"/p/{project}/traces/{WRAPPED}")
    found.rows.filter(has_text="not counted").click()
    expect(page.get_by_role("region", name="Chosen span")).to_contain_text("not counted")
    assert axe(page) == []
