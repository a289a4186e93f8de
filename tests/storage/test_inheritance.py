from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rows import NOON_NS, span, step

from pulse_storage import SpanRow
from pulse_storage.ids import row_id
from pulse_storage.reconciliation.inheritance import Outline, inherited_overrides
from pulse_storage.reconciliation.reconcile import MAX_AGREEING_SPANS, reconcile
from pulse_storage.reconciliation.skeletons import OwnValue, skeleton

_CALL = span(1, trace=9, parent=4, session_id="s", provider_request_id="r1")
_SIBLING = span(2, trace=9, parent=4, session_id="s", provider_request_id="r2")
_AGENT = step(4, trace=9, session_id="s")


def _overrides(*rows: SpanRow, stored: Sequence[SpanRow] = ()) -> dict[bytes, dict[str, OwnValue]] | None:
    outlines = {row.otel_span_id: _outline(row) for row in stored}
    return inherited_overrides({row.otel_span_id: row for row in rows}, outlines)


def _outline(row: SpanRow) -> Outline:
    said = (row.session_id, row.user_id, row.tags or None, row.environment)
    return Outline(
        row.parent_span_id,
        row.model_call,
        row.gen_ai,
        row.provider_request_id,
        row.scope,
        said,
        {},
        row.otel_span_id,
    )


def test_agent_with_calls_below_it_is_plain() -> None:
    assert _overrides(_CALL) == {}
    assert _overrides(_SIBLING, _AGENT, _CALL) == {}
    assert _overrides(_CALL, _SIBLING._replace(provider_request_id=None)) == {}


def test_calls_take_the_session_from_above_or_from_all() -> None:
    asked = _CALL._replace(session_id=None)
    assert _overrides(asked, _AGENT) == {asked.otel_span_id: {"session_id": "s"}}
    assert _overrides(asked, _SIBLING) == {asked.otel_span_id: {"session_id": "s"}}
    assert _overrides(asked, _SIBLING, _AGENT._replace(session_id="t")) == {
        asked.otel_span_id: {"session_id": "t"}
    }
    assert _overrides(asked, _SIBLING, step(5, trace=9, session_id="t")) == {}


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
def test_whatever_other_spans_may_tell_is_not_plain(row: SpanRow) -> None:
    assert _overrides(_CALL, row) is None
    assert _overrides(row, _CALL) is None
    assert _overrides(row, stored=[_CALL]) is None
    assert row.partner_key is not None or _overrides(_CALL, stored=[row]) is None


def test_stored_span_that_shows_more_of_others_is_not_plain() -> None:
    assert inherited_overrides({}, {_CALL.otel_span_id: _outline(_CALL)._replace(overrides=None)}) is None


def test_what_so_many_spans_agree_on_is_not_sought() -> None:
    calls = [span(n, trace=9, provider_request_id=f"r{n}") for n in range(1, MAX_AGREEING_SPANS + 1)]
    silent = [call._replace(session_id=None) for call in calls]
    root = step(1_000, trace=9, session_id="s")
    assert _overrides(*silent[1:], root) is not None
    assert _overrides(*silent, root) is None
    assert _overrides(root, stored=silent) is None


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
def test_plain_traces_show_what_reconcile_tells_of_them(trace: list[SpanRow], stored: int) -> None:
    spans = [skeleton(row, row_id("p", row.otel_trace_id, row.otel_span_id, row.start_ns)) for row in trace]
    overrides = _overrides(*trace[stored:], stored=trace[:stored])
    if overrides is not None:
        verdicts = reconcile(spans)
        assert {span_id: verdict.overrides for (_, span_id), verdict in verdicts.items()} == overrides
        assert all(verdicts[span.key].counted == span.model_call for span in spans if span.key in verdicts)
