"""Recorded content: by mode, redacted, truncated, without media, also in error messages."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import openai
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import choice, completion
from tests.support.llm_clients import openai_client
from tests.support.llm_http import FakeProvider, json_answer

import pulse_instrumentation as pulse
from pulse_instrumentation.content import Capture
from pulse_instrumentation.settings import content_mode

SECRET = "the secret word"
MESSAGES: list[Any] = [{"role": "user", "content": SECRET}]


def call(recorded: Recorded, messages: list[Any] = MESSAGES, answer: Any = None, **options: Any) -> Any:
    """Return the attributes of one chat completion that is recorded with these options."""
    client = openai_client(FakeProvider(json_answer(answer or completion(SECRET))))
    pulse.observe(client, tracer_provider=recorded.provider, **options)
    client.chat.completions.create(model="gpt-4o", messages=messages)
    return recorded.attributes


def test_metadata_mode_records_kinds_and_sizes_without_text(recorded: Recorded) -> None:
    tool_call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":"secret"}'}}
    answer = completion(choices=[choice({"role": "assistant", "tool_calls": [tool_call]}, "tool_calls")])
    attributes = call(recorded, answer=answer, capture_content="metadata")
    assert attributes["gen_ai.input.messages"] == [{"role": "user", "parts": [{"type": "text", "size": 15}]}]
    assert attributes["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "t1", "name": "f", "size": 14}],
            "finish_reason": "tool_calls",
        }
    ]
    assert "secret" not in json.dumps(attributes)


def test_off_mode_records_numbers_only(recorded: Recorded) -> None:
    attributes = call(recorded, capture_content=False)
    assert attributes["gen_ai.usage.input_tokens"] == 11
    assert "secret" not in json.dumps(attributes)


def test_redact_receives_every_recorded_string(recorded: Recorded) -> None:
    tool: Any = {
        "type": "function",
        "function": {"name": "f", "description": SECRET, "parameters": {"enum": [SECRET]}},
    }
    messages: list[Any] = [
        {"role": "system", "name": SECRET, "content": [{"type": "text", "text": SECRET}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"https://x/{SECRET}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": SECRET},
    ]
    client = openai_client(FakeProvider(json_answer(completion(SECRET))))
    pulse.observe(
        client, tracer_provider=recorded.provider, redact=lambda text: text.replace("secret", "[hidden]")
    )
    client.chat.completions.create(model="gpt-4o", messages=messages, tools=[tool])
    shown = json.dumps(recorded.attributes)
    assert "secret" not in shown
    assert shown.count("[hidden]") == 7


def test_redact_that_raises_hides_the_text(recorded: Recorded) -> None:
    def fails(text: str) -> str:
        raise ValueError(text)

    attributes = call(recorded, redact=fails)
    parts = attributes["gen_ai.input.messages"][0]["parts"]
    assert parts == [{"type": "text", "content": "[redaction failed]"}]


def test_long_part_is_truncated_and_marked(recorded: Recorded) -> None:
    words = "ä b " * 20_000
    attributes = call(recorded, [{"role": "user", "content": words}])
    (part,) = attributes["gen_ai.input.messages"][0]["parts"]
    assert (part["truncated"], part["size"]) == (True, len(words.encode()))
    assert len(part["content"].encode()) <= 32 * 1024
    assert words.startswith(part["content"])


def test_long_value_is_truncated_by_bytes(recorded: Recorded) -> None:
    parameters = {"enum": ["ä" * 9, "b c " * 10_000]}
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    client = openai_client(FakeProvider(json_answer(completion())))
    pulse.observe(client, tracer_provider=recorded.provider)
    client.chat.completions.create(model="gpt-4o", messages=MESSAGES, tools=[tool])
    (definition,) = recorded.attributes["gen_ai.tool.definitions"]
    whole = json.dumps(parameters, ensure_ascii=False, separators=(",", ":"))
    assert (definition["truncated"], definition["size"]) == (True, len(whole.encode()))
    assert len(definition["parameters"].encode()) <= 32 * 1024


def test_media_are_replaced_by_type_size_and_hash(recorded: Recorded) -> None:
    picture = bytes(range(256)) * 4000
    data = base64.b64encode(picture).decode()
    content: list[Any] = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{data}"}},
        {"type": "novel", "novel": {"bytes": data}},
    ]
    attributes = call(recorded, [{"role": "user", "content": content}])
    digest = {"size": len(picture), "sha256": hashlib.sha256(picture).hexdigest()}
    image, audio, document, novel = attributes["gen_ai.input.messages"][0]["parts"]
    assert image == {"type": "blob", "modality": "image", "mime_type": "image/png", **digest}
    assert audio == {"type": "blob", "modality": "audio", "mime_type": "audio/wav", **digest}
    assert document == {"type": "blob", "modality": "document", "mime_type": "application/pdf", **digest}
    assert hashlib.sha256(picture).hexdigest() in json.dumps(novel)
    assert len(json.dumps(attributes)) < 3000


def test_lone_surrogates_are_replaced(recorded: Recorded) -> None:
    broken = "half \ud83d a pair"
    error = {"error": {"message": broken}}
    answers = (json_answer(completion(broken, model=broken)), json_answer(error, status=400))
    client = pulse.observe(openai_client(FakeProvider(*answers)), tracer_provider=recorded.provider)
    with pulse.session(broken, tags=[broken], metadata={broken: broken, "n": 2**70}):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert encode_spans(recorded.raw).SerializeToString()


@pytest.mark.parametrize(("captured", "shown"), [(True, True), ("metadata", False), (False, False)])
def test_error_messages_are_content(recorded: Recorded, captured: Any, shown: bool) -> None:
    error = {"error": {"message": f"bad prompt: {SECRET}"}}
    client = openai_client(FakeProvider(json_answer(error, status=400)))
    pulse.observe(client, tracer_provider=recorded.provider, capture_content=captured)
    with pytest.raises(openai.BadRequestError, match=SECRET):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    span = recorded.only
    assert (SECRET in (span.message or "")) is shown
    assert span.attributes["error.type"] == "BadRequestError"
    assert span.events == 0


def test_capture_content_replaces_the_mode_in_its_block(recorded: Recorded) -> None:
    client = openai_client(FakeProvider(*(json_answer(completion()) for _ in range(3))))
    pulse.observe(client, tracer_provider=recorded.provider, capture_content=True)
    arguments: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES}
    with pulse.capture_content("off"):
        client.chat.completions.create(**arguments)
        with pulse.capture_content(True):
            client.chat.completions.create(**arguments)
    client.chat.completions.create(**arguments)
    captured = ["gen_ai.input.messages" in span.attributes for span in recorded.spans]
    assert captured == [False, True, True]


@pytest.mark.parametrize(
    ("chosen", "variable", "expected"),
    [
        (None, None, "metadata"),
        (None, "", "metadata"),
        (None, "SPAN_ONLY", "full"),
        (None, "span_and_event", "full"),
        (None, "NO_CONTENT", "off"),
        (None, "EVENT_ONLY", "off"),
        (None, "true", "full"),
        (None, "sometimes", "off"),
        (True, "NO_CONTENT", "full"),
        (False, "SPAN_ONLY", "off"),
        ("metadata", "SPAN_ONLY", "metadata"),
        (5, None, "off"),
    ],
)
def test_content_mode_argument_precedes_environment_and_default(
    monkeypatch: pytest.MonkeyPatch, chosen: object, variable: str | None, expected: str
) -> None:
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(name, variable)
    assert content_mode(chosen, default="metadata") == expected


def test_deeply_nested_values_are_truncated() -> None:
    endless: list[Any] = []
    endless.append(endless)
    part = Capture("full").other({"type": "novel", "value": endless})
    assert part["type"] == "novel"
