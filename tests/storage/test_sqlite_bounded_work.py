"""The work of ingest and lists is bounded: the steps that SQLite takes are counted, not timed."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import apsw
import pytest
from tests.support.rows import DAY_NS, NOON_NS, SECOND_NS, project, span, step

from pulse_storage import SpanRow, Store, open_storage
from pulse_storage.queries.filters import Order, Page, TraceFilter

pytestmark = pytest.mark.anyio


class _Steps:
    """The virtual machine steps of all statements since `taken` was asked for last."""

    def __init__(self) -> None:
        self._steps = 0

    def hook(self, connection: apsw.Connection) -> None:
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._add)  # pyright: ignore[reportUnknownMemberType]

    def _add(self, event: dict[str, Any]) -> None:
        self._steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    def taken(self) -> int:
        steps, self._steps = self._steps, 0
        return steps


@pytest.fixture
def steps() -> Iterator[_Steps]:
    counter = _Steps()
    apsw.connection_hooks.append(counter.hook)
    yield counter
    apsw.connection_hooks.remove(counter.hook)


@pytest.fixture
async def storage(steps: _Steps, tmp_path: Path) -> AsyncIterator[Store]:
    storage = open_storage(f"sqlite:///{tmp_path / 'pulse.db'}", max_queue_mib=512)
    await storage.create_project(*project())
    yield storage
    await storage.close()


async def _work(storage: Store, steps: _Steps, rows: Sequence[SpanRow]) -> int:
    """The steps that it takes to store these new rows."""
    steps.taken()
    assert (await storage.ingest(rows, keep_all=True)).stored == len(rows)
    return steps.taken()


def _agent(trace: int, size: int) -> list[SpanRow]:
    """A root that names the session, half of the spans right below it; agents with their calls and tools."""
    rows = [step(1, trace=trace, session_id="s")]
    rows += [step(number, trace=trace, parent=1) for number in range(size // 2, size + 1)]
    agent = 1
    for number in range(2, size // 2):
        if number % 100 == 2:
            agent = number
            rows.append(step(number, trace=trace, parent=1))
        elif number % 2:
            rows.append(span(number, trace=trace, parent=agent, provider_request_id=f"r{number}"))
        else:
            rows.append(step(number, trace=trace, parent=agent, operation="execute_tool"))
    return rows


@pytest.mark.slow
async def test_a_batch_costs_the_same_in_a_trace_of_50_000_spans(
    storage: Store, steps: _Steps, tmp_path: Path
) -> None:
    taken: list[tuple[int, ...]] = []
    for trace, size in ((1, 2_000), (2, 50_000)):
        rows = _agent(trace, size)
        await storage.ingest(rows, keep_all=True)
        late = [span(size + n, trace=trace, parent=102 + n % 7, scope="client") for n in range(1, 21)]
        wrapper = span(size + 100, trace=trace, parent=1, scope="framework")
        agent = step(size + 101, trace=trace, parent=1)
        calls = [span(size + 101 + n, trace=trace, parent=size + 101) for n in range(1, 21)]
        works = [await _work(storage, steps, batch) for batch in (late, [wrapper], [agent, *calls])]
        steps.taken()
        assert (await storage.ingest(late, keep_all=True)).duplicates == len(late)
        taken.append((*works, steps.taken()))
    small, large = taken
    # Deeper indexes take a few steps more, never in proportion.
    assert all(more <= 1.3 * less for less, more in zip(small, large, strict=True)), taken
    assert _one(tmp_path, "SELECT count(*) FROM spans WHERE session_id IS NOT 's'") == 0


@pytest.mark.slow
async def test_depth_is_no_matter(storage: Store, steps: _Steps, tmp_path: Path) -> None:
    """A chain of 50 000 spans, each the child of the one before: a call above it, two calls at its end."""
    taken: list[tuple[int, ...]] = []
    for trace, depth in ((1, 12_000), (2, 50_000)):
        first = step(2, trace=trace, parent=1, session_id="s")
        chain = [first, *(step(number, trace=trace, parent=number - 1) for number in range(3, depth + 1))]
        await storage.ingest(chain, keep_all=True)
        more = [step(depth + number, trace=trace, parent=depth + number - 1) for number in range(1, 101)]
        calls = [span(depth + 100 + n, trace=trace, parent=depth + 100, scope="client") for n in (1, 2)]
        top = span(1, trace=trace, scope="framework")
        taken.append(tuple([await _work(storage, steps, batch) for batch in (more, calls, [top])]))
    small, large = taken
    assert all(more <= 1.3 * less for less, more in zip(small, large, strict=True)), taken
    assert _one(tmp_path, "SELECT count(*) FROM spans WHERE session_id IS NOT 's'") == 2
    assert _one(tmp_path, "SELECT count(*) FROM spans WHERE session_id IS 's'") == 62_000 - 2 + 2 * 102


async def test_spans_that_are_their_own_ancestors_cost_what_others_do(storage: Store, steps: _Steps) -> None:
    ring = [step(n, trace=1, parent=n % 3_000 + 1) for n in range(1, 3_001)]
    chain = [step(n, trace=2, parent=n - 1 if n > 1 else None) for n in range(1, 3_001)]
    selves = [step(n, trace=3, parent=n) for n in range(1, 3_001)]
    taken: list[int] = []
    for rows in (ring, chain, selves):
        await storage.ingest(rows, keep_all=True)
        trace = int.from_bytes(rows[0].otel_trace_id)
        below = [span(30_000 + n, trace=trace, parent=2_700 + n) for n in range(20)]
        taken.append(await _work(storage, steps, below))
    in_ring, in_chain, in_selves = taken
    assert in_ring <= 3 * in_chain, taken
    assert in_selves <= in_chain


def _one(folder: Path, sql: str) -> object:
    connection = sqlite3.connect(folder / "pulse.db")
    try:
        [[value]] = connection.execute(sql).fetchall()
        return value
    finally:
        connection.close()


async def test_pieces_of_a_trace_cost_the_same_whatever_else_is_stored(storage: Store, steps: _Steps) -> None:
    taken: list[list[int]] = []
    for trace in (1, 3):
        rows = [
            span(n, trace=trace, parent=20, session_id=None, provider_request_id=f"r{trace}-{n}")
            for n in range(1, 20)
        ]
        root = step(20, trace=trace, session_id="s")
        pieces = [rows[:9], rows[9:], [root]]
        taken.append([await _work(storage, steps, piece) for piece in pieces])
        await storage.ingest(
            [span(n, trace=1_000 + n, provider_request_id=f"x{n}") for n in range(2_000)], keep_all=True
        )
    few, many = taken
    assert all(much <= 1.1 * little for little, much in zip(few, many, strict=True)), taken


@pytest.mark.parametrize("order", get_args(Order))
@pytest.mark.parametrize(
    "where",
    [TraceFilter(), TraceFilter(service="shop"), TraceFilter(model="gpt-5"), TraceFilter(user_id="u")],
)
async def test_later_pages_of_a_range_take_no_more_steps_than_the_first(
    storage: Store, steps: _Steps, where: TraceFilter, order: Order
) -> None:
    await storage.ingest([span(number, service="shop", user_id="u") for number in range(1, 6_001)])
    where = replace(where, from_ns=NOON_NS, before_ns=NOON_NS + DAY_NS)
    page = Page(limit=20, order=order)
    later = (await storage.list_traces("p", where, replace(page, offset=5_000))).next_cursor
    steps.taken()
    await storage.list_traces("p", where, page)
    of_first = steps.taken()
    await storage.list_traces("p", where, replace(page, cursor=later))
    assert steps.taken() < 1.5 * of_first


async def test_steps_of_a_sorted_list_grow_no_faster_than_its_range(storage: Store, steps: _Steps) -> None:
    await storage.ingest([span(number, latency_ms=number % 997) for number in range(1, 12_001)])
    taken: list[int] = []
    for calls in (5_000, 10_000):
        where = TraceFilter(from_ns=NOON_NS, before_ns=NOON_NS + calls * SECOND_NS)
        steps.taken()
        await storage.list_traces("p", where, Page(limit=20, sort="cost"))
        taken.append(steps.taken())
    assert taken[1] < 2.5 * taken[0]
