"""Traces of thousands of spans are reconciled as small ones, in any order of arrival."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from tests.storage.backends import Backend
from tests.storage.model import everything
from tests.support.rows import project, span, step

from pulse_storage import SpanRow, TraceRecord

_ROOT, _WRAPPER = 1, 2
#: Number of calls below each step of the agent; the steps are below the wrapper.
_CALLS_OF_STEPS = (700, 3, 260, 40, 900, 250, 1)


def _trace() -> list[SpanRow]:
    """Return an agent with a session, a wrapper that repeats all sums, its steps, their calls and tools.

    Some calls are recorded by a framework and, below it, by a client; some lie below a tool.
    """
    rows = [
        step(_ROOT, trace=1, session_id="s", user_id="u", tags=("t",)),
        span(_WRAPPER, trace=1, parent=_ROOT, scope="framework", input_tokens=1_000_000),
    ]
    number = 10
    for calls in _CALLS_OF_STEPS:
        above = number
        rows.append(step(above, trace=1, parent=_WRAPPER))
        for index in range(calls):
            number += 1
            row = span(number, trace=1, parent=above, provider_request_id=f"r{number}")
            rows.append(row)
            if index % 10 == 3:
                # The same call in a span of the client below.
                number += 1
                rows[-1] = row._replace(scope="framework", finish_reason=None, input_preview="asked")
                below = span(number, trace=1, parent=number - 1, provider_request_id=f"r{number - 1}")
                rows.append(below._replace(environment="prod" if index % 20 == 3 else None))
            elif index % 10 == 7:
                number += 1
                rows[-1] = step(number - 1, trace=1, parent=above, operation="execute_tool")
                rows.append(span(number, trace=1, parent=number - 1, session_id="own"))
        number += 10
    return rows


Order = Callable[[list[SpanRow]], list[SpanRow]]


def _as_they_start(rows: list[SpanRow]) -> list[SpanRow]:
    return rows


def _as_they_end(rows: list[SpanRow]) -> list[SpanRow]:
    return rows[::-1]


def _wrapper_last(rows: list[SpanRow]) -> list[SpanRow]:
    return [*rows[2:], rows[1], rows[0]]


def _root_last(rows: list[SpanRow]) -> list[SpanRow]:
    return [*rows[1:], rows[0]]


def _shuffled(rows: list[SpanRow]) -> list[SpanRow]:
    sent = [*rows, *rows[::9]]
    Random(7).shuffle(sent)
    return sent


@pytest.fixture(scope="module")
def at_once(backend: Backend) -> list[TraceRecord]:
    """Return the stored rows of `_trace`, ingested in one batch."""
    return _final(backend, [_trace()])


@pytest.mark.parametrize("order", [_as_they_start, _as_they_end, _wrapper_last, _root_last, _shuffled])
def test_large_trace_is_stored_alike_in_any_order(
    backend: Backend, at_once: list[TraceRecord], order: Order
) -> None:
    rows = _trace()
    assert len(rows) > 2_300
    sent = order(rows)
    assert _final(backend, [sent[start : start + 97] for start in range(0, len(sent), 97)]) == at_once
    by_number = {int.from_bytes(record.otel_span_id): record for record in at_once}
    assert not by_number[_WRAPPER].counted
    calls = sum(_CALLS_OF_STEPS)
    assert sum(record.counted for record in at_once) == calls
    assert {record.session_id for record in at_once} == {"s", "own"}


@pytest.mark.parametrize("order", [_root_last, _shuffled])
def test_wrapper_far_above_its_calls_does_not_count(backend: Backend, order: Order) -> None:
    depth = 1_500
    rows = [span(1, trace=1, scope="framework", session_id="s")]
    rows += [step(number, trace=1, parent=number - 1) for number in range(2, depth)]
    rows += [
        span(depth + index, trace=1, parent=depth - 1, provider_request_id=f"r{index}") for index in (0, 1)
    ]
    at_once = _final(backend, [rows])
    sent = order(rows)
    # A batch has more levels than one search for an ancestor covers.
    assert _final(backend, [sent[start : start + 310] for start in range(0, len(sent), 310)]) == at_once
    assert sorted(int.from_bytes(record.otel_span_id) for record in at_once if record.counted) == [
        depth, depth + 1,
    ]  # fmt: skip
    assert {record.session_id for record in at_once} == {"s"}


def test_large_trace_with_cycles_of_parents_is_stored(backend: Backend) -> None:
    """A ring of 700 spans, a ring of 2, spans that are their own parents, and calls below each."""
    rows = [step(number, trace=1, parent=number % 700 + 1) for number in range(1, 701)]
    rows += [step(1_001, trace=1, parent=1_002), step(1_002, trace=1, parent=1_001)]
    rows += [step(number, trace=1, parent=number) for number in range(1_101, 1_121)]
    parents = [*range(1, 701, 50), 1_001, *range(1_101, 1_121, 4)]
    calls = [span(2_000 + above, trace=1, parent=above, provider_request_id=f"r{above}") for above in parents]
    sent = _shuffled(rows + calls)
    final = _final(backend, [sent[start : start + 97] for start in range(0, len(sent), 97)])
    assert len(final) == len(rows) + len(calls)
    assert sum(record.counted for record in final) == len(calls)


def _final(backend: Backend, batches: Sequence[Sequence[SpanRow]]) -> list[TraceRecord]:
    async def deliver(folder: Path) -> list[TraceRecord]:
        storage = backend.open(folder)
        await storage.create_project(*project())
        for batch in batches:
            await storage.ingest(batch, keep_all=True)
        rows = await everything(storage, "p")
        await storage.close()
        return rows

    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(deliver(Path(folder)))
        backend.check(Path(folder))
        return rows
