"""Lists of OTel traces and their trees: every store answers as a plain list of rows would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.storage.backends import Backend, lasting_store
from tests.storage.corpus import corpus
from tests.storage.filter_samples import FILTERS
from tests.storage.model import EVERYTHING, everything, matching, new_project
from tests.storage.tree_model import tree_columns, tree_summary
from tests.support.rows import NOON_NS, batch_span, other, project, span, step

from pulse_storage import InvalidCursor, Store, TraceRecord
from pulse_storage.queries.filters import Order, Page, ScanBudget, TraceFilter
from pulse_storage.queries.trees import MAX_TOTALLED_SPANS, TreeSummary

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def filled(
    backend: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, list[TraceRecord]]]:
    """Open a store that no example changes; return it with the rows of its project p."""

    async def fill(storage: Store) -> list[TraceRecord]:
        for project_id, seed in (("p", 41), ("q", 42)):
            await storage.create_project(*project(project_id))
            await storage.ingest(corpus(seed, project_id=project_id, traces=150), keep_all=True)
        return await everything(storage, "p")

    for storage in lasting_store(backend, tmp_path_factory.mktemp("trees")):
        yield storage, asyncio.run(fill(storage))


async def _pages(storage: Store, where: TraceFilter, page: Page, project_id: str = "p") -> list[TreeSummary]:
    """Return the traces of all pages."""
    found = await storage.list_trees(project_id, where, page)
    trees = found.trees
    while found.next_cursor is not None:
        assert len(found.trees) <= page.limit
        found = await storage.list_trees(project_id, where, replace(page, cursor=found.next_cursor))
        trees = [*trees, *found.trees]
    return trees


def _expected(rows: list[TraceRecord], where: TraceFilter, order: Order) -> list[TreeSummary]:
    found = matching(rows, where)[:: 1 if order == "desc" else -1]
    traces = dict.fromkeys(row.otel_trace_id for row in found)
    return [tree_summary([row for row in rows if row.otel_trace_id == trace]) for trace in traces]


@given(
    where=st.sampled_from([EVERYTHING, *FILTERS]),
    limit=st.sampled_from([1, 2, 7, 50, 1000]),
    order=st.sampled_from(get_args(Order)),
)
@settings(deadline=None)
def test_trees_agree_with_the_rows(
    filled: tuple[Store, list[TraceRecord]], where: TraceFilter, limit: int, order: Order
) -> None:
    storage, rows = filled
    found = asyncio.run(_pages(storage, where, Page(limit=limit, order=order)))
    assert found == _expected(rows, where, order)


def test_tree_has_the_spans_of_its_trace(filled: tuple[Store, list[TraceRecord]]) -> None:
    storage, rows = filled

    async def compare() -> None:
        for trace in {row.otel_trace_id for row in rows}:
            of_trace = [row for row in rows if row.otel_trace_id == trace]
            tree = await storage.get_tree("p", trace)
            assert tree is not None
            assert [[*column] for column in tree.spans] == [*tree_columns(of_trace)]
            assert tree.other_parents == set()
            assert tree.next_cursor is None
            for row in of_trace:
                assert await storage.get_span("p", trace, row.otel_span_id) == row

    asyncio.run(compare())


async def test_unknown_trace_and_span_are_none(storage: Store) -> None:
    await storage.ingest([span(1)])
    assert await storage.get_tree("p", b"x" * 16) is None
    assert await storage.get_tree("none", span(1).otel_trace_id) is None
    assert await storage.get_span("p", span(1).otel_trace_id, b"x" * 8) is None
    assert (await storage.list_trees("none", EVERYTHING, Page())).trees == []


async def test_trace_of_the_batch_route_has_its_visible_id(storage: Store) -> None:
    row = batch_span(UUID(int=77))
    await storage.ingest([row])
    tree = await storage.get_tree("p", row.otel_trace_id)
    assert tree is not None
    assert tree.spans.trace_id[0] == UUID(int=77).bytes


async def test_trace_is_listed_by_its_first_matching_span(storage: Store) -> None:
    # Trace 1 has the newest span, but trace 2 the newest failed one.
    await storage.ingest(
        [
            step(1, trace=1),
            span(2, trace=1, parent=1, status="error"),
            step(3, trace=2),
            span(4, trace=2, parent=3, status="error"),
            span(5, trace=1, parent=1),
        ]
    )
    everything = await storage.list_trees("p", EVERYTHING, Page())
    failed = await storage.list_trees("p", replace(EVERYTHING, status="error"), Page())
    oldest = await storage.list_trees("p", EVERYTHING, Page(order="asc"))
    assert [tree.otel_trace_id[-1] for tree in everything.trees] == [1, 2]
    assert [tree.otel_trace_id[-1] for tree in failed.trees] == [2, 1]
    assert [tree.otel_trace_id[-1] for tree in oldest.trees] == [1, 2]
    # Totals are over all spans, whatever the filter.
    assert [(tree.spans, tree.errors) for tree in failed.trees] == [(2, 1), (3, 1)]


async def test_pages_keep_their_traces_while_newer_spans_arrive(storage: Store) -> None:
    for trace in range(1, 6):
        await storage.ingest([span(trace, trace=trace)])
    page = await storage.list_trees("p", EVERYTHING, Page(limit=2))
    seen = [tree.otel_trace_id[-1] for tree in page.trees]
    # A span of a trace that is not listed yet, and a new trace.
    await storage.ingest([span(100, trace=2), span(101, trace=9)])
    while page.next_cursor is not None:
        page = await storage.list_trees("p", EVERYTHING, Page(limit=2, cursor=page.next_cursor))
        seen += [tree.otel_trace_id[-1] for tree in page.trees]
    assert seen == [5, 4, 3, 2, 1]


async def test_trace_without_root_or_parent_is_incomplete(storage: Store) -> None:
    await storage.ingest(
        [
            *(step(1, trace=1), span(2, trace=1, parent=1)),
            *(step(3, trace=2), span(4, trace=2, parent=99)),
            *(span(5, trace=3, parent=98, name="orphan"),),
        ]
    )
    trees = (await storage.list_trees("p", EVERYTHING, Page(order="asc"))).trees
    assert [(tree.is_complete, tree.root_span_id) for tree in trees] == [
        (True, step(1).otel_span_id),
        (False, step(3).otel_span_id),
        (False, None),
    ]
    assert trees[2].name == "orphan"


async def test_totals_count_a_call_once_and_keep_unknown_values(storage: Store) -> None:
    twice: dict[str, Any] = {"provider_request_id": "r", "input_tokens": 10, "output_tokens": 5}
    await storage.ingest(
        [
            step(1, trace=1, session_id="s", user_id="u"),
            span(2, trace=1, parent=1, scope="framework", **twice),
            span(3, trace=1, parent=2, **twice),
            span(4, trace=2, input_tokens=None, output_tokens=None, cost_nano_usd=None),
            span(5, trace=3, cost_nano_usd=None),
            *(span(6, trace=4, cost_source="reported"), span(7, trace=4)),
        ]
    )
    once, unknown, unpriced, mixed = (await storage.list_trees("p", EVERYTHING, Page(order="asc"))).trees
    assert (once.spans, once.calls, once.input_tokens, once.output_tokens) == (3, 1, 10, 5)
    assert (once.cost_nano_usd, once.cost_source) == (1_000_000, "computed")
    assert (once.session_id, once.user_id) == ("s", "u")
    assert (unknown.input_tokens, unknown.output_tokens, unknown.cost_nano_usd) == (None, None, None)
    assert (unknown.cost_source, unknown.unpriced, unknown.unknown_usage) == (None, 0, 1)
    assert (unpriced.cost_nano_usd, unpriced.unpriced, unpriced.unknown_usage) == (None, 1, 0)
    assert (mixed.cost_nano_usd, mixed.cost_source) == (2_000_000, "mixed")


async def test_spent_budget_ends_a_page_that_says_so(storage: Store) -> None:
    await storage.ingest([span(number, trace=number) for number in range(1, 41)])
    page = Page(budget=ScanBudget(seconds=-1.0))
    found = await storage.list_trees("p", EVERYTHING, page)
    assert found.trees
    assert found.next_cursor is not None
    assert not found.is_complete
    trees = await _pages(storage, EVERYTHING, page)
    assert [tree.otel_trace_id[-1] for tree in trees] == [*range(40, 0, -1)]


@pytest.mark.parametrize("cursor", ["x", "AAAAAAAAAAAAAAAAAAAAAA", "é"])
async def test_cursor_of_another_list_is_refused(storage: Store, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await storage.list_trees("p", EVERYTHING, Page(cursor=cursor))
    with pytest.raises(InvalidCursor):
        await storage.get_tree("p", bytes(15) + b"1", cursor=f"{cursor}AA")


async def test_tree_in_pages_names_parents_of_other_pages(storage: Store) -> None:
    await storage.ingest(
        [
            step(1, trace=7),
            *(span(number, trace=7, parent=1) for number in range(2, 6)),
            other(6, trace=7, parent=50),
            span(7, trace=7, parent=6),
        ],
        keep_all=True,
    )
    trace_id = (7).to_bytes(16, "big")
    spans: list[bytes] = []
    others: list[set[bytes]] = []
    cursor: str | None = None
    while True:
        tree = await storage.get_tree("p", trace_id, cursor=cursor, limit=3)
        assert tree is not None
        spans += tree.spans.otel_span_id
        others.append(set(tree.other_parents))
        if tree.next_cursor is None:
            break
        cursor = tree.next_cursor
    root, sixth = (1).to_bytes(8, "big"), (6).to_bytes(8, "big")
    assert [int.from_bytes(id, "big") for id in spans] == [1, 2, 3, 4, 5, 6, 7]
    assert others == [set(), {root}, {sixth}]


async def test_large_trace_has_totals_of_its_first_spans_and_its_root(storage: Store) -> None:
    project_id = await new_project(storage)
    count = MAX_TOTALLED_SPANS + 50
    # The root has the last span id, so that it is not among the first spans of the index.
    root = step(1 << 20, trace=1, name="root", project_id=project_id, start_ns=NOON_NS - 1)
    rows = [
        step(number, trace=1, parent=1 << 20, project_id=project_id, start_ns=NOON_NS + number)
        for number in range(1, count)
    ]
    await storage.ingest([root, *rows])
    [tree] = (await storage.list_trees(project_id, EVERYTHING, Page())).trees
    if tree.at_least:
        assert MAX_TOTALLED_SPANS <= tree.spans <= count
        assert tree.is_complete is None
    assert (tree.name, tree.root_span_id) == ("root", root.otel_span_id)
    assert tree.start_ns == NOON_NS - 1
