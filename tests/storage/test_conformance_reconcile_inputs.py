"""`reconcile_inputs` returns all spans by which a store decided what counts in a trace."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.rows import span, step

from pulse_storage import SpanRow, Store
from pulse_storage.queries.filters import Page, TraceFilter
from pulse_storage.reconciliation.reconcile import Verdict, reconcile
from pulse_storage.reconciliation.skeletons import ReconcileInputs

pytestmark = pytest.mark.anyio

_EVERY = TraceFilter(operation="all", counted=None)


def trace_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def names(inputs: ReconcileInputs) -> list[int]:
    return sorted(int.from_bytes(one.otel_span_id, "big") for one in inputs.spans)


async def test_reconciling_the_inputs_gives_the_stored_rows(storage: Store) -> None:
    own: dict[str, Any] = {"scope": "com.anthropic.sdk.python", "dialect": "anthropic-sdk"}
    shared: dict[str, Any] = {
        "provider_request_id": "msg_1",
        "partner_key": "anthropic:msg_1",
        "latency_ms": 2500.0,
    }
    rows: list[SpanRow] = [
        step(1, trace=1, session_id="chat-42"),
        span(2, trace=1, parent=1, **shared),
        span(3, trace=3, **shared, **own, cache_read_tokens=7),
        span(4, trace=1, parent=1),
        span(9, trace=9),
    ]
    for row in reversed(rows):
        await storage.ingest([row])
    for first in (1, 3):
        inputs = await storage.reconcile_inputs("p", trace_id(first))
        assert (names(inputs), inputs.whole) == ([1, 2, 3, 4], True)
        verdicts = reconcile(inputs.spans, inputs.contents)
        stored = {one.otel_span_id: one for one in (await storage.list_traces("p", _EVERY, Page())).rows}
        for one in inputs.spans:
            counted, overrides = verdicts.get(one.key, Verdict(one.model_call, {}))
            row = stored[one.otel_span_id]
            assert (row.counted, row.session_id) == (counted, overrides.get("session_id", one.session_id))
            assert row.cache_read_tokens == overrides.get("cache_read_tokens", one.cache_read_tokens)
    assert names(await storage.reconcile_inputs("p", trace_id(9))) == [9]


async def test_inputs_of_an_unknown_trace_or_project_are_empty(
    storage: Store,
) -> None:
    await storage.ingest([span(1, trace=1)])
    assert await storage.reconcile_inputs("p", trace_id(2)) == ReconcileInputs([], [], whole=True)
    assert await storage.reconcile_inputs("other", trace_id(1)) == ReconcileInputs([], [], whole=True)


async def test_inputs_of_a_large_trace_are_a_span_and_its_ancestors(
    storage: Store,
) -> None:
    root, agent = step(1, trace=1), step(2, trace=1, parent=1)
    calls = [span(number, trace=1, parent=2) for number in range(3, 2103)]
    await storage.ingest([root, agent, *calls])
    inputs = await storage.reconcile_inputs("p", trace_id(1), calls[-1].otel_span_id)
    # A store may return the whole trace.
    assert names(inputs) == (list(range(1, 2103)) if inputs.whole else [2, 2102])
