"""Chat completions of the real openai client."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from opentelemetry.trace import StatusCode
from pydantic import BaseModel
from tests.instrumentation.recorded import Recorded, SpanValue
from tests.support.llm_bodies import chat_chunks, choice, chunk, completion, delta
from tests.support.llm_clients import KINDS, chat_helpers, openai_client, result_of
from tests.support.llm_http import FakeProvider, event_answer, json_answer

import pulse_instrumentation as pulse

MESSAGES: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
]
INPUT = [
    {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
    {"role": "user", "parts": [{"type": "text", "content": "Hi"}]},
]
EXPECTED = {
    "gen_ai.operation.name": "chat",
    "openai.api.type": "chat_completions",
    "gen_ai.provider.name": "openai",
    "server.address": "api.openai.com",
    "server.port": 443,
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.input.messages": INPUT,
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 2,
    "gen_ai.output.messages": [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "Hello"}],
            "finish_reason": "stop",
        }
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_plain_call_records_the_complete_span(instrumented: Recorded, kind: str) -> None:
    client = openai_client(FakeProvider(json_answer(completion())), kind)
    result = result_of(client.chat.completions.create(model="gpt-4o", messages=MESSAGES))
    assert result.choices[0].message.content == "Hello"
    assert instrumented.spans == [SpanValue("chat gpt-4o", EXPECTED)]


@pytest.mark.parametrize("kind", KINDS)
def test_streamed_call_records_the_complete_span(instrumented: Recorded, kind: str) -> None:
    client = openai_client(FakeProvider(event_answer(chat_chunks("Hel", "lo"), done=True)), kind)
    chunks = result_of(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    assert len(chunks) == 5
    assert instrumented.spans == [
        SpanValue(
            "chat gpt-4o",
            {
                **EXPECTED,
                "gen_ai.request.stream": True,
                "gen_ai.response.time_to_first_chunk": True,
            },
        )
    ]


def test_stream_without_usage_has_no_invented_tokens(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(event_answer(chat_chunks("Hello", usage=None), done=True)))
    list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    usage = [name for name in instrumented.attributes if name.startswith("gen_ai.usage.")]
    assert usage == []


@pytest.mark.parametrize("kind", KINDS)
def test_rejected_call_raises_unchanged_and_is_an_error(instrumented: Recorded, kind: str) -> None:
    error = {"error": {"message": "slow down", "type": "rate_limit", "code": "rate_limited"}}
    client = openai_client(FakeProvider(json_answer(error, status=429)), kind)
    with pytest.raises(openai.RateLimitError, match="slow down"):
        result_of(client.chat.completions.create(model="gpt-4o", messages=MESSAGES))
    span = instrumented.only
    assert (span.status, span.attributes["error.type"]) == (StatusCode.ERROR, "RateLimitError")
    assert span.attributes["http.response.status_code"] == 429
    assert "slow down" in (span.message or "")


def test_retries_of_the_client_are_one_span(instrumented: Recorded) -> None:
    busy = json_answer({}, status=500, retry_after_ms="1")
    provider = FakeProvider(busy, json_answer(completion()))
    client = openai_client(provider, max_retries=1)
    client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert len(provider.requests) == 2
    assert instrumented.only.status is StatusCode.UNSET


def test_request_settings_are_recorded_with_their_types(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer(completion())))
    client.chat.completions.create(
        model="gpt-4o",
        messages=MESSAGES,
        max_completion_tokens=50,
        temperature=0,
        top_p=0.5,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        seed=7,
        stop="END",
        n=2,
        reasoning_effort="low",
        service_tier="auto",
        response_format={"type": "json_object"},
        extra_body={"top_k": 3},
    )
    attributes = instrumented.attributes
    found = {name: value for name, value in attributes.items() if ".request." in name}
    assert found == {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.top_k": 3.0,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.reasoning.level": "low",
        "openai.request.service_tier": "auto",
    }
    assert isinstance(attributes["gen_ai.request.temperature"], float)
    assert attributes["gen_ai.output.type"] == "json"


def test_openrouter_cost_and_serving_provider_are_recorded(instrumented: Recorded) -> None:
    usage = {
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "total_tokens": 18,
        "cost": 0.00014,
        "cost_details": {"upstream_inference_cost": 0.0001},
    }
    body = completion(id="gen-1", provider="Anthropic", usage=usage)
    client = openai_client(FakeProvider(json_answer(body)), base_url="https://openrouter.ai/api/v1")
    client.chat.completions.create(model="anthropic/claude-sonnet-4.5", messages=MESSAGES)
    attributes = instrumented.attributes
    assert attributes["gen_ai.provider.name"] == "openrouter"
    assert attributes["server.address"] == "openrouter.ai"
    assert attributes["gen_ai.usage.cost"] == 0.00014
    assert attributes["gen_ai.usage.cost_details.upstream_inference_cost"] == 0.0001
    assert attributes["openrouter.provider"] == "Anthropic"


def test_openrouter_cost_in_the_last_chunk_is_recorded(instrumented: Recorded) -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "cost": 0.5}
    chunks = [*chat_chunks("Hello", usage=None), chunk(usage=usage, provider="Azure")]
    client = openai_client(
        FakeProvider(event_answer(chunks, done=True)), base_url="https://openrouter.ai/api/v1"
    )
    list(client.chat.completions.create(model="openai/gpt-4o", messages=MESSAGES, stream=True))
    assert instrumented.attributes["gen_ai.usage.cost"] == 0.5
    assert instrumented.attributes["openrouter.provider"] == "Azure"


def test_every_choice_is_an_output_message_with_its_finish_reason(instrumented: Recorded) -> None:
    tool_call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    choices = [
        choice({"role": "assistant", "content": "One"}, "length"),
        choice({"role": "assistant", "content": None, "tool_calls": [tool_call]}, "tool_calls", 1),
    ]
    client = openai_client(FakeProvider(json_answer(completion(choices=choices))))
    client.chat.completions.create(model="gpt-4o", messages=MESSAGES, n=2)
    attributes = instrumented.attributes
    assert attributes["gen_ai.response.finish_reasons"] == ("length", "tool_calls")
    assert attributes["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "One"}],
            "finish_reason": "length",
        },
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "t1", "name": "f", "arguments": "{}"}],
            "finish_reason": "tool_calls",
        },
    ]


def test_streamed_tool_calls_are_joined_per_choice_and_index(instrumented: Recorded) -> None:
    def piece(index: int | None, arguments: str, **fields: Any) -> dict[str, Any]:
        return {"index": index, "function": {"arguments": arguments, **fields}}

    opening = {**piece(0, "", name="get_weather"), "id": "a", "type": "function"}
    second = {**piece(1, '{"z"', name="get_time"), "id": "b", "type": "function"}
    chunks = [
        chunk(delta(role="assistant", tool_calls=[opening])),
        chunk(delta(tool_calls=[second])),
        chunk(delta(tool_calls=[piece(0, '{"city":')])),
        chunk(delta(tool_calls=[piece(1, ":1}")]), delta(index=1, content="Other")),
        chunk(delta(tool_calls=[piece(0, '"Bonn"}')])),
        chunk(delta(index=1, finish_reason="stop"), delta(finish_reason="tool_calls")),
    ]
    client = openai_client(FakeProvider(event_answer(chunks, done=True)))
    list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, n=2))
    attributes = instrumented.attributes
    assert attributes["gen_ai.response.finish_reasons"] == ("tool_calls", "stop")
    assert [message["parts"] for message in attributes["gen_ai.output.messages"]] == [
        [
            {"type": "tool_call", "id": "a", "name": "get_weather", "arguments": '{"city":"Bonn"}'},
            {"type": "tool_call", "id": "b", "name": "get_time", "arguments": '{"z":1}'},
        ],
        [{"type": "text", "content": "Other"}],
    ]


def test_streamed_functions_custom_tools_and_transcripts_are_joined(instrumented: Recorded) -> None:
    def custom(**fields: Any) -> dict[str, Any]:
        return delta(tool_calls=[{"index": 0, "custom": fields}])

    chunks = [
        chunk(delta(role="assistant", function_call={"name": "f", "arguments": '{"a"'})),
        chunk(delta(function_call={"arguments": ":1}"})),
        chunk(delta(tool_calls=[{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sh"}}])),
        chunk(custom(input="ls ")),
        chunk(custom(input="-l")),
        chunk(delta(audio={"id": "a1", "transcript": "Good "})),
        chunk(delta(audio={"data": "AAAA", "transcript": "day"})),
        chunk(delta(audio={"expires_at": 9})),
    ]
    client = openai_client(FakeProvider(event_answer(chunks, done=True)))
    list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    assert instrumented.attributes["gen_ai.output.messages"][0]["parts"] == [
        {"type": "text", "content": "Good day"},
        {"type": "tool_call", "id": "c", "name": "sh", "arguments": "ls -l"},
        {"type": "tool_call", "id": None, "name": "f", "arguments": '{"a":1}'},
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("function_call", {"name": "f"}), ("audio", {"transcript": "Good"})]
)
def test_functions_and_transcripts_are_output_without_content(
    recorded: Recorded, name: str, value: Any
) -> None:
    client = openai_client(FakeProvider(event_answer([chunk(delta(**{name: value}))], done=True)))
    pulse.observe(client, tracer_provider=recorded.provider, capture_content=False)
    list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    assert recorded.attributes["gen_ai.response.time_to_first_chunk"] is True


def test_parse_helper_is_one_span(instrumented: Recorded) -> None:
    class Reply(BaseModel):
        city: str

    client = openai_client(FakeProvider(json_answer(completion('{"city": "Bonn"}'))))
    result = chat_helpers(client).parse(model="gpt-4o", messages=MESSAGES, response_format=Reply)
    assert result.choices[0].message.parsed == Reply(city="Bonn")
    assert instrumented.attributes["gen_ai.output.type"] == "json"


@pytest.mark.parametrize("kind", KINDS)
def test_stream_helper_is_one_span(instrumented: Recorded, kind: str) -> None:
    provider = FakeProvider(event_answer(chat_chunks("Hel", "lo"), done=True))
    client = openai_client(provider, kind)
    manager = chat_helpers(client).stream(model="gpt-4o", messages=MESSAGES)
    if kind == "sync":
        with manager as stream:
            final = stream.get_final_completion()
    else:

        async def run() -> Any:
            async with manager as stream:
                return await stream.get_final_completion()

        final = result_of(run())
    assert final.choices[0].message.content == "Hello"
    output = instrumented.attributes["gen_ai.output.messages"]
    assert output[0]["parts"] == [{"type": "text", "content": "Hello"}]


def test_tools_and_their_answers_are_recorded(instrumented: Recorded) -> None:
    tool: Any = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    call: Any = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages: list[Any] = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "rain"},
    ]
    client = openai_client(FakeProvider(json_answer(completion())))
    client.chat.completions.create(model="gpt-4o", messages=messages, tools=[tool])
    attributes = instrumented.attributes
    assert attributes["gen_ai.tool.definitions"] == [tool["function"] | {"type": "function"}]
    assert attributes["gen_ai.input.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "a", "name": "f", "arguments": "{}"}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "a", "response": "rain"}]},
    ]
