"""Every store sorts rows by latency, cost and tokens as a plain list would, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, product
from typing import get_args

import pytest
from tests.storage.backends import Backend, lasting_store
from tests.storage.corpus import varied_corpus
from tests.storage.filter_samples import FILTERS
from tests.storage.model import EVERYTHING, everything, matching, sort_value
from tests.support.rows import NOON_NS, project, span

from pulse_storage import InvalidCursor, Store, TraceRecord
from pulse_storage.content.bodies import pack
from pulse_storage.ids import encode_cursor
from pulse_storage.queries.filters import Order, Page, ScanBudget, Sort, TraceFilter

pytestmark = pytest.mark.anyio

_SORTS: list[Sort] = ["latency", "cost", "tokens"]
_ORDERS: tuple[Order, ...] = get_args(Order)


@pytest.fixture(scope="module")
def filled(
    backend: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, list[TraceRecord]]]:
    """Fill a store that no test changes; return it with all rows of its project p, newest first."""

    async def fill(storage: Store) -> list[TraceRecord]:
        for project_id, seed in (("p", 61), ("q", 62)):
            await storage.create_project(*project(project_id))
            await storage.ingest(varied_corpus(seed, project_id=project_id), keep_all=True)
        return await everything(storage, "p")

    for storage in lasting_store(backend, tmp_path_factory.mktemp("sorted")):
        yield storage, asyncio.run(fill(storage))


async def _pages(storage: Store, where: TraceFilter, page: Page, project_id: str = "p") -> list[TraceRecord]:
    """Return the rows of all pages."""
    found = await storage.list_traces(project_id, where, page)
    rows = found.rows
    while found.next_cursor is not None:
        assert len(found.rows) <= page.limit
        found = await storage.list_traces(project_id, where, replace(page, cursor=found.next_cursor))
        rows = [*rows, *found.rows]
    return rows


def _in_order(rows: Sequence[TraceRecord], sort: Sort, order: Order) -> list[TraceRecord]:
    """Sort rows, which are given newest first."""
    known = [row for row in rows if sort_value(row, sort) is not None]
    unknown = [row for row in rows if sort_value(row, sort) is None]
    sign = -1 if order == "desc" else 1
    return [*sorted(known, key=lambda row: sign * (sort_value(row, sort) or 0)), *unknown]


@pytest.mark.parametrize("sort", _SORTS)
@pytest.mark.parametrize("order", _ORDERS)
async def test_sorted_pages_of_each_filter_agree_with_the_rows(
    filled: tuple[Store, list[TraceRecord]], order: Order, sort: Sort
) -> None:
    storage, rows = filled
    for number, where in enumerate(FILTERS):
        expected = _in_order(matching(rows, where), sort, order)
        page = Page(limit=(31, 1000)[number % 2], sort=sort, order=order)
        assert await _pages(storage, where, page) == expected, where
        assert (await storage.list_traces("p", where, page)).complete


async def test_sorted_pages_neither_repeat_nor_skip_rows_while_others_arrive(storage: Store) -> None:
    calls = [span(number, cost_nano_usd=number % 5 * 10 or None) for number in range(1, 60)]
    await storage.ingest(calls[:40])
    before = _in_order(await everything(storage, "p"), "cost", "desc")
    page = Page(limit=7, sort="cost")
    found = await storage.list_traces("p", TraceFilter(), page)
    seen = found.rows
    for call in calls[40:]:
        await storage.ingest([call, call._replace(otel_trace_id=bytes([9] * 15) + call.otel_trace_id[-1:])])
        if found.next_cursor is not None:
            found = await storage.list_traces("p", TraceFilter(), replace(page, cursor=found.next_cursor))
            seen = [*seen, *found.rows]
    assert len({row.trace_id for row in seen}) == len(seen)
    earlier = {row.trace_id for row in before}
    assert [row for row in seen if row.trace_id in earlier] == before


@pytest.mark.parametrize(("sort", "order"), list(product(_SORTS, _ORDERS)))
async def test_sort_without_time_left_lists_each_row_once_part_by_part(
    storage: Store, sort: Sort, order: Order
) -> None:
    calls = [
        span(
            number, cost_nano_usd=number * 7919 % 1000, latency_ms=number * 31 % 977, input_tokens=number % 50
        )
        for number in range(1, 9_001)
    ]
    await storage.ingest(calls)
    page = Page(limit=1000, sort=sort, order=order, budget=ScanBudget(seconds=0))
    found = await storage.list_traces("p", EVERYTHING, page)
    pages = [found]
    while found.next_cursor is not None:
        found = await storage.list_traces("p", EVERYTHING, replace(page, cursor=found.next_cursor))
        pages.append(found)
    rows = [row for page in pages for row in page.rows]
    assert len(rows) == len({row.trace_id for row in rows}) == 9_000
    if pages[0].complete:
        assert rows == _in_order(await everything(storage, "p"), sort, order)
    else:
        assert not any(page.complete for page in pages)


async def test_long_texts_end_a_sorted_page_early(storage: Store) -> None:
    text = pack(b"x" * (5 << 20))
    await storage.ingest([span(number, output_text=text, cost_nano_usd=number) for number in range(1, 9)])
    page = await storage.list_traces("p", TraceFilter(), Page(limit=8, sort="cost"))
    assert 1 <= len(page.rows) < 8
    rows = await _pages(storage, TraceFilter(), Page(limit=8, sort="cost"))
    assert [row.cost_nano_usd for row in rows] == list(range(8, 0, -1))
    assert all(row.output_text == "x" * (5 << 20) for row in rows)


async def test_sorted_rows_equal_those_of_a_list_by_time(filled: tuple[Store, list[TraceRecord]]) -> None:
    storage, rows = filled
    found = await _pages(storage, EVERYTHING, Page(limit=100, sort="tokens"))
    key = [row.trace_id for row in rows].index
    assert sorted(found, key=lambda row: key(row.trace_id)) == rows


async def test_cursor_of_another_sort_or_order_is_refused(storage: Store) -> None:
    await storage.ingest([span(number) for number in range(1, 4)])
    cost = Page(limit=1, sort="cost")
    cursor = (await storage.list_traces("p", TraceFilter(), cost)).next_cursor
    assert cursor is not None
    for page in (
        replace(cost, cursor=cursor, order="asc"),
        replace(cost, cursor=cursor, sort="latency"),
        replace(cost, cursor=cursor, sort="tokens"),
        replace(cost, cursor=cursor, sort="time"),
        replace(cost, cursor=encode_cursor(bytes(16))),
        replace(cost, cursor="é"),
        replace(cost, cursor=""),
    ):
        with pytest.raises(InvalidCursor):
            await storage.list_traces("p", TraceFilter(), page)


async def test_equal_values_are_listed_newest_first_in_either_order(storage: Store) -> None:
    await storage.ingest([span(number, start_ns=NOON_NS + number) for number in range(1, 30)])
    newest_first = await everything(storage, "p")
    for sort, order in product(_SORTS, _ORDERS):
        assert await _pages(storage, TraceFilter(), Page(limit=4, sort=sort, order=order)) == newest_first
    assert len(list(groupby(newest_first, key=lambda row: row.cost_nano_usd))) == 1
