"""Tokens that Anthropic bills in addition to the answer: compactions, advisors, fallbacks; billing terms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.instrumentation.anthropic_answers import answer, counts
from tests.instrumentation.api_cases import output_messages
from tests.instrumentation.forms import ANTHROPIC, Form, every_form, streamed_forms
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import message, text_delta

IN, OUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
READ = "gen_ai.usage.cache_read.input_tokens"
WRITTEN = ("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens")
SHORT = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"
LONG = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"
OTHERS = "pulse.usage.other_models"
HEAD = {
    "gen_ai.response.id": "msg_1",
    "gen_ai.response.model": "claude-test-1",
    "gen_ai.response.finish_reasons": ("end_turn",),
}


def iteration(kind: str, *numbers: int, model: str | None = None) -> dict[str, Any]:
    return {"type": kind, **counts(*numbers), **({"model": model} if model else {})}


def expected(input: int, output: int, read: int = 0, written: int = 0, long: int = 0) -> dict[str, Any]:
    """Return the attributes of these counts, with input tokens that include cached ones."""
    return {
        IN: input + read + written,
        OUT: output,
        READ: read,
        **dict.fromkeys(WRITTEN, written),
        SHORT: written - long,
        LONG: long,
    }


def other(model: str, **used: int) -> dict[str, Any]:
    return {"model": model, **used}


OPUS = "claude-opus-4-6"
BILLED: dict[str, tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]] = {
    "samplings of a server tool": (
        counts(30, 12, iterations=[iteration("message", 10, 5), iteration("message", 20, 7)]),
        expected(30, 12),
        [],
    ),
    "a compaction": (
        counts(
            23, 10, 4, 6, 2,
            iterations=[iteration("compaction", 180, 35, 9, 8, 1), iteration("message", 23, 10, 4, 6, 2)],
        ),
        {
            **expected(203, 45, 13, 14, 3),
            "anthropic.usage.compaction.input_tokens": 197,
            "anthropic.usage.compaction.output_tokens": 35,
        },
        [],
    ),
    "two compactions": (
        counts(
            23,
            10,
            iterations=[
                iteration("compaction", 180, 35),
                iteration("message", 13, 4),
                iteration("compaction", 90, 20),
                iteration("message", 10, 6),
            ],
        ),
        {
            **expected(293, 65),
            "anthropic.usage.compaction.input_tokens": 270,
            "anthropic.usage.compaction.output_tokens": 55,
        },
        [],
    ),
    "a compaction that the top-level counts have already": (
        counts(203, 45, iterations=[iteration("compaction", 180, 35), iteration("message", 23, 10)]),
        expected(203, 45),
        [],
    ),
    "nothing but a compaction": (
        counts(0, 0, iterations=[iteration("compaction", 180, 35)]),
        {
            **expected(180, 35),
            "anthropic.usage.compaction.input_tokens": 180,
            "anthropic.usage.compaction.output_tokens": 35,
        },
        [],
    ),
    "an advisor": (
        counts(
            30,
            12,
            iterations=[
                iteration("message", 10, 5),
                iteration("advisor_message", 800, 160, 40, 60, 20, model=OPUS),
                iteration("message", 20, 7),
            ],
        ),
        expected(30, 12),
        [other(OPUS, input_tokens=900, output_tokens=160, cache_read_tokens=40, cache_write_tokens=60,
               cache_write_1h_tokens=20)],
    ),
    "an advisor that is the same model": (
        counts(
            30,
            12,
            iterations=[
                iteration("message", 30, 12),
                iteration("advisor_message", 800, 160, model="claude-test-1"),
            ],
        ),
        expected(830, 172),
        [],
    ),
    "a kind that is not known yet": (
        counts(30, 12, iterations=[iteration("message", 30, 12), iteration("review", 5, 4, model=OPUS)]),
        expected(30, 12),
        [other(OPUS, input_tokens=5, output_tokens=4)],
    ),
    "a fallback after the first model had begun": (
        counts(
            2,
            136,
            79,
            iterations=[
                iteration("message", 2, 57, 72, 10, model="claude-test-0"),
                iteration("fallback_message", 2, 136, 79, model=OPUS),
            ],
        ),
        {**expected(2, 136, 79), "gen_ai.response.model": OPUS},
        [other("claude-test-0", input_tokens=84, output_tokens=57, cache_read_tokens=72,
               cache_write_tokens=10)],
    ),
    "a fallback before any output, which is not billed": (
        counts(
            2,
            136,
            iterations=[
                iteration("message", 90, 0, model="claude-test-0"),
                iteration("fallback_message", 2, 136, model=OPUS),
            ],
        ),
        {**expected(2, 136), "gen_ai.response.model": OPUS},
        [],
    ),
    "a fallback of an earlier turn": (
        counts(2, 136, iterations=[iteration("fallback_message", 2, 136, model=OPUS)]),
        {**expected(2, 136), "gen_ai.response.model": OPUS},
        [],
    ),
}  # fmt: skip


@every_form
@pytest.mark.parametrize("case", BILLED)
def test_tokens_billed_in_addition_to_the_answer(instrumented: Recorded, form: Form, case: str) -> None:
    usage, known, others = BILLED[case]
    span = ANTHROPIC.make(instrumented, form, answer(form, usage))
    found = json.loads(span.attributes.pop(OTHERS, "[]"))
    assert found == others
    assert span == ANTHROPIC.span(
        form, {**HEAD, **known, "gen_ai.output.messages": output_messages("Hello", "end_turn")}
    )


@streamed_forms
@pytest.mark.parametrize("more", [{}, {"input_tokens": 2, "cache_read_input_tokens": 79,
                                       "cache_creation_input_tokens": 3}])  # fmt: skip
def test_fallback_in_the_middle_of_a_stream(instrumented: Recorded, form: Form, more: dict[str, int]) -> None:
    opening = message(stop_reason=None, usage=counts(2, 1, 72, 10, 10, service_tier="standard"))
    opening["content"] = []
    change = {
        "type": "fallback",
        "from": {"model": "claude-test-1"},
        "to": {"model": OPUS},
        "trigger": {"type": "refusal"},
    }
    iterations = [
        iteration("message", 2, 57, 72, 10, 10, model="claude-test-1"),
        iteration("fallback_message", 2, 136, 79, 3, model=OPUS),
    ]
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": opening},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        text_delta("Hel"),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": change},
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": {"type": "text", "text": ""}},
        text_delta("Hello", 2),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 136, "iterations": iterations, **more},
        },
    ]
    declined = other(
        "claude-test-1",
        input_tokens=84,
        output_tokens=57,
        cache_read_tokens=72,
        cache_write_tokens=10,
        cache_write_1h_tokens=10,
    )
    span = ANTHROPIC.make(instrumented, form, events)
    assert json.loads(span.attributes.pop(OTHERS)) == [declined]
    parts = [
        {"type": "text", "content": "Hel"},
        {"type": "fallback", "from": "claude-test-1", "to": OPUS},
        {"type": "text", "content": "Hello"},
    ]
    assert span == ANTHROPIC.span(
        form,
        {
            **HEAD,
            **expected(2, 136, 79, 3),
            "gen_ai.response.model": OPUS,
            "anthropic.response.service_tier": "standard",
            "gen_ai.output.messages": [{"role": "assistant", "parts": parts, "finish_reason": "end_turn"}],
        },
    )


@streamed_forms
def test_stream_that_ends_after_a_fallback_omits_counts_of_the_first_model(
    instrumented: Recorded, form: Form
) -> None:
    change = {"type": "fallback", "from": {"model": "claude-test-1"}, "to": {"model": OPUS}}
    events = answer(form, counts(2, 1, 72, 10), change)[:-2]
    span = ANTHROPIC.make(instrumented, form, events)
    assert span.attributes["gen_ai.response.model"] == OPUS
    assert [name for name in span.attributes if ".usage." in name] == []


@every_form
def test_terms_of_billing(instrumented: Recorded, form: Form) -> None:
    usage = counts(
        30,
        12,
        service_tier="priority",
        speed="fast",
        inference_geo="us",
        server_tool_use={"web_search_requests": 2, "web_fetch_requests": 0},
    )
    asked = {"service_tier": "auto", "speed": "fast", "inference_geo": "us"}
    # Older clients lack these arguments, but send the fields from `extra_body`.
    span = ANTHROPIC.make(instrumented, form, answer(form, usage), extra_body=asked)
    assert span == ANTHROPIC.span(
        form,
        {
            **HEAD,
            **expected(30, 12),
            "anthropic.request.service_tier": "auto",
            "anthropic.request.speed": "fast",
            "anthropic.request.inference_geo": "us",
            "anthropic.response.service_tier": "priority",
            "anthropic.response.speed": "fast",
            "anthropic.response.inference_geo": "us",
            "anthropic.usage.server_tool_use.web_search_requests": 2,
            "gen_ai.output.messages": output_messages("Hello", "end_turn"),
        },
    )


@every_form
def test_cost_of_a_gateway(instrumented: Recorded, form: Form) -> None:
    usage = counts(30, 12, cost=0.1, is_byok=True, cost_details={"upstream_inference_cost": 0.4})
    assert ANTHROPIC.make(instrumented, form, answer(form, usage)) == ANTHROPIC.span(
        form,
        {
            **HEAD,
            **expected(30, 12),
            "gen_ai.usage.cost": 0.1,
            "gen_ai.usage.is_byok": True,
            "gen_ai.usage.cost_details.upstream_inference_cost": 0.4,
            "gen_ai.output.messages": output_messages("Hello", "end_turn"),
        },
    )


@streamed_forms
def test_zeros_in_the_last_event_keep_the_input_count(instrumented: Recorded, form: Form) -> None:
    events = answer(form, counts(30, 12, 8))
    events[-2]["usage"] = {"input_tokens": 0, "output_tokens": 12, "cache_read_input_tokens": 0}
    assert ANTHROPIC.make(instrumented, form, events) == ANTHROPIC.span(
        form, {**HEAD, **expected(30, 12, 8), "gen_ai.output.messages": output_messages("Hello", "end_turn")}
    )
