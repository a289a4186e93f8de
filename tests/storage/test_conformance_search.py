"""Every store finds what a reader of all its rows would find, and stops where a budget ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.storage.corpus import corpus
from tests.storage.model import (
    EVERYTHING,
    everything,
    holding,
    matching,
)
from tests.support.rows import span

from pulse_storage import Store, TraceRecord
from pulse_storage.queries.filters import (
    Count,
    Order,
    Page,
    ScanBudget,
    TraceFilter,
    TracePage,
)

pytestmark = pytest.mark.anyio


async def test_a_list_whose_budget_is_spent_goes_on_where_it_ended(storage: Store) -> None:
    rare = {number: "rare" if number % 1700 == 0 else None for number in range(1, 8_001)}
    await storage.ingest([span(number, service=service) for number, service in rare.items()])
    where = TraceFilter(service="rare")
    whole = await storage.list_traces("p", where, Page())
    assert ([row.otel_span_id for row in whole.rows], whole.next_cursor) == (
        [number.to_bytes(8, "big") for number in (6_800, 5_100, 3_400, 1_700)],
        None,
    )
    orders: tuple[Order, ...] = ("desc", "asc")
    for order in orders:
        page = Page(order=order, budget=ScanBudget(seconds=0))
        found = await storage.list_traces("p", where, page)
        seen = found.rows
        assert len(seen) < 4
        while found.next_cursor is not None:
            found = await storage.list_traces("p", where, replace(page, cursor=found.next_cursor))
            seen = [*seen, *found.rows]
        assert seen == (whole.rows if order == "desc" else whole.rows[::-1])


async def test_a_count_whose_time_is_up_says_so(storage: Store) -> None:
    await storage.ingest([span(number, service="shop") for number in range(1, 5_001)])
    counted = await storage.count_traces("p", TraceFilter(service="shop"), seconds=0)
    assert counted == Count(5_000, exact=True) or (not counted.exact and 0 < counted.rows < 5_000)
    assert await storage.count_traces("p", TraceFilter(), seconds=0) == Count(5_000, exact=True)


_TEXTS = [
    "World",
    "hello",
    "ÖL",
    "日本",
    "100%",
    'said "no"',
    "a\nb",
    "back\\slash",
    "role",
    "user",
    "😀",
    "naïve",
    "x" * 400,
]


@pytest.mark.parametrize("text", _TEXTS)
async def test_search_finds_the_rows_whose_content_holds_the_text(storage: Store, text: str) -> None:
    await storage.ingest(corpus(8), keep_all=True)
    await storage.ingest(corpus(9, project_id="q"), keep_all=True)
    rows = await everything(storage, "p")
    for where in (EVERYTHING, TraceFilter(), TraceFilter(status="error"), TraceFilter(session_id="s1")):
        expected = await holding(storage, matching(rows, where), text)
        found = await storage.search_traces("p", where, text, Page(limit=1000))
        assert (found.rows, found.next_cursor) == (expected, None), where
        assert await _searched(storage, where, text, Page(limit=3)) == expected
        assert await _searched(storage, where, text, Page(limit=3, order="asc")) == expected[::-1]
    assert (await storage.search_traces("unknown", EVERYTHING, text, Page())).rows == []


@pytest.mark.parametrize("budget", [ScanBudget(content_bytes=1), ScanBudget(seconds=0)])
async def test_search_goes_on_where_its_budget_ended(storage: Store, budget: ScanBudget) -> None:
    await storage.ingest(corpus(8), keep_all=True)
    expected = await holding(storage, await everything(storage, "p"), "world")
    pages = [page async for page in _search_pages(storage, EVERYTHING, "world", Page(limit=5, budget=budget))]
    assert [row for page in pages for row in page.rows] == expected
    empty = [page for page in pages if not page.rows]
    assert empty
    assert len(pages) <= len(corpus(8)) + 1


async def _searched(storage: Store, where: TraceFilter, text: str, page: Page) -> list[TraceRecord]:
    pages = [page async for page in _search_pages(storage, where, text, page)]
    assert all(len(found.rows) == page.limit for found in pages[:-1])
    return [row for page in pages for row in page.rows]


async def _search_pages(
    storage: Store, where: TraceFilter, text: str, page: Page
) -> AsyncIterator[TracePage]:
    while True:
        found = await storage.search_traces("p", where, text, page)
        yield found
        if found.next_cursor is None:
            return
        page = replace(page, cursor=found.next_cursor)
