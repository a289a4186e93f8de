"""Messages of the real anthropic client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from opentelemetry.trace import StatusCode
from pydantic import BaseModel
from tests.instrumentation.recorded import Recorded, SpanValue
from tests.support.llm_bodies import block_delta, message, message_events
from tests.support.llm_clients import KINDS, anthropic_client, result_of
from tests.support.llm_http import FakeProvider, event_answer, json_answer

MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]
ARGUMENTS: dict[str, Any] = {
    "model": "claude-test",
    "max_tokens": 100,
    "system": "Be brief.",
    "messages": MESSAGES,
}
EXPECTED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "server.address": "api.anthropic.com",
    "server.port": 443,
    "gen_ai.request.model": "claude-test",
    "gen_ai.request.max_tokens": 100,
    "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
    "gen_ai.response.id": "msg_1",
    "gen_ai.response.model": "claude-test-1",
    "gen_ai.response.finish_reasons": ("end_turn",),
    "gen_ai.usage.input_tokens": 2109,
    "gen_ai.usage.output_tokens": 12,
    "gen_ai.usage.cache_read.input_tokens": 1900,
    "gen_ai.usage.cache_creation.input_tokens": 188,
    "gen_ai.usage.cache_write.input_tokens": 188,
    "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 100,
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 88,
    "gen_ai.output.messages": [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "Hello"}],
            "finish_reason": "end_turn",
        }
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_plain_call_records_the_complete_span(instrumented: Recorded, kind: str) -> None:
    client = anthropic_client(FakeProvider(json_answer(message())), kind)
    result = result_of(client.messages.create(**ARGUMENTS))
    assert result.content[0].text == "Hello"
    assert instrumented.spans == [SpanValue("chat claude-test", EXPECTED)]


@pytest.mark.parametrize("kind", KINDS)
def test_streamed_call_records_the_complete_span(instrumented: Recorded, kind: str) -> None:
    client = anthropic_client(FakeProvider(event_answer(message_events("Hel", "lo"))), kind)
    events = result_of(client.messages.create(**ARGUMENTS, stream=True))
    assert len(events) == 7
    assert instrumented.spans == [
        SpanValue(
            "chat claude-test",
            {
                **EXPECTED,
                "gen_ai.request.stream": True,
                "gen_ai.response.time_to_first_chunk": True,
            },
        )
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_stream_helper_is_one_span(instrumented: Recorded, kind: str) -> None:
    client = anthropic_client(FakeProvider(event_answer(message_events("Hel", "lo"))), kind)
    manager = client.messages.stream(**ARGUMENTS)
    if kind == "sync":
        with manager as stream:
            text = "".join(stream.text_stream)
    else:

        async def run() -> str:
            async with manager as stream:
                return "".join([piece async for piece in stream.text_stream])

        text = result_of(run())
    assert text == "Hello"
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 12
    assert instrumented.attributes["gen_ai.response.finish_reasons"] == ("end_turn",)


def test_beta_messages_are_recorded(instrumented: Recorded) -> None:
    client = anthropic_client(FakeProvider(json_answer(message())))
    client.beta.messages.create(**ARGUMENTS)
    assert instrumented.spans == [SpanValue("chat claude-test", EXPECTED)]


def test_counting_tokens_is_not_recorded(instrumented: Recorded) -> None:
    client = anthropic_client(FakeProvider(json_answer({"input_tokens": 5})))
    client.messages.count_tokens(model="claude-test", messages=MESSAGES)
    assert instrumented.spans == []


def test_messages_from_an_iterator_are_sent_and_recorded(instrumented: Recorded) -> None:
    provider = FakeProvider(json_answer(message()))
    client = anthropic_client(provider)
    client.messages.create(**{**ARGUMENTS, "messages": (item for item in MESSAGES)})
    assert provider.bodies[0]["messages"] == MESSAGES
    assert instrumented.attributes["gen_ai.input.messages"] == EXPECTED["gen_ai.input.messages"]


def test_thinking_and_tool_use_are_recorded_as_parts(instrumented: Recorded) -> None:
    answer = message(
        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
        {"type": "redacted_thinking", "data": "opaque"},
        {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"city": "Bonn"}},
        stop_reason="tool_use",
    )
    client = anthropic_client(FakeProvider(json_answer(answer)))
    client.messages.create(**ARGUMENTS, thinking={"type": "enabled", "budget_tokens": 1024})
    attributes = instrumented.attributes
    assert attributes["anthropic.thinking.budget_tokens"] == 1024
    assert attributes["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "redacted_thinking", "size": 6},
        {
            "type": "tool_call",
            "id": "t1",
            "name": "get_weather",
            "arguments": {"city": "Bonn"},
        },
    ]


def test_streamed_thinking_and_tool_use_are_joined(instrumented: Recorded) -> None:
    events = message_events()
    tool: dict[str, Any] = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}
    events[1:3] = [
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        block_delta(0, type="thinking_delta", thinking="H"),
        block_delta(0, type="thinking_delta", thinking="m."),
        block_delta(0, type="signature_delta", signature="sig"),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": tool},
        block_delta(1, type="input_json_delta", partial_json='{"city":'),
        block_delta(1, type="input_json_delta", partial_json='"Bonn"}'),
        {"type": "content_block_stop", "index": 1},
    ]
    client = anthropic_client(FakeProvider(event_answer(events)))
    list(client.messages.create(**ARGUMENTS, stream=True))
    assert instrumented.attributes["gen_ai.output.messages"][0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {
            "type": "tool_call",
            "id": "t1",
            "name": "get_weather",
            "arguments": {"city": "Bonn"},
        },
    ]


def test_tool_results_images_and_tools_are_recorded(instrumented: Recorded) -> None:
    pixel = "iVBORw0KGgo="
    messages: list[Any] = [
        {
            "role": "user",
            "content": [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": pixel},
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "is_error": True,
                    "content": [{"type": "text", "text": "rain"}],
                },
            ],
        }
    ]
    tool: Any = {"name": "f", "description": "F", "input_schema": {"type": "object"}}
    client = anthropic_client(FakeProvider(json_answer(message())))
    client.messages.create(**{**ARGUMENTS, "messages": messages}, tools=[tool])
    attributes = instrumented.attributes
    assert attributes["gen_ai.input.messages"][0]["parts"] == [
        {
            "type": "blob",
            "modality": "image",
            "mime_type": "image/png",
            "size": 8,
            "sha256": "4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6",
        },
        {
            "type": "tool_call_response",
            "id": "t1",
            "response": [{"type": "text", "content": "rain"}],
            "is_error": True,
        },
    ]
    assert attributes["gen_ai.tool.definitions"] == [
        {"type": "function", "name": "f", "description": "F", "parameters": {"type": "object"}}
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_error_event_within_a_stream_is_raised_and_recorded(instrumented: Recorded, kind: str) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    events = [*message_events("Hel")[:3], error]
    client = anthropic_client(FakeProvider(event_answer(events)), kind)
    with pytest.raises(anthropic.APIStatusError):
        result_of(client.messages.create(**ARGUMENTS, stream=True))
    span = instrumented.only
    assert span.status is StatusCode.ERROR
    assert span.attributes["gen_ai.usage.input_tokens"] == 2109
    assert span.attributes["gen_ai.output.messages"][0]["parts"][0]["content"] == "Hel"


def test_iterator_of_messages_that_raises_raises_as_without_pulse(instrumented: Recorded) -> None:
    def messages() -> Iterator[Any]:
        yield MESSAGES[0]
        raise LookupError("no more history")

    client = anthropic_client(FakeProvider())
    with pytest.raises(LookupError, match="no more history"):
        client.messages.create(**{**ARGUMENTS, "messages": messages()})


@pytest.mark.skipif(not hasattr(anthropic, "beta_tool"), reason="needs a client with tool runners")
def test_tool_runner_records_one_span_per_model_call(instrumented: Recorded) -> None:
    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Weather in a city.

        Args:
            city: Where.
        """
        return f"rain in {city}"

    asks = message(
        {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"city": "Bonn"}},
        id="msg_0",
        stop_reason="tool_use",
    )
    client = anthropic_client(FakeProvider(json_answer(asks), json_answer(message())))
    runner = client.beta.messages.tool_runner(
        model="claude-test", max_tokens=100, messages=MESSAGES, tools=[get_weather]
    )
    assert runner.until_done().content[0].text == "Hello"
    first, second = instrumented.spans
    assert first.attributes["gen_ai.response.finish_reasons"] == ("tool_use",)
    assert first.attributes["gen_ai.tool.definitions"][0]["name"] == "get_weather"
    assert second.attributes["gen_ai.input.messages"][-1]["parts"] == [
        {
            "type": "tool_call_response",
            "id": "t1",
            "response": "rain in Bonn",
        }
    ]


def test_parse_helper_is_one_span(instrumented: Recorded) -> None:
    class Reply(BaseModel):
        city: str

    answer = message({"type": "text", "text": '{"city": "Bonn"}'})
    client = anthropic_client(FakeProvider(json_answer(answer)))
    if not hasattr(client.messages, "parse"):
        pytest.skip("this client has no parse helper")
    result = client.messages.parse(
        model="claude-test", max_tokens=100, messages=MESSAGES, output_format=Reply
    )
    assert result.parsed_output == Reply(city="Bonn")
    assert instrumented.only.name == "chat claude-test"
