"""Streams that differ from OpenAI's: empty first chunks, equal indices, lists of parts, images."""

from __future__ import annotations

from typing import Any

import pytest
from tests.instrumentation.api_cases import LEGACY_USAGE, legacy, output_messages
from tests.instrumentation.forms import CHAT, COMPLETIONS, Form, every_form, streamed_forms
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import choice, chunk, completion, delta
from tests.support.llm_clients import openai_client
from tests.support.llm_http import FakeProvider, event_answer

from pulse_instrumentation import observe

HEAD = {"gen_ai.response.id": "chatcmpl-1", "gen_ai.response.model": "gpt-4o-2024-08-06"}
STOP = {"gen_ai.response.finish_reasons": ("stop",)}


def filters(**changes: Any) -> dict[str, Any]:
    """Return Azure's first chunk, with filter results only."""
    results = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}]
    return {**chunk(id="", model="", created=0), "prompt_filter_results": results, **changes}


@streamed_forms
def test_empty_first_chunk_of_azure(instrumented: Recorded, form: Form) -> None:
    annotation: dict[str, Any] = {
        "index": 0,
        "finish_reason": None,
        "content_filter_results": {},
        "content_filter_offsets": {},
    }
    events = [
        filters(),
        chunk(delta(role="assistant", content="")),
        chunk(delta(content="Hello"), system_fingerprint="fp_1"),
        # The asynchronous filter sends separate chunks.
        {**chunk(annotation), "id": "", "model": ""},
        chunk(delta(finish_reason="stop"), service_tier="default"),
        chunk(usage={"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}),
    ]
    assert CHAT.make(instrumented, form, events) == CHAT.span(
        form,
        {
            **HEAD,
            **STOP,
            "openai.response.system_fingerprint": "fp_1",
            "openai.response.service_tier": "default",
            "gen_ai.usage.input_tokens": 11,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.output.messages": output_messages("Hello", "stop"),
        },
    )


@streamed_forms
def test_empty_first_chunk_of_a_legacy_completion(instrumented: Recorded, form: Form) -> None:
    events: list[dict[str, Any]] = [
        {**legacy(""), "id": "", "model": "", "choices": []},
        legacy("Hello"),
        # An empty reason does not replace an earlier one.
        legacy("", "stop"),
        legacy("", "", usage=LEGACY_USAGE),
    ]
    assert COMPLETIONS.make(instrumented, form, events) == COMPLETIONS.span(
        form,
        {
            **STOP,
            "gen_ai.response.id": "cmpl-1",
            "gen_ai.response.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 11,
            "gen_ai.usage.output_tokens": 7,
            "gen_ai.output.messages": output_messages("Hello", "stop"),
        },
    )


@streamed_forms
def test_deltas_of_a_legacy_completion(instrumented: Recorded, form: Form) -> None:
    # Chunks of Together have the text twice.
    def both(word: str, reason: str | None = None) -> dict[str, Any]:
        body = legacy(word, reason)
        body["choices"][0]["delta"] = {"content": word}
        return body

    span = COMPLETIONS.make(instrumented, form, [both("Hel"), both("lo", "stop")])
    assert span.attributes["gen_ai.output.messages"] == output_messages("Hello", "stop")


@every_form
def test_stream_without_a_model(instrumented: Recorded, form: Form) -> None:
    body = completion(id="", model="", usage=None)
    events = [{**chunk(delta(content="Hello", finish_reason="stop")), "id": "", "model": ""}]
    span = CHAT.make(instrumented, form, body if form[0] == "plain" else events)
    assert span == CHAT.span(form, {**STOP, "gen_ai.output.messages": output_messages("Hello", "stop")})


def piece(arguments: Any, *, index: int | None = 0, id: str | None = None, name: str | None = None) -> Any:
    fields: dict[str, Any] = {"function": {"arguments": arguments}}
    if name is not None:
        fields["function"]["name"] = name
    if id is not None:
        fields |= {"id": id, "type": "function"}
    return {**fields, "index": index}


A = ("a", "get_weather", '{"city":"Bonn"}')
B = ("b", "get_time", '{"zone":1}')
A2 = ("b", "get_weather", '{"city":"Rome"}')
CALLS: dict[str, tuple[list[Any], list[Any]]] = {
    "whole calls": (
        [piece(A[2], id="a", name=A[1]), piece(B[2], id="b", name=B[1])],
        [A, B],
    ),
    "in pieces": (
        [piece("", id="a", name=A[1]), piece('{"city":'), piece('"Bonn"}'),
         piece("", id="b", name=B[1]), piece('{"zone"'), piece(":1}")],
        [A, B],
    ),
    "of one function": ([piece(A[2], id="a", name=A[1]), piece(A2[2], id="b", name=A2[1])], [A, A2]),
    "in one chunk each with its id repeated": (
        [piece("", id="a", name=A[1]), piece("", id="b", name=B[1]),
         piece(A[2], id="a"), piece(B[2], id="b")],
        [A, B],
    ),
    "the name and the id repeated in each piece": (
        [piece('{"city":', id="a", name=A[1]), piece('"Bonn"}', id="a", name=A[1])],
        [A],
    ),
    "another id in each piece": (
        [piece('{"city":', id="a", name=A[1]), piece('"Bonn"}', id="x"), piece("", id="y")],
        [A],
    ),
    "an empty id and name in later pieces": (
        [piece('{"city":', id="a", name=A[1]), piece('"Bonn"}', id="", name="")],
        [A],
    ),
    "no ids": (
        [piece(A[2], name=A[1]), piece(A2[2], name=A[1]), piece(B[2], name=B[1])],
        [(None, *A[1:]), (None, *A2[1:]), (None, *B[1:])],
    ),
    "no ids and the name repeated": (
        [piece('{"city":', name=A[1]), piece('"Bonn"}', name=A[1]), piece("", name=A[1])],
        [(None, *A[1:])],
    ),
    "arguments as an object": (
        [piece({}, id="a", name=A[1]), piece({"city": "Bonn"}), piece({"zone": 1}, id="b", name=B[1])],
        [A, B],
    ),
    "no index": (
        [piece("", index=None, id="a", name=A[1]), piece(A[2], index=None),
         piece("", index=None, id="b", name=B[1]), piece(B[2], index=None)],
        [A, B],
    ),
    "an index for each": (
        [piece("", id="a", name=A[1]), piece("", index=1, id="b", name=B[1]),
         piece('{"zone"', index=1), piece(A[2]), piece(":1}", index=1)],
        [A, B],
    ),
}  # fmt: skip


@streamed_forms
@pytest.mark.parametrize("case", CALLS)
def test_tool_calls_in_pieces(instrumented: Recorded, form: Form, case: str) -> None:
    pieces, calls = CALLS[case]
    events = [chunk(delta(role="assistant", tool_calls=[pieces[0]]))]
    events += [chunk(delta(tool_calls=[later])) for later in pieces[1:]]
    events.append(chunk(delta(finish_reason="tool_calls")))
    parts = [{"type": "tool_call", "id": id, "name": name, "arguments": words} for id, name, words in calls]
    message = {"role": "assistant", "parts": parts, "finish_reason": "tool_calls"}
    assert CHAT.make(instrumented, form, events) == CHAT.span(
        form,
        {
            **HEAD,
            "gen_ai.response.finish_reasons": ("tool_calls",),
            "gen_ai.output.messages": [message],
        },
    )


def thinking(words: str) -> dict[str, Any]:
    """Return Mistral's part with reasoning."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": words}]}


PIXEL = "data:image/png;base64,iVBORw0KGgo="
BLOB = {
    "type": "blob",
    "modality": "image",
    "mime_type": "image/png",
    "size": 8,
    "sha256": "4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6",
}
TEXT = {"type": "text", "content": "Hello"}
THOUGHT = {"type": "reasoning", "content": "Hm."}
IMAGE = {"type": "image_url", "image_url": {"url": PIXEL}}
REFERENCE = {"type": "reference", "reference_ids": [1]}
OUTPUTS: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[Any]]] = {
    "Mistral's thoughts": (
        {"content": [thinking("Hm."), {"type": "text", "text": "Hello"}]},
        [{"content": [thinking("H")]}, {"content": [thinking("m.")]}, {"content": "Hel"}, {"content": "lo"}],
        [THOUGHT, TEXT],
    ),
    "thoughts as one text, and a reference": (
        {"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Hello"}, REFERENCE]},
        [{"content": [{"type": "thinking", "thinking": "Hm."}]},
         {"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}, REFERENCE]}],
        [THOUGHT, TEXT, {"type": "reference", "content": REFERENCE}],
    ),
    "OpenRouter's picture": (
        {"content": "Hello", "images": [IMAGE]},
        [{"content": "Hello"}, {"content": "", "images": [IMAGE]}],
        [TEXT, BLOB],
    ),
    "a picture in the content": (
        {"content": [{"type": "text", "text": "Hello"}, IMAGE]},
        [{"content": [{"type": "text", "text": "Hello"}]}, {"content": [IMAGE]}],
        [TEXT, BLOB],
    ),
    "details of reasoning": (
        {"content": "Hello", "reasoning_details": [{"type": "reasoning.summary", "summary": "Hm."}]},
        [{"reasoning_details": [{"type": "reasoning.text", "text": "H"}]},
         {"reasoning_details": [{"type": "reasoning.text", "text": "m."}]}, {"content": "Hello"}],
        [THOUGHT, TEXT],
    ),
    "reasoning under another name": (
        {"content": "Hello", "reasoning_text": "Hm."},
        [{"reasoning_text": "H"}, {"reasoning_text": "m."}, {"content": "Hello"}],
        [THOUGHT, TEXT],
    ),
}  # fmt: skip


@every_form
@pytest.mark.parametrize("case", OUTPUTS)
def test_parts_of_an_answer(instrumented: Recorded, form: Form, case: str) -> None:
    message, deltas, parts = OUTPUTS[case]
    if form[0] == "plain":
        body: Any = completion(choices=[choice({"role": "assistant", **message})], usage=None)
    else:
        body = [chunk(delta(**fields)) for fields in deltas]
        body.append(chunk(delta(finish_reason="stop")))
    output = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
    assert CHAT.make(instrumented, form, body) == CHAT.span(
        form, {**HEAD, **STOP, "gen_ai.output.messages": output}
    )


def test_images_are_output_without_content(recorded: Recorded) -> None:
    client = openai_client(FakeProvider(event_answer([chunk(delta(images=[IMAGE]))], done=True)))
    observe(client, tracer_provider=recorded.provider, capture_content=False)
    list(client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True))
    assert recorded.attributes["gen_ai.response.time_to_first_chunk"] is True


GIVEN: list[tuple[dict[str, Any], list[Any]]] = [
    ({"role": "assistant", "content": [thinking("Hm."), {"type": "text", "text": "Hello"}]}, [THOUGHT, TEXT]),
    (
        {"role": "user", "content": [{"type": "image_url", "image_url": PIXEL}]},
        [BLOB],
    ),
    (
        {"role": "user", "content": [{"type": "document_url", "document_url": "https://x.org/a.pdf"}]},
        [{"type": "uri", "modality": "document", "uri": "https://x.org/a.pdf"}],
    ),
    (
        {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://x.org/a.mp4"}}]},
        [{"type": "uri", "modality": "video", "uri": "https://x.org/a.mp4"}],
    ),
    (
        {"role": "user", "content": [{"type": "input_audio", "input_audio": "https://x.org/a.mp3"}]},
        [{"type": "uri", "modality": "audio", "uri": "https://x.org/a.mp3"}],
    ),
    (
        {"role": "assistant", "audio": {"id": "audio_1"}},
        [{"type": "file", "modality": "audio", "file_id": "audio_1"}],
    ),
]


@every_form
@pytest.mark.parametrize(("message", "parts"), GIVEN)
def test_parts_of_a_request(instrumented: Recorded, form: Form, message: Any, parts: list[Any]) -> None:
    body = completion(usage=None)
    events = [chunk(delta(content="Hello", finish_reason="stop"))]
    span = CHAT.make(instrumented, form, body if form[0] == "plain" else events, messages=[message])
    assert span == CHAT.span(
        form,
        {
            **HEAD,
            **STOP,
            "gen_ai.input.messages": [{"role": message["role"], "parts": parts}],
            "gen_ai.output.messages": output_messages("Hello", "stop"),
        },
    )


@every_form
@pytest.mark.parametrize(
    ("modalities", "expected"),
    [(["text"], {}), (["text", "audio"], {"gen_ai.output.type": "speech"}),
     (["image", "text"], {"gen_ai.output.type": "image"})],
)  # fmt: skip
def test_modalities(
    instrumented: Recorded, form: Form, modalities: list[str], expected: dict[str, Any]
) -> None:
    body = completion(usage=None)
    events = [chunk(delta(content="Hello", finish_reason="stop"))]
    span = CHAT.make(instrumented, form, body if form[0] == "plain" else events, modalities=modalities)
    answered = {**HEAD, **STOP, "gen_ai.output.messages": output_messages("Hello", "stop")}
    assert span == CHAT.span(form, {**answered, **expected})
