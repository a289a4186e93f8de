"""Token counts and costs in every place where servers for the openai client send them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.instrumentation.api_cases import output_messages
from tests.instrumentation.forms import (
    CHAT,
    EMBEDDINGS,
    IMAGES,
    RESPONSES,
    TRANSCRIPTIONS,
    Form,
    every_form,
    plain_forms,
    streamed_forms,
)
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import chunk, completion, delta, embedding, response, response_events

ANSWERED = {
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.output.messages": output_messages("Hello", "stop"),
}
IN, OUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHED = "gen_ai.usage.cache_read.input_tokens"
REASONING = "gen_ai.usage.reasoning.output_tokens"
COST = "gen_ai.usage.cost"
COUNTS = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
TOKENS = {IN: 100, OUT: 20}


def chat_answer(form: Form, **changes: Any) -> Any:
    """Return a completion with these fields, or chunks whose last one has them."""
    if form[0] == "plain":
        return {**completion(usage=None), **changes}
    return [
        chunk(delta(role="assistant", content="Hel")),
        chunk(delta(content="lo")),
        chunk(delta(finish_reason="stop")),
        chunk(**changes),
    ]


USAGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "DeepSeek": ({**COUNTS, "prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}, {CACHED: 64}),
    "Moonshot": ({**COUNTS, "cached_tokens": 64}, {CACHED: 64}),
    "one count under two names, of which one is not filled in": (
        {**COUNTS, "prompt_tokens_details": {"cached_tokens": 0}, "cached_tokens": 64},
        {CACHED: 64},
    ),
    "LiteLLM": (
        {**COUNTS, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 8},
        {
            CACHED: 64,
            "gen_ai.usage.cache_write.input_tokens": 8,
            "gen_ai.usage.cache_creation.input_tokens": 8,
        },
    ),
    "the Responses API's names": (
        {"input_tokens": 100, "output_tokens": 20, "input_tokens_details": {"cached_tokens": 64}},
        {CACHED: 64},
    ),
    "pictures and sound": (
        {
            **COUNTS,
            "prompt_tokens_details": {"image_tokens": 70, "audio_tokens": 9},
            "completion_tokens_details": {"image_tokens": 12, "audio_tokens": 3},
        },
        {
            "gen_ai.usage.image.input_tokens": 70,
            "gen_ai.usage.audio.input_tokens": 9,
            "gen_ai.usage.image.output_tokens": 12,
            "gen_ai.usage.audio.output_tokens": 3,
        },
    ),
    "xAI: reasoning in addition to the output": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 150,
            "completion_tokens_details": {"reasoning_tokens": 30},
            "cost_in_usd_ticks": 37756000,
        },
        {OUT: 50, REASONING: 30, COST: 0.0037756},
    ),
    "an unexplained remainder of the total": (
        {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 170},
        {},
    ),
    "Perplexity": (
        {**COUNTS, "cost": {"input_tokens_cost": 0.001, "request_cost": 0.005, "total_cost": 0.0062}},
        {COST: 0.0062},
    ),
    "a total in another currency": ({**COUNTS, "cost": {"currency": "EUR", "total_cost": 0.0062}}, {}),
    "OpenRouter with the user's own key": (
        {
            **COUNTS,
            "cost": 0.002,
            "is_byok": True,
            "cost_details": {"upstream_inference_cost": 0.04, "upstream_inference_prompt_cost": 0.03},
        },
        {
            COST: 0.002,
            "gen_ai.usage.is_byok": True,
            "gen_ai.usage.cost_details.upstream_inference_cost": 0.04,
        },
    ),
    "OpenRouter with its own key": (
        {**COUNTS, "cost": 0.04, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.04}},
        {
            COST: 0.04,
            "gen_ai.usage.is_byok": False,
            "gen_ai.usage.cost_details.upstream_inference_cost": 0.04,
        },
    ),
}


@every_form
@pytest.mark.parametrize("usage", USAGES)
def test_usage_of_a_chat(instrumented: Recorded, form: Form, usage: str) -> None:
    given, expected = USAGES[usage]
    span = CHAT.make(instrumented, form, chat_answer(form, usage=given))
    assert span == CHAT.span(form, {**ANSWERED, **TOKENS, **expected})


@streamed_forms
def test_usage_in_groqs_extension(instrumented: Recorded, form: Form) -> None:
    events = [
        chunk(delta(role="assistant", content="Hello"), x_groq={"id": "req_1"}),
        chunk(delta(finish_reason="stop"), x_groq={"id": "req_1", "usage": COUNTS}),
    ]
    assert CHAT.make(instrumented, form, events) == CHAT.span(form, {**ANSWERED, **TOKENS})


def test_groqs_extension_of_a_plain_answer_has_no_tokens(instrumented: Recorded) -> None:
    form = ("plain", "sync")
    caches = {"dram_cached_tokens": 0, "sram_cached_tokens": 0}
    body = completion(usage=COUNTS, x_groq={"id": "req_1", "usage": caches})
    assert CHAT.make(instrumented, form, body) == CHAT.span(form, {**ANSWERED, **TOKENS})


@every_form
def test_usage_on_the_choice(instrumented: Recorded, form: Form) -> None:
    usage = {**COUNTS, "cached_tokens": 64}
    if form[0] == "plain":
        body: Any = completion(usage=None)
        body["choices"][0]["usage"] = usage
    else:
        last = {**delta(finish_reason="stop"), "usage": usage}
        body = [chunk(delta(role="assistant", content="Hello")), chunk(last)]
    assert CHAT.make(instrumented, form, body) == CHAT.span(form, {**ANSWERED, **TOKENS, CACHED: 64})


@every_form
def test_usage_on_the_choice_with_an_empty_top_level_usage(instrumented: Recorded, form: Form) -> None:
    empty = dict.fromkeys(COUNTS, 0)
    body = chat_answer(form, usage=empty)
    target = body if form[0] == "plain" else body[2]
    target["choices"][0]["usage"] = COUNTS
    assert CHAT.make(instrumented, form, body) == CHAT.span(form, {**ANSWERED, **TOKENS})


@streamed_forms
def test_usage_before_an_empty_usage(instrumented: Recorded, form: Form) -> None:
    events = chat_answer(form, usage=COUNTS)
    events.append(chunk(usage={**dict.fromkeys(COUNTS, 0), "prompt_tokens_details": None}))
    assert CHAT.make(instrumented, form, events) == CHAT.span(form, {**ANSWERED, **TOKENS})


@streamed_forms
def test_usage_on_two_choices_shares_the_input_only(instrumented: Recorded, form: Form) -> None:
    def last(index: int, tokens: int) -> dict[str, Any]:
        usage = {"prompt_tokens": 100, "completion_tokens": tokens, "total_tokens": 100 + tokens}
        return {**delta(index, finish_reason="stop", content="Hello"), "usage": usage}

    span = CHAT.make(instrumented, form, [chunk(last(0, 20)), chunk(last(1, 20))])
    assert span == CHAT.span(
        form,
        {
            **ANSWERED,
            "gen_ai.response.finish_reasons": ("stop", "stop"),
            "gen_ai.output.messages": output_messages("Hello", "stop") * 2,
            IN: 100,
            OUT: 40,
        },
    )


@streamed_forms
def test_cumulative_usage_in_every_chunk_counts_once(instrumented: Recorded, form: Form) -> None:
    def usage(tokens: int) -> dict[str, Any]:
        return {"prompt_tokens": 100, "completion_tokens": tokens, "total_tokens": 100 + tokens}

    events = [
        chunk(delta(role="assistant", content="Hel"), usage=usage(1)),
        chunk(delta(content="lo"), usage=usage(19)),
        chunk(delta(finish_reason="stop"), usage=usage(20)),
    ]
    assert CHAT.make(instrumented, form, events) == CHAT.span(form, {**ANSWERED, **TOKENS})


@every_form
def test_usage_of_a_response(instrumented: Recorded, form: Form) -> None:
    usage = {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 150,
        "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 8},
        "output_tokens_details": {"reasoning_tokens": 30, "image_tokens": 5},
        "is_byok": True,
        "cost": {"currency": "USD", "total_cost": 0.5},
        "cost_details": {"upstream_inference_cost": 0.25},
    }
    body = response(usage=usage)
    last = {"type": "response.completed", "response": body}
    answer = body if form[0] == "plain" else response_events("Hel", "lo", last=last)
    span = RESPONSES.make(instrumented, form, answer)
    assert span == RESPONSES.span(
        form,
        {
            **ANSWERED,
            "gen_ai.response.id": "resp_1",
            IN: 100,
            OUT: 50,
            REASONING: 30,
            CACHED: 64,
            "gen_ai.usage.cache_write.input_tokens": 8,
            "gen_ai.usage.cache_creation.input_tokens": 8,
            "gen_ai.usage.image.output_tokens": 5,
            COST: 0.5,
            "gen_ai.usage.is_byok": True,
            "gen_ai.usage.cost_details.upstream_inference_cost": 0.25,
        },
    )


@plain_forms
@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"total_tokens": 5}, {IN: 5}),
        ({"prompt_tokens": 5, "total_tokens": 5, "prompt_tokens_details": {"image_tokens": 2}},
         {IN: 5, "gen_ai.usage.image.input_tokens": 2}),
        ({"prompt_tokens": 5, "cost": 0.1, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}},
         {IN: 5, COST: 0.1, "gen_ai.usage.is_byok": True,
          "gen_ai.usage.cost_details.upstream_inference_cost": 0.2}),
    ],
)  # fmt: skip
def test_usage_of_embeddings(
    instrumented: Recorded, form: Form, usage: dict[str, Any], expected: dict[str, Any]
) -> None:
    span = EMBEDDINGS.make(instrumented, form, embedding(usage=usage))
    answered = {"gen_ai.response.model": "text-embedding-3-small", "gen_ai.embeddings.dimension.count": 3}
    assert span == EMBEDDINGS.span(form, {**answered, **expected})


@plain_forms
@pytest.mark.parametrize(
    "usage",
    [
        {
            "input_tokens": 100,
            "output_tokens": 20,
            "input_tokens_details": {"image_tokens": 70, "text_tokens": 30},
            "output_tokens_details": {"image_tokens": 20, "text_tokens": 0},
        },
        {
            **COUNTS,
            "prompt_tokens_details": {"image_tokens": 70},
            "completion_tokens_details": {"image_tokens": 20},
        },
    ],
    ids=["own", "chat-style"],
)
def test_usage_of_images(instrumented: Recorded, form: Form, usage: dict[str, Any]) -> None:
    body: dict[str, Any] = {"created": 1, "data": [], "usage": {**usage, "cost": 0.04}}
    assert IMAGES.make(instrumented, form, body) == IMAGES.span(
        form,
        {
            **TOKENS,
            "gen_ai.usage.image.input_tokens": 70,
            "gen_ai.usage.image.output_tokens": 20,
            COST: 0.04,
        },
    )


@plain_forms
def test_usage_of_another_model_for_an_image(instrumented: Recorded, form: Form) -> None:
    drawn = {
        "model": "gpt-svg",
        "input_tokens": 7,
        "output_tokens": 9,
        "reasoning_tokens": 3,
        "total_tokens": 16,
    }
    body: dict[str, Any] = {
        "created": 1,
        "data": [],
        "usage": {"input_tokens": 100, "output_tokens": 20},
        "svg_usage": drawn,
    }
    other = '[{"model":"gpt-svg","input_tokens":7,"output_tokens":9}]'
    assert IMAGES.make(instrumented, form, body) == IMAGES.span(
        form, {**TOKENS, "pulse.usage.other_models": other}
    )


@streamed_forms
def test_usage_of_a_streamed_image(instrumented: Recorded, form: Form) -> None:
    usage = {"input_tokens": 100, "output_tokens": 20, "output_tokens_details": {"image_tokens": 20}}
    events = [
        {"type": "image_generation.partial_image", "b64_json": "aGk=", "partial_image_index": 0},
        {"type": "image_generation.completed", "b64_json": "aGk=", "usage": usage},
    ]
    assert IMAGES.make(instrumented, form, events) == IMAGES.span(
        form, {**TOKENS, "gen_ai.usage.image.output_tokens": 20}
    )


@plain_forms
@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"type": "duration", "seconds": 9, "cost": 0.01}, {COST: 0.01}),
        (
            {
                "input_tokens": 100,
                "output_tokens": 20,
                "input_token_details": {"audio_tokens": 90},
                "cost": 0.01,
            },
            {**TOKENS, "gen_ai.usage.audio.input_tokens": 90, COST: 0.01},
        ),
    ],
    ids=["by time", "by tokens"],
)
def test_cost_of_a_transcript(
    instrumented: Recorded, form: Form, usage: dict[str, Any], expected: dict[str, Any]
) -> None:
    span = TRANSCRIPTIONS.make(instrumented, form, {"text": "Hello", "usage": usage})
    words = {
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}]}]
    }
    assert span == TRANSCRIPTIONS.span(form, {**expected, **words})


@streamed_forms
@pytest.mark.parametrize("ends", [True, False])
def test_text_and_usage_of_a_streamed_transcript(instrumented: Recorded, form: Form, ends: bool) -> None:
    usage = {"type": "tokens", "input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    events: list[Any] = [{"type": "transcript.text.delta", "delta": word} for word in ("Hel", "lo")]
    if ends:
        events.append({"type": "transcript.text.done", "text": "Hello", "usage": usage})
    words = {
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}]}]
    }
    expected = {**words, **TOKENS} if ends else words
    assert TRANSCRIPTIONS.make(instrumented, form, events) == TRANSCRIPTIONS.span(form, expected)
