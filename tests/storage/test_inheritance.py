"""Inherited session, user, tags and environment: the rule itself, and the fast path of ingest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rows import NOON_NS, span, step

from pulse_storage import SpanRow
from pulse_storage.ids import row_id
from pulse_storage.reconciliation.inheritance import (
    INHERITED,
    MAX_AGREEING_SPANS,
    InheritedValues,
    Outline,
    inherited_in_trace,
    inherited_overrides,
    own_values,
    parents_first,
)
from pulse_storage.reconciliation.reconcile import reconcile
from pulse_storage.reconciliation.skeletons import OwnValue, skeleton

_CALL = span(1, trace=9, parent=4, session_id="s", provider_request_id="r1")
_SIBLING = span(2, trace=9, parent=4, session_id="s", provider_request_id="r2")
_AGENT = step(4, trace=9, session_id="s")


def _overrides(*rows: SpanRow, stored: Sequence[SpanRow] = ()) -> dict[bytes, dict[str, OwnValue]] | None:
    outlines = {row.otel_span_id: _outline(row) for row in stored}
    return inherited_overrides({row.otel_span_id: row for row in rows}, outlines)


def _outline(row: SpanRow) -> Outline:
    return Outline(
        row.parent_span_id,
        row.model_call,
        row.gen_ai,
        row.provider_request_id,
        row.scope,
        own_values(row),
        {},
        row.otel_span_id,
    )


def test_trace_of_an_agent_and_its_calls_is_decided() -> None:
    assert _overrides(_CALL) == {}
    assert _overrides(_SIBLING, _AGENT, _CALL) == {}
    assert _overrides(_CALL, _SIBLING._replace(provider_request_id=None)) == {}


def test_call_inherits_the_session_of_an_ancestor_or_of_all_spans() -> None:
    call = _CALL._replace(session_id=None)
    assert _overrides(call, _AGENT) == {call.otel_span_id: {"session_id": "s"}}
    assert _overrides(call, _SIBLING) == {call.otel_span_id: {"session_id": "s"}}
    assert _overrides(call, _SIBLING, _AGENT._replace(session_id="t")) == {
        call.otel_span_id: {"session_id": "t"}
    }
    assert _overrides(call, _SIBLING, step(5, trace=9, session_id="t")) == {}


@pytest.mark.parametrize(
    "row",
    [
        _SIBLING._replace(partner_key="stream:k"),
        _SIBLING._replace(provider_request_id=None, scope="another"),
        _SIBLING._replace(provider_request_id="r1"),
        _SIBLING._replace(parent_span_id=_CALL.otel_span_id),
        _SIBLING._replace(parent_span_id=_SIBLING.otel_span_id),
        _AGENT._replace(parent_span_id=_CALL.otel_span_id),
    ],
)
def test_trace_that_may_record_a_call_twice_is_not_decided(row: SpanRow) -> None:
    assert _overrides(_CALL, row) is None
    assert _overrides(row, _CALL) is None
    assert _overrides(row, stored=[_CALL]) is None
    assert row.partner_key is not None or _overrides(_CALL, stored=[row]) is None


def test_trace_with_a_row_of_other_overrides_is_not_decided() -> None:
    assert inherited_overrides({}, {_CALL.otel_span_id: _outline(_CALL)._replace(overrides=None)}) is None


def test_trace_of_too_many_spans_is_not_decided() -> None:
    calls = [span(n, trace=9, provider_request_id=f"r{n}") for n in range(1, MAX_AGREEING_SPANS + 1)]
    without = [call._replace(session_id=None) for call in calls]
    root = step(1_000, trace=9, session_id="s")
    assert _overrides(*without[1:], root) is not None
    assert _overrides(*without, root) is None
    assert _overrides(root, stored=without) is None


@st.composite
def _traces(draw: st.DrawFn) -> list[SpanRow]:
    numbers = draw(st.lists(st.integers(1, 6), min_size=1, max_size=6, unique=True))
    return [_row(draw, number) for number in numbers]


def _row(draw: st.DrawFn, number: int) -> SpanRow:
    make = draw(st.sampled_from((span, step)))
    row = make(number, trace=9, parent=draw(st.sampled_from((None, 1, 2, 3, 7, 8))))
    return row._replace(
        start_ns=NOON_NS + draw(st.sampled_from((0, 1_000_000))),
        provider_request_id=draw(st.sampled_from((None, None, "r1", "r2", "r3"))),
        scope=draw(st.sampled_from(("client", "framework"))),
        session_id=draw(st.sampled_from(("s", "s", "t", None))),
        tags=draw(st.sampled_from(((), (), ("a",)))),
        user_id=draw(st.sampled_from((None, None, None, "u"))),
    )


@given(_traces(), st.integers(0, 6))
def test_decided_trace_equals_the_result_of_reconcile(trace: list[SpanRow], stored: int) -> None:
    spans = [skeleton(row, row_id("p", row.otel_trace_id, row.otel_span_id, row.start_ns)) for row in trace]
    overrides = _overrides(*trace[stored:], stored=trace[:stored])
    if overrides is not None:
        verdicts = reconcile(spans)
        assert {span_id: verdict.overrides for (_, span_id), verdict in verdicts.items()} == overrides
        assert all(verdicts[span.key].counted == span.model_call for span in spans if span.key in verdicts)


_OWN = st.tuples(*[st.sampled_from((None, None, *letters)) for letters in ("st", "u", "ab", "e")])
_NAMES = st.integers(1, 7).map(lambda number: number.to_bytes(8, "big"))
_PARENTS = st.dictionaries(_NAMES, st.none() | _NAMES, min_size=1)


@given(_PARENTS, st.data(), st.booleans())
def test_inherited_values_equal_those_found_by_following_parents(
    parents: dict[bytes, bytes | None], data: st.DataObject, seek_agreed: bool
) -> None:
    own = {span_id: data.draw(_OWN) for span_id in parents}
    found = inherited_in_trace(own, parents, seek_agreed=seek_agreed)
    for span_id in parents:
        sources = [own[ancestor] for ancestor in _ancestors(span_id, parents)]
        if seek_agreed:
            sources.append(_agreed(list(own.values())))
        expected: dict[str, OwnValue] = {}
        for at, column in enumerate(INHERITED):
            value = next((values[at] for values in sources if values[at]), None)
            if value and not own[span_id][at]:
                expected[column] = value
        assert found.get(span_id, {}) == expected


def _agreed(own: Sequence[InheritedValues]) -> InheritedValues:
    given = [{value for value in column if value} for column in zip(*own, strict=True)]
    return tuple(values.pop() if len(values) == 1 else None for values in given)


def _ancestors(span_id: bytes, parents: Mapping[bytes, bytes | None]) -> list[bytes]:
    """Return the ancestors, nearest first; a span that is its own ancestor has none."""
    found: list[bytes] = []
    current: bytes | None = span_id
    while not _is_own_ancestor(current, parents):
        current = parents[current]
        if current is None or current not in parents:
            break
        found.append(current)
    return found


def _is_own_ancestor(span_id: bytes, parents: Mapping[bytes, bytes | None]) -> bool:
    current = parents[span_id]
    for _ in parents:
        if current is None or current == span_id:
            break
        current = parents.get(current)
    return current == span_id


def test_parents_first_yields_a_long_chain_from_the_root() -> None:
    names = [number.to_bytes(8, "big") for number in range(50_000)]
    chain: list[tuple[bytes, bytes | None]] = list(zip(names, [None, *names], strict=False))
    assert list(parents_first(dict(reversed(chain)))) == chain
