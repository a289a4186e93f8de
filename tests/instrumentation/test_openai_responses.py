"""The Responses API of the real openai client."""

from __future__ import annotations

import inspect
from collections import deque
from typing import Any

import openai
import pytest
from opentelemetry.trace import StatusCode
from pydantic import BaseModel
from tests.instrumentation.recorded import Recorded, SpanValue
from tests.support.llm_bodies import response, response_events
from tests.support.llm_clients import KINDS, openai_client, result_of
from tests.support.llm_http import FakeProvider, event_answer, json_answer

from pulse_instrumentation.readers import openai_responses

EXPECTED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "openai.api.type": "responses",
    "server.address": "api.openai.com",
    "server.port": 443,
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
    "gen_ai.response.id": "resp_1",
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
ARGUMENTS: dict[str, Any] = {"model": "gpt-4o", "instructions": "Be brief.", "input": "Hi"}
STREAMED = {"gen_ai.request.stream": True, "gen_ai.response.time_to_first_chunk": True}


@pytest.mark.parametrize("kind", KINDS)
def test_plain_call_records_the_complete_span(instrumented: Recorded, kind: str) -> None:
    client = openai_client(FakeProvider(json_answer(response())), kind)
    assert result_of(client.responses.create(**ARGUMENTS)).output_text == "Hello"
    assert instrumented.spans == [SpanValue("chat gpt-4o", EXPECTED)]


@pytest.mark.parametrize("kind", KINDS)
def test_streamed_call_records_the_complete_span(instrumented: Recorded, kind: str) -> None:
    client = openai_client(FakeProvider(event_answer(response_events("Hel", "lo"))), kind)
    events = result_of(client.responses.create(**ARGUMENTS, stream=True))
    assert events[-1].type == "response.completed"
    assert instrumented.spans == [SpanValue("chat gpt-4o", {**EXPECTED, **STREAMED})]


def test_stream_helper_is_one_span(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(event_answer(response_events("Hel", "lo"))))
    with client.responses.stream(**ARGUMENTS) as stream:
        assert stream.get_final_response().output_text == "Hello"
    assert instrumented.spans == [SpanValue("chat gpt-4o", {**EXPECTED, **STREAMED})]


def test_parse_helper_is_one_span(instrumented: Recorded) -> None:
    class Reply(BaseModel):
        city: str

    client = openai_client(FakeProvider(json_answer(response('{"city": "Bonn"}'))))
    result = client.responses.parse(**ARGUMENTS, text_format=Reply)
    assert result.output_parsed == Reply(city="Bonn")
    assert instrumented.attributes["gen_ai.output.type"] == "json"


def test_resumed_stream_of_a_background_response_is_recorded(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(event_answer(response_events("Hello"))))
    if "stream" not in inspect.signature(client.responses.retrieve).parameters:
        pytest.skip("this client cannot resume a stream")
    list(client.responses.retrieve("resp_1", stream=True))
    span = instrumented.only
    assert (span.name, span.attributes["gen_ai.response.id"]) == ("chat", "resp_1")
    assert span.attributes["gen_ai.usage.output_tokens"] == 7


def test_tokens_of_a_repeatedly_streamed_background_response_count_once(
    instrumented: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_responses, "_recorded_ids", deque[str]())
    events = response_events("Hello")
    for event in events:
        if "response" in event:
            event["response"]["background"] = True
    provider = FakeProvider(*(event_answer(events) for _ in range(3)))
    client = openai_client(provider)
    list(client.responses.create(model="gpt-4o", input="Hi", stream=True, extra_body={"background": True}))
    for _ in range(2):
        list(client.get("/responses/resp_1", cast_to=object, stream=True, stream_cls=openai.Stream[Any]))
    counts = [span.attributes.get("gen_ai.usage.output_tokens") for span in instrumented.spans]
    assert counts == [7, None, None]
    assert {span.attributes["gen_ai.response.id"] for span in instrumented.spans} == {"resp_1"}


def test_retrieving_a_response_is_not_recorded(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer(response()), json_answer(response())))
    client.responses.retrieve("resp_1")
    client.responses.input_items.list("resp_1")
    assert instrumented.spans == []


@pytest.mark.parametrize("streamed", [False, True])
def test_failed_response_is_an_error_without_an_exception(instrumented: Recorded, streamed: bool) -> None:
    failed = response(
        status="failed",
        output=[],
        usage=None,
        error={"code": "server_error", "message": "it broke"},
    )
    last = {"type": "response.failed", "response": failed}
    answer = event_answer(response_events(last=last)) if streamed else json_answer(failed)
    client = openai_client(FakeProvider(answer))
    result_of(client.responses.create(**ARGUMENTS, stream=streamed))
    span = instrumented.only
    assert (span.status, span.message) == (StatusCode.ERROR, "it broke")
    assert span.attributes["error.type"] == "server_error"
    assert span.attributes["gen_ai.response.finish_reasons"] == ("error",)


def test_incomplete_response_has_its_finish_reason(instrumented: Recorded) -> None:
    body = response(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    client = openai_client(FakeProvider(json_answer(body)))
    client.responses.create(**ARGUMENTS)
    assert instrumented.attributes["gen_ai.response.finish_reasons"] == ("max_output_tokens",)


def test_items_become_messages_and_parts(instrumented: Recorded) -> None:
    output = [
        {
            "id": "rs_1",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Think."}],
            "encrypted_content": "secret",
        },
        {
            "id": "fc_1",
            "type": "function_call",
            "call_id": "call_1",
            "name": "get_weather",
            "arguments": '{"city":"Bonn"}',
            "status": "completed",
        },
    ]
    given: list[Any] = [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {"type": "function_call", "call_id": "call_0", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_0", "output": "sun"},
    ]
    client = openai_client(FakeProvider(json_answer(response(output=output))))
    client.responses.create(model="gpt-4o", input=given)
    attributes = instrumented.attributes
    assert attributes["gen_ai.input.messages"] == [
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "call_0", "name": "f", "arguments": "{}"}],
        },
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "call_0", "response": "sun"}],
        },
    ]
    assert attributes["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "finish_reason": "tool_calls",
            "parts": [
                {"type": "reasoning", "content": "Think."},
                {
                    "type": "tool_call",
                    "id": "call_1",
                    "name": "get_weather",
                    "arguments": '{"city":"Bonn"}',
                },
            ],
        }
    ]


def test_stream_closed_early_keeps_the_received_text(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(event_answer(response_events("Hel", "lo"))))
    stream = client.responses.create(**ARGUMENTS, stream=True)
    for event in stream:
        if event.type == "response.output_text.delta":
            break
    stream.close()
    attributes = instrumented.attributes
    assert attributes["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Hel"}]
    assert attributes["pulse.stream.closed_early"] is True
    assert "gen_ai.usage.output_tokens" not in attributes


def test_decisions_are_model_calls_with_their_tokens(instrumented: Recorded) -> None:
    answer: dict[str, Any] = {
        "model": "gpt-6-luna-1",
        "answers": [{"type": "predicate", "name": "rude", "probability": 0.25}],
        "usage": {
            "input_tokens": 40,
            "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 16},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 1},
            "total_tokens": 42,
        },
    }
    question = {"type": "predicate", "name": "rude", "question": "Is it rude?"}
    client = openai_client(FakeProvider(json_answer(answer)))
    # Older clients lack the method, but can send the request.
    client.post(
        "/decisions",
        cast_to=object,
        body={"model": "gpt-6-luna", "input": "Hi", "questions": [question]},
    )
    assert instrumented.spans == [
        SpanValue(
            "generate_content gpt-6-luna",
            {
                "gen_ai.operation.name": "generate_content",
                "gen_ai.provider.name": "openai",
                "server.address": "api.openai.com",
                "server.port": 443,
                "gen_ai.request.model": "gpt-6-luna",
                "openai.api.type": "decisions",
                "gen_ai.system_instructions": [{"type": "question", "content": question}],
                "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
                "gen_ai.response.model": "gpt-6-luna-1",
                "gen_ai.usage.input_tokens": 40,
                "gen_ai.usage.output_tokens": 2,
                "gen_ai.usage.cache_read.input_tokens": 8,
                "gen_ai.usage.cache_write.input_tokens": 16,
                "gen_ai.usage.cache_creation.input_tokens": 16,
                "gen_ai.usage.reasoning.output_tokens": 1,
                "gen_ai.output.messages": [
                    {"role": "assistant", "parts": [{"type": "answer", "content": answer["answers"][0]}]}
                ],
            },
        )
    ]
