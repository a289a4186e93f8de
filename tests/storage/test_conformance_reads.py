"""Lists, counts and sessions of every store equal those of a plain list of rows."""

from __future__ import annotations

import asyncio
from math import nextafter
from random import Random
from uuid import UUID, uuid4

import pytest
from tests.storage.corpus import corpus
from tests.storage.filter_samples import FILTERS
from tests.storage.model import (
    everything,
    matching,
    snapshot,
)
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, span, step

from pulse_storage import InvalidCursor, Store, TraceRecord
from pulse_storage.content.bodies import pack
from pulse_storage.queries.filters import (
    AnalyticsQuery,
    Count,
    Order,
    Page,
    TraceFilter,
)

pytestmark = pytest.mark.anyio


async def test_each_filter_returns_the_matching_rows(storage: Store) -> None:
    await storage.ingest(corpus(1), keep_all=True)
    await storage.ingest(corpus(2, project_id="q"), keep_all=True)
    rows = await everything(storage, "p")
    assert len(rows) == len(corpus(1))
    for where in FILTERS:
        expected = matching(rows, where)
        page = await storage.list_traces("p", where, Page(limit=1000))
        assert [row.trace_id for row in page.rows] == [row.trace_id for row in expected], where
        assert page.next_cursor is None
        assert await storage.count_traces("p", where) == Count(len(expected), exact=True), where
    assert [where for where in FILTERS if matching(rows, where)][3:]


async def test_pages_by_cursor_are_complete_while_rows_are_stored(storage: Store) -> None:
    numbers = list(range(1, 301, 3))
    await storage.ingest([span(number) for number in numbers])
    for order in ("desc", "asc"):
        seen: list[UUID] = []
        before = [row.trace_id for row in await everything(storage, "p")]
        page = await storage.list_traces("p", TraceFilter(), Page(limit=7, order=order))
        arriving = 1000
        while True:
            seen += [row.trace_id for row in page.rows]
            if page.next_cursor is None:
                break
            # Newer, older and in between.
            arriving += 1
            await storage.ingest(
                [span(arriving), span(2 + 3 * (arriving % 90)), span(arriving * 2, start_ns=9)]
            )
            page = await storage.list_traces(
                "p", TraceFilter(), Page(limit=7, order=order, cursor=page.next_cursor)
            )
        assert len(seen) == len(set(seen))
        kept = set(before)
        expected = before if order == "desc" else before[::-1]
        assert [id for id in seen if id in kept] == expected


_FAR_APART_NS = (
    -30 * DAY_NS,
    -1,
    0,
    1,
    HOUR_NS - 1,
    HOUR_NS,
    2 * HOUR_NS,
    *(NOON_NS + hours * HOUR_NS for hours in (-3000, -1999, -1000, -2, -1, 0, 0, 0, 1, 3, 5, 999, 2000)),
)


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("limit", [1, 4, 50])
async def test_calls_of_a_rare_model_far_apart_in_time_are_listed(
    storage: Store, order: Order, limit: int
) -> None:
    rare = [
        span(number, model_used="rare", start_ns=at_ns) for number, at_ns in enumerate(_FAR_APART_NS, start=1)
    ]
    common = [span(100 + number, start_ns=at_ns + 7) for number, at_ns in enumerate(_FAR_APART_NS)]
    await storage.ingest([*rare, *common])
    rows = await everything(storage, "p")
    edges = (None, None), (1, NOON_NS), (NOON_NS - 1000 * HOUR_NS, NOON_NS + HOUR_NS + 1), (None, 0)
    for from_ns, before_ns in edges:
        where = TraceFilter(model="rare", from_ns=from_ns, before_ns=before_ns)
        expected = [row.trace_id for row in matching(rows, where)]
        seen: list[UUID] = []
        page = await storage.list_traces("p", where, Page(limit=limit, order=order))
        seen += [row.trace_id for row in page.rows]
        while page.next_cursor is not None:
            page = await storage.list_traces(
                "p", where, Page(limit=limit, order=order, cursor=page.next_cursor)
            )
            seen += [row.trace_id for row in page.rows]
        assert seen == (expected if order == "desc" else expected[::-1]), (from_ns, before_ns)


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("models", [3, 50])
async def test_order_is_equal_for_filters_by_few_and_many_models(
    storage: Store, order: Order, models: int
) -> None:
    await storage.ingest(
        [
            span(number, model_used=f"m{number % models}", provider="x" if number % 4 else None)
            for number in range(1, 131)
        ]
    )
    rows = await everything(storage, "p")
    where = TraceFilter(provider="x", from_ns=rows[-1].start_ns + 1)
    expected = [row.trace_id for row in matching(rows, where)]
    expected = expected if order == "desc" else expected[::-1]
    skipped = await storage.list_traces("p", where, Page(limit=20, offset=15, order=order))
    assert [row.trace_id for row in skipped.rows] == expected[15:35]
    seen: list[UUID] = []
    page = await storage.list_traces("p", where, Page(limit=20, order=order))
    while page.next_cursor is not None:
        seen += [row.trace_id for row in page.rows]
        page = await storage.list_traces("p", where, Page(limit=20, order=order, cursor=page.next_cursor))
    assert seen + [row.trace_id for row in page.rows] == expected


async def test_minimum_latency_is_exact_at_bucket_limits(storage: Store) -> None:
    borders = [2.0 ** (eighth / 8) for eighth in range(-12, 100)]
    around = [value for border in borders for value in (nextafter(border, 0), border)]
    latencies = [-1.0, 0.0, *around, None]
    await storage.ingest([span(n, latency_ms=latency) for n, latency in enumerate(latencies, start=1)])
    rows = await everything(storage, "p")
    for least in (-2.0, 0.0, *borders[::5], *around[1::7]):
        where = TraceFilter(min_latency_ms=least)
        page = await storage.list_traces("p", where, Page(limit=1000))
        assert [row.trace_id for row in page.rows] == [row.trace_id for row in matching(rows, where)], least


async def test_offset_skips_rows(storage: Store) -> None:
    await storage.ingest([span(number) for number in range(1, 21)])
    ids = [row.trace_id for row in await everything(storage, "p")]
    page = await storage.list_traces("p", TraceFilter(), Page(limit=5, offset=12))
    assert [row.trace_id for row in page.rows] == ids[12:17]
    last = await storage.list_traces("p", TraceFilter(), Page(limit=5, offset=18))
    assert ([row.trace_id for row in last.rows], last.next_cursor) == (ids[18:], None)
    assert (await storage.list_traces("p", TraceFilter(), Page(limit=5, offset=99))).rows == []


async def test_list_ends_with_its_last_full_page(storage: Store) -> None:
    await storage.ingest([span(number) for number in range(1, 11)])
    first = await storage.list_traces("p", TraceFilter(), Page(limit=5))
    second = await storage.list_traces("p", TraceFilter(), Page(limit=5, cursor=first.next_cursor))
    assert (len(second.rows), second.next_cursor) == (5, None)


@pytest.mark.parametrize("cursor", ["", "x", "????", "AAAA", "A" * 23, "é", "A" * 500])
async def test_invalid_cursor_is_refused(storage: Store, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await storage.list_traces("p", TraceFilter(), Page(cursor=cursor))
    with pytest.raises(InvalidCursor):
        await storage.list_traces("no-such-project", TraceFilter(), Page(cursor=cursor))
    with pytest.raises(InvalidCursor):
        await storage.search_traces("p", TraceFilter(), "x", Page(cursor=cursor))


async def test_lists_contain_texts_but_no_bodies(storage: Store) -> None:
    text = "é" * 3000
    long = span(2, output_preview=text[:500], output_text=pack(text.encode()))
    long = long._replace(request_body=pack(b"{}"), response_body=pack(b"[]"))
    await storage.ingest([span(1, output_preview="short"), long, span(3)])
    rows = (await storage.list_traces("p", TraceFilter(), Page())).rows
    assert [row.output_text for row in rows] == [None, text, "short"]
    assert {row.request_body or row.response_body for row in rows} == {None}


async def test_rows_are_found_by_public_id(storage: Store) -> None:
    await storage.ingest(corpus(5), keep_all=True)
    rows = await everything(storage, "p")
    ids = [row.trace_id for row in rows]
    assert len(set(ids)) == len(ids)
    assert await storage.get_traces("p", [*ids, uuid4(), ids[0]]) == [*rows, None, rows[0]]
    assert await storage.get_traces("p", []) == []
    assert [
        row and row._replace(request_body=None, response_body=None) for row in await snapshot(storage, "p")
    ] == rows
    assert await storage.get_trace("p", uuid4()) is None


async def test_page_of_very_long_texts_is_complete(storage: Store) -> None:
    text = pack(b"x" * (9 << 20))
    await storage.ingest([span(number, output_preview="x", output_text=text) for number in range(1, 5)])
    page = await storage.list_traces("p", TraceFilter(), Page(limit=4))
    assert len(page.rows) == 2
    rest = await storage.list_traces("p", TraceFilter(), Page(limit=4, cursor=page.next_cursor))
    assert (len(rest.rows), rest.next_cursor) == (2, None)
    ids = [row.trace_id for row in (*page.rows, *rest.rows)]
    assert [row and row.trace_id for row in await storage.get_traces("p", ids)] == ids[:2]


async def test_output_in_a_page_equals_that_of_the_single_row(storage: Store) -> None:
    random = Random(5)
    # The largest are too large, packed, to be read together with other texts.
    sizes = [0, 600, 70_000, 5_000, 300_000] * 25
    texts = [random.randbytes(size // 2).hex().encode() for size in sizes]
    await storage.ingest(
        [
            span(number, output_preview="x", output_text=pack(text) if text else None)
            for number, text in enumerate(texts, start=1)
        ]
    )
    rows = await everything(storage, "p")
    assert [len(row.output_text or "") for row in rows[::-1]] == [size or 1 for size in sizes]
    for limit in (1, 49, 50, 51, 120):
        page = await storage.list_traces("p", TraceFilter(), Page(limit=limit))
        assert page.rows == rows[:limit]
    alone = [await storage.get_trace("p", row.trace_id) for row in rows[:10]]
    assert [row and row.output_text for row in alone] == [row.output_text for row in rows[:10]]


async def in_session(storage: Store, session_id: str, project_id: str = "p") -> list[TraceRecord]:
    """Return the counted calls of a session, oldest first, with the filter that the API uses."""
    page = Page(limit=1000, order="asc")
    return (await storage.list_traces(project_id, TraceFilter(session_id=session_id), page)).rows


async def test_session_contains_counted_calls_oldest_first(storage: Store) -> None:
    await storage.ingest(corpus(6), keep_all=True)
    rows = matching(await everything(storage, "p"), TraceFilter(session_id="s1"))[::-1]
    assert await in_session(storage, "s1") == rows
    assert await in_session(storage, "unknown") == []


async def test_session_contains_calls_that_inherit_it_in_either_order(storage: Store) -> None:
    await storage.ingest([span(2, trace=1, parent=1)])
    assert await in_session(storage, "late") == []
    await storage.ingest([step(1, trace=1, session_id="late", user_id="u")])
    await storage.ingest([span(3, trace=1, parent=1)])
    assert [row.otel_span_id[-1] for row in await in_session(storage, "late")] == [2, 3]
    assert (await storage.count_traces("p", TraceFilter(user_id="u"))).rows == 2


async def test_counts_without_a_rollup_stop_at_the_limit(storage: Store) -> None:
    for first in range(1, 12_001, 4_000):
        await storage.ingest([span(number, user_id="u") for number in range(first, first + 4_000)])
    assert await storage.count_traces("p", TraceFilter()) == Count(12_000, exact=True)
    counted = await storage.count_traces("p", TraceFilter(user_id="u"))
    assert counted in (Count(10_000, exact=False), Count(12_000, exact=True))
    assert await storage.count_traces("p", TraceFilter(user_id="v")) == Count(0, exact=True)


async def test_rows_of_other_projects_are_not_returned(storage: Store) -> None:
    rows = corpus(7)
    theirs = [row._replace(project_id="q") for row in rows]
    await storage.ingest(rows, keep_all=True)
    alone = await snapshot(storage, "p"), await _numbers(storage, "p")
    assert await everything(storage, "q") == []
    # Equal ids in another project name other rows.
    assert (await storage.ingest(theirs[::-1], keep_all=True)).stored == len(rows)
    assert (await snapshot(storage, "p"), await _numbers(storage, "p")) == alone
    others = await everything(storage, "q")
    assert len(others) == len(rows)
    assert {row.project_id for row in others} == {"q"}
    by_row_id = [row.trace_id for row in others if row.dialect != "pulse-batch"]
    assert await storage.get_traces("p", by_row_id) == [None] * len(by_row_id)
    assert await storage.get_trace("p", by_row_id[0]) is None


async def _numbers(storage: Store, project_id: str) -> object:
    query = AnalyticsQuery(from_ns=0, before_ns=2 * NOON_NS)
    return (
        (await storage.analytics(project_id, query)).total,
        await storage.count_traces(project_id, TraceFilter()),
        await storage.count_traces(project_id, TraceFilter(user_id="u1")),
        await in_session(storage, "s1", project_id),
    )


async def test_unknown_project_has_no_rows(storage: Store) -> None:
    await storage.ingest([span(1, session_id="s")])
    [row] = await everything(storage, "p")
    assert await everything(storage, "no-such-project") == []
    assert await storage.get_trace("no-such-project", row.trace_id) is None
    assert await storage.get_traces("no-such-project", [row.trace_id]) == [None]
    assert await in_session(storage, "s", "no-such-project") == []
    assert await storage.count_traces("no-such-project", TraceFilter()) == Count(0, exact=True)
    assert (
        await storage.analytics("no-such-project", AnalyticsQuery(from_ns=0, before_ns=2 * NOON_NS))
    ).groups == []
    assert await storage.list_keys("no-such-project") == []


async def test_reads_do_not_wait_for_writes(storage: Store) -> None:
    async def write() -> None:
        for first in range(1, 3_001, 500):
            await storage.ingest([span(number) for number in range(first, first + 500)])

    writing = asyncio.create_task(write())
    counts = [0]
    while not writing.done():
        rows = len((await storage.list_traces("p", TraceFilter(), Page(limit=1000))).rows)
        total = (await storage.count_traces("p", TraceFilter())).rows
        assert total % 500 == 0, "a reader saw a part of a commit"
        assert total >= counts[-1]
        assert rows <= total
        counts.append(total)
    await writing
    assert (await storage.count_traces("p", TraceFilter())).rows == 3_000
