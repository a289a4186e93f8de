"""The verdicts of `reconcile`: one counted row per model call, in any order of spans."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pulse_storage.reconciliation.call_groups import Join
from pulse_storage.reconciliation.reconcile import Reason, Verdict, reconcile
from pulse_storage.reconciliation.skeletons import Skeleton, SpanKey
from pulse_storage.rows import ANTHROPIC_SDK_DIALECT, BILLED_BY_PREFIX

TRACE = b"t" * 16
OTHER_TRACE = b"u" * 16
MS = 1_000_000


def span(name: int, parent: int | None = None, **facts: Any) -> Skeleton:
    """Return a model call of 100 ms with ids made of `name`; it starts at `name` times 10 ms."""
    blank: dict[str, Any] = dict.fromkeys(Skeleton._fields)
    blank |= {
        "id": name.to_bytes(16, "big"),
        "otel_trace_id": TRACE,
        "otel_span_id": name.to_bytes(8, "big"),
        "parent_span_id": None if parent is None else parent.to_bytes(8, "big"),
        "start_ns": name * 10 * MS,
        "latency_ms": 100.0,
        "model_call": True,
        "scope": "instrumentor",
        "status": "success",
        "tags": (),
        "has_output_text": False,
        "has_request_body": False,
        "has_response_body": False,
    }
    return Skeleton(**(blank | facts))


def native(name: int, parent: int | None = None, **facts: Any) -> Skeleton:
    """Return a span that the Anthropic client records itself."""
    return span(
        name, parent, **({"scope": "com.anthropic.sdk.python", "dialect": ANTHROPIC_SDK_DIALECT} | facts)
    )


def counted(spans: list[Skeleton]) -> list[int]:
    """Return the names of the spans that count, ascending."""
    verdicts = reconcile(spans)
    return sorted(
        int.from_bytes(s.otel_span_id, "big")
        for s in spans
        if (verdicts[s.key].counted if s.key in verdicts else s.model_call)
    )


def test_single_call_counts_without_verdict() -> None:
    assert reconcile([span(1)]) == {}


def test_two_calls_below_an_agent_both_count() -> None:
    agent = span(1, model_call=False)
    assert counted([agent, span(2, 1), span(3, 1)]) == [2, 3]


def test_wrapper_with_sums_of_two_calls_does_not_count() -> None:
    wrapper = span(1, input_tokens=84)
    calls = [span(2, 1, provider_request_id="a"), span(3, 1, provider_request_id="b")]
    assert counted([wrapper, *calls]) == [2, 3]


def test_nested_calls_with_different_response_ids_both_count() -> None:
    assert counted([span(1, provider_request_id="a"), span(2, 1, provider_request_id="b")]) == [1, 2]


def test_anthropic_client_span_below_supplies_cache_tokens_uncounted() -> None:
    instrumentor = span(1, provider_request_id="msg_1", input_tokens=2109, output_tokens=12)
    own = native(
        2,
        1,
        provider_request_id="msg_1",
        input_tokens=2109,
        output_tokens=12,
        cache_read_tokens=1900,
        cache_write_tokens=188,
        cost_nano_usd=1518,
        cost_source="computed",
    )
    verdicts = reconcile([own, instrumentor])
    assert verdicts[own.key] == Verdict(False, {})
    assert verdicts[instrumentor.key] == Verdict(
        True,
        {
            "cache_read_tokens": 1900,
            "cache_write_tokens": 188,
            "cost_nano_usd": 1518,
            "cost_source": "computed",
        },
    )


def test_anthropic_client_span_in_another_trace_is_the_same_call() -> None:
    facts: dict[str, Any] = {"provider_request_id": "msg_1", "partner_key": "anthropic:msg_1"}
    assert counted([span(1, input_tokens=4, **facts), native(2, otel_trace_id=OTHER_TRACE, **facts)]) == [1]


def test_framework_in_other_trace_than_client_and_its_span_is_one_call() -> None:
    facts: dict[str, Any] = {"provider_request_id": "msg_1", "partner_key": "anthropic:msg_1"}
    in_other_trace: dict[str, Any] = {**facts, "otel_trace_id": OTHER_TRACE}
    assert counted(
        [span(1, scope="framework", **facts), span(2, **in_other_trace), native(3, 2, **in_other_trace)]
    ) == [1]


def test_equal_response_ids_in_one_scope_are_separate_calls() -> None:
    concurrent = [span(n, provider_request_id="chatcmpl-123") for n in (1, 2, 3)]
    assert counted(concurrent) == [1, 2, 3]


def test_equal_response_ids_with_client_spans_below_are_separate_calls() -> None:
    facts: dict[str, Any] = {"provider_request_id": "msg_1", "partner_key": "anthropic:msg_1"}
    spans = [
        span(1, **facts),
        native(2, 1, **facts),
        span(3, otel_trace_id=OTHER_TRACE, **facts),
        native(4, 3, otel_trace_id=OTHER_TRACE, **facts),
    ]
    assert counted(spans) == [1, 3]


def test_framework_above_instrumentor_and_client_span_is_one_call() -> None:
    spans = [
        span(1, scope="framework", provider_request_id="msg_1"),
        span(2, 1, provider_request_id="msg_1", input_tokens=9),
        native(3, 1, provider_request_id="msg_1", input_tokens=9),
    ]
    assert counted(spans) == [2]


def test_failed_attempt_below_an_answered_framework_span_counts() -> None:
    spans = [
        span(1, scope="framework", provider_request_id="x"),
        span(2, 1, status="error"),
        span(3, 1, provider_request_id="x", input_tokens=1),
    ]
    verdicts = reconcile(spans)
    assert counted(spans) == [2, 3]
    assert "status" not in verdicts[spans[2].key].overrides


def test_equal_response_ids_far_apart_in_time_are_two_calls() -> None:
    late = native(1000, provider_request_id="msg_1", partner_key="anthropic:msg_1")
    early = span(1, provider_request_id="msg_1", partner_key="anthropic:msg_1")
    assert counted([early, late]) == [1, 1000]


def test_streamed_call_of_two_spans_lasts_from_first_start_to_last_end() -> None:
    request = span(1, partner_key="stream:k")
    stream = span(
        11, otel_trace_id=OTHER_TRACE, partner_key="stream:k", output_tokens=12, output_preview="Hi"
    )
    verdicts = reconcile([stream, request])
    assert not verdicts[stream.key].counted
    assert verdicts[request.key] == Verdict(
        True, {"output_tokens": 12, "output_preview": "Hi", "latency_ms": 200.0}
    )


def test_concurrent_streams_of_one_prompt_are_paired_by_time() -> None:
    spans = [
        span(1, partner_key="stream:k"),
        span(5, partner_key="stream:k"),
        span(11, partner_key="stream:k", output_tokens=1),
        span(15, partner_key="stream:k", output_tokens=2),
    ]
    verdicts = reconcile(spans)
    assert counted(spans) == [1, 5]
    assert verdicts[spans[1].key].overrides["output_tokens"] == 2


def test_span_below_one_of_its_own_scope_does_not_count() -> None:
    request = span(1, scope="litellm", provider_request_id="chatcmpl-1", input_tokens=2109, output_tokens=12)
    raw = span(2, 1, scope="litellm", input_tokens=2109, output_tokens=12, cache_read_tokens=1900)
    assert counted([request, raw]) == [1]
    assert reconcile([request, raw])[request.key].overrides == {"cache_read_tokens": 1900}


def test_reasons_contain_join_other_span_and_preference() -> None:
    instrumentor = span(1, provider_request_id="msg_1", input_tokens=42)
    own = native(2, 1, provider_request_id="msg_1", input_tokens=42)
    reasons: dict[SpanKey, Reason] = {}
    reconcile([instrumentor, own, span(3)], reasons=reasons)
    nested = (Join("nesting", instrumentor.key, own.key),)
    preferred = "it is not the Anthropic client's own span"
    assert reasons == {
        instrumentor.key: Reason(instrumentor.key, (own.key,), nested, preferred),
        own.key: Reason(instrumentor.key, (instrumentor.key,), nested, preferred),
    }


def test_reason_of_a_wrapper_contains_the_repeated_calls() -> None:
    wrapper, first, second = (
        span(1),
        span(2, 1, provider_request_id="a"),
        span(3, 1, provider_request_id="b"),
    )
    reasons: dict[SpanKey, Reason] = {}
    reconcile([wrapper, first, second], reasons=reasons)
    assert reasons == {wrapper.key: Reason(None, (first.key, second.key), (), None)}


def test_verdicts_are_equal_with_and_without_reasons() -> None:
    spans = [
        span(1, session_id="s"),
        span(2, 1, provider_request_id="a"),
        native(3, 2, provider_request_id="a"),
    ]
    assert reconcile(spans, reasons={}) == reconcile(spans)


def test_session_of_the_root_is_inherited_by_all_spans() -> None:
    root = span(1, model_call=False, session_id="s", user_id="u", tags=("beta",))
    middle = span(2, 1, model_call=False)
    leaf = span(3, 2)
    verdicts = reconcile([leaf, middle, root])
    assert verdicts[leaf.key] == Verdict(True, {"session_id": "s", "user_id": "u", "tags": ("beta",)})


def test_session_of_the_nearest_ancestor_has_priority() -> None:
    root = span(1, model_call=False, session_id="batch")
    case = span(2, 1, model_call=False, session_id="case-7")
    assert reconcile([root, case, span(3, 2)])[span(3).key].overrides == {"session_id": "case-7"}


def test_sibling_inherits_no_session_if_sessions_differ() -> None:
    spans = [span(1, session_id="a"), span(2, session_id="b"), span(3)]
    assert reconcile(spans) == {}


def test_cycles_of_parents_are_cut() -> None:
    spans = [span(1, 1), span(2, 3, model_call=False), span(3, 2, model_call=False), span(4, 3)]
    assert counted(spans) == [1, 4]


def test_chain_of_fifty_thousand_spans_inherits_the_session() -> None:
    chain = [span(n, n - 1 if n else None, model_call=False) for n in range(50_000)]
    chain[0] = chain[0]._replace(session_id="s")
    verdicts = reconcile(list(reversed(chain)))
    assert len(verdicts) == 49_999


spans_of_a_trace = st.lists(
    st.builds(
        span,
        st.integers(0, 12),
        st.none() | st.integers(0, 12),
        model_call=st.booleans(),
        scope=st.sampled_from(["a", "b", "com.anthropic.sdk.python"]),
        provider_request_id=st.sampled_from([None, "x", "y"]),
        partner_key=st.sampled_from([None, "anthropic:x", "stream:k"]),
        input_tokens=st.none() | st.integers(0, 3),
        output_tokens=st.none() | st.integers(0, 3),
        cache_read_tokens=st.none() | st.integers(0, 3),
        session_id=st.sampled_from([None, "s", "t"]),
        otel_trace_id=st.sampled_from([TRACE, OTHER_TRACE]),
        status=st.sampled_from(["success", "error"]),
        has_request_body=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda s: s.key,
)


@given(spans_of_a_trace, st.randoms(use_true_random=False))
def test_verdicts_do_not_depend_on_the_order_of_spans(spans: list[Skeleton], random: Any) -> None:
    shuffled = list(spans)
    random.shuffle(shuffled)
    assert reconcile(spans) == reconcile(shuffled)


@given(spans_of_a_trace)
def test_only_model_calls_count_and_at_least_one_does(spans: list[Skeleton]) -> None:
    calls = [s for s in spans if s.model_call]
    names = counted(spans)
    assert len(names) <= len(calls)
    assert bool(names) == bool(calls)


def test_cost_is_that_of_the_span_with_higher_priced_tokens() -> None:
    usage = {"input_tokens": 2109, "output_tokens": 12, "cache_read_tokens": 1900, "cache_write_tokens": 188}
    outer = span(1, cost_nano_usd=1_518_000, cost_source="computed", price_version="1", **usage)
    inner = span(
        2, parent=1, cache_write_1h_tokens=88, input_audio_tokens=7, cost_nano_usd=1_716_000,
        cost_source="computed", price_version="1", **usage,
    )  # fmt: skip
    swapped = [
        outer._replace(otel_span_id=inner.otel_span_id, parent_span_id=inner.parent_span_id),
        inner._replace(otel_span_id=outer.otel_span_id, parent_span_id=None),
    ]
    for members in ([outer, inner], swapped):
        verdicts = reconcile(members)
        [counted_key] = [key for key, verdict in verdicts.items() if verdict.counted]
        [winner] = [member for member in members if member.key == counted_key]
        shown = {**winner._asdict(), **verdicts[counted_key].overrides}
        assert shown["cost_nano_usd"] == 1_716_000
        assert (shown["cache_write_1h_tokens"], shown["input_audio_tokens"]) == (88, 7)


def test_cost_by_service_tier_has_priority_over_list_price() -> None:
    usage = {"input_tokens": 300, "output_tokens": 20}
    unpriced = f"{BILLED_BY_PREFIX}service_tier flex"
    outer = span(1, price_version=unpriced, **usage)
    inner = span(2, parent=1, cost_nano_usd=57_000, cost_source="computed", price_version="1", **usage)
    reported = inner._replace(cost_source="reported", price_version=None)
    for members, cost in (
        ([outer, inner], (None, None, unpriced)),
        ([outer, reported], (57_000, "reported", None)),
    ):
        verdicts = reconcile(members)
        [winner] = [member for member in members if verdicts[member.key].counted]
        shown = {**winner._asdict(), **verdicts[winner.key].overrides}
        assert (shown["cost_nano_usd"], shown["cost_source"], shown["price_version"]) == cost


def test_wrapper_above_a_wrapper_does_not_count() -> None:
    calls = [span(3, 2, provider_request_id="a"), span(4, 2, provider_request_id="b")]
    assert counted([span(1), span(2, 1), *calls]) == [3, 4]


def test_sibling_that_repeats_a_wrapper_does_not_count() -> None:
    wrapper = span(1, provider_request_id="w", model_used="a", input_tokens=84, output_tokens=2)
    sibling = span(2, scope="another", provider_request_id="w", model_used="a")
    calls = [
        span(n, 1, provider_request_id=f"c{n}", service="gateway", input_tokens=42, output_tokens=1)
        for n in (3, 4)
    ]
    assert counted([wrapper._replace(service="app"), sibling, *calls]) == [3, 4]


def test_wrapper_with_another_model_is_found_by_the_sums() -> None:
    wrapper = span(1, model_used="router", input_tokens=84, output_tokens=4)
    calls = [span(n, 1, model_used="gpt-4o", input_tokens=42, output_tokens=2) for n in (2, 3)]
    assert counted([wrapper, *calls]) == [2, 3]


def test_span_without_id_above_its_call_is_not_joined_with_a_sibling() -> None:
    usage: dict[str, Any] = {"input_tokens": 42, "output_tokens": 12}
    framework = span(1, scope="framework", **usage)
    own = span(2, 1, provider_request_id="a", **usage)
    next_one = span(3, provider_request_id="b", start_ns=300 * MS, **usage)
    assert counted([framework, own, next_one]) == [2, 3]


def test_row_with_a_partner_in_another_trace_overrides_status() -> None:
    facts: dict[str, Any] = {"provider_request_id": "r", "input_tokens": 4}
    call, other = (
        span(1, **facts),
        span(2, scope="gateway", otel_trace_id=OTHER_TRACE, latency_ms=50.0, **facts),
    )
    verdicts = reconcile([call, other])
    assert verdicts[other.key] == Verdict(False, {})
    assert verdicts[call.key] == Verdict(True, {"status": "success"})


def test_openinference_model_equal_to_the_requested_is_no_response_model() -> None:
    names: dict[str, Any] = {"model_requested": "my-deployment", "model_used": "my-deployment"}
    framework = span(1, scope="framework", dialect="openinference", **names)
    client = span(2, 1, model_requested="my-deployment", model_used="gpt-4o-mini-2024-07-18")
    assert counted([framework, client]) == [2]
    assert counted([framework._replace(dialect="otel-genai"), client]) == [1, 2]
