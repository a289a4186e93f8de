"""In every store the final rows depend on the set of spans only, and equal the result of `reconcile`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.model import anonymous, assert_summary, matching, new_project
from tests.support.examples import examples
from tests.support.rows import HOUR_NS, NOON_NS, span, step

from pulse_storage import SpanRow, Store, TraceRecord
from pulse_storage.content.bodies import pack
from pulse_storage.ids import row_id
from pulse_storage.queries.filters import Analytics, AnalyticsQuery, TraceFilter
from pulse_storage.reconciliation.partner_keys import partner_key
from pulse_storage.reconciliation.reconcile import Verdict, reconcile
from pulse_storage.reconciliation.skeletons import Skeleton, skeleton

_TRACES = 2
_SPANS = 6
_PARTNER_KEYS = (
    *(partner_key("outer", fact, NOON_NS) for fact in ("asked", "", "5")),
    partner_key("inner", "asked", NOON_NS),
)
_COLUMNS = [column for column in Skeleton._fields if column in TraceRecord._fields]


@st.composite
def _spans(draw: st.DrawFn) -> list[SpanRow]:
    """Generate up to a dozen spans of two traces; with few values, so that they often share some."""
    keys = draw(
        st.lists(st.integers(0, _TRACES * _SPANS - 1), min_size=3, max_size=12, unique=True), label="spans"
    )
    rows = [_span(draw, key) for key in keys]
    kinds = ("partners", "shared in a trace", "shared by siblings", "unshared")
    match draw(st.sampled_from(kinds), label="calls"):
        case "unshared":
            return [_unshared(row, rows) for row in rows]
        case "shared by siblings":
            # Only response ids can show that two spans are of one call.
            return [
                _unshared(row, rows)._replace(provider_request_id=row.provider_request_id) for row in rows
            ]
        case "shared in a trace":
            return [row._replace(partner_key=None) for row in rows]
        case _:
            return rows


def _unshared(row: SpanRow, rows: Sequence[SpanRow]) -> SpanRow:
    """Return the span changed so that it shares no call with another span: it can only inherit values."""
    calls = {(other.otel_trace_id, other.otel_span_id) for other in rows if other.model_call}
    is_below_call = (row.otel_trace_id, row.parent_span_id) in calls
    return row._replace(
        partner_key=None,
        provider_request_id=f"r{row.otel_span_id.hex()}",
        parent_span_id=None if is_below_call else row.parent_span_id,
    )


def _span(draw: st.DrawFn, key: int) -> SpanRow:
    trace, number = divmod(key, _SPANS)
    make = draw(st.sampled_from((span, span, step)))
    parent = draw(st.none() | st.integers(0, _SPANS - 1))
    row = make(key + 1, trace=trace + 1, parent=None if parent is None else trace * _SPANS + parent + 1)
    start_ns = NOON_NS + draw(
        st.sampled_from((0, 1, 1_000_000, 40_000_000, 200_000_000, 9_000_000_000, 2 * HOUR_NS))
    )
    row = row._replace(
        start_ns=start_ns,
        latency_ms=draw(st.sampled_from((None, 0.0, 100.0, 1234.5))),
        provider_request_id=draw(st.sampled_from((None, "r1", "r2"))),
        partner_key=draw(st.sampled_from((None, None, *_PARTNER_KEYS, "stream:x"))),
        scope=draw(st.sampled_from(("client", "framework", "anthropic"))),
        service=draw(st.sampled_from((None, "app", "app", "gateway"))),
        input_preview=draw(st.sampled_from((None, "Weather?"))),
        dialect=draw(st.sampled_from(("gen-ai", "anthropic-sdk", None))),
        session_id=draw(st.sampled_from((None, None, "s1", "s2"))),
        user_id=draw(st.sampled_from((None, "u1"))),
        tags=draw(st.sampled_from(((), (), ("a", "b")))),
        environment=draw(st.sampled_from((None, "prod"))),
        status=draw(st.sampled_from(("success", "success", "error"))),
        output_preview=draw(st.sampled_from((None, "out"))),
        output_text=draw(st.sampled_from((None, pack(b"output of it")))),
        request_body=draw(st.sampled_from((None, pack(b'{"number": %d}' % number)))),
        response_body=draw(st.sampled_from((None, pack(b"{}")))),
    )
    if not row.model_call:
        return row
    return row._replace(
        input_tokens=draw(st.sampled_from((None, 10, 20))),
        output_tokens=draw(st.sampled_from((None, 5))),
        cost_nano_usd=draw(st.sampled_from((None, 7))),
        model_used=draw(st.sampled_from((None, "m1", "m2"))),
    )


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(rows=_spans(), seed=st.integers(0, 1 << 32))
def test_final_state_depends_on_the_set_of_spans_only(lasting: Store, rows: list[SpanRow], seed: int) -> None:
    at_once = _final_state(lasting, [rows])
    one_by_one = _final_state(lasting, [[row] for row in rows])
    shuffled = _final_state(lasting, _delivered(rows, Random(seed)))
    assert one_by_one == at_once
    assert shuffled == at_once
    records, analytics = at_once
    _assert_reconciled(rows, records)
    assert_summary(analytics.total, matching(records, TraceFilter(operation="all")))


def _assert_reconciled(rows: Sequence[SpanRow], records: Sequence[TraceRecord]) -> None:
    """Assert that the stored rows equal the result of `reconcile` on all spans at once."""
    spans = [skeleton(row, row_id("p", row.otel_trace_id, row.otel_span_id, row.start_ns)) for row in rows]
    verdicts = reconcile(spans)
    stored = {(record.otel_trace_id, record.otel_span_id): record for record in records}
    assert stored.keys() == {span.key for span in spans}
    for own in spans:
        verdict = verdicts.get(own.key, Verdict(own.model_call, {}))
        record = stored[own.key]
        assert record.counted == verdict.counted
        for column in _COLUMNS:
            assert getattr(record, column) == verdict.overrides.get(column, getattr(own, column)), column


def _delivered(rows: Sequence[SpanRow], random: Random) -> list[list[SpanRow]]:
    """Return the rows in random order and random batches, some of them twice."""
    sent = [*rows, *random.choices(rows, k=random.randrange(len(rows) + 1))]
    random.shuffle(sent)
    batches: list[list[SpanRow]] = [[]]
    for row in sent:
        if random.random() < 0.4:
            batches.append([])
        batches[-1].append(row)
    return batches


def _final_state(storage: Store, batches: Sequence[Sequence[SpanRow]]) -> tuple[list[TraceRecord], Analytics]:
    async def deliver() -> tuple[list[TraceRecord], Analytics]:
        id = await new_project(storage)
        for batch in batches:
            await storage.ingest([row._replace(project_id=id) for row in batch], keep_all=True)
        query = AnalyticsQuery(from_ns=NOON_NS - HOUR_NS, before_ns=NOON_NS + 24 * HOUR_NS, group_by="model")
        analytics = await storage.analytics(id, query)
        groups = sorted(analytics.groups, key=lambda group: str(group.key))
        return await anonymous(storage, id), Analytics(analytics.total, groups)

    return asyncio.run(deliver())
