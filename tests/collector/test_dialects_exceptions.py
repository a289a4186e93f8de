"""Facts that one dialect writes in an exceptional place or form."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.support.spans import START_NS, Value, as_json, event, known_columns, row_of, span

PLAIN = "opentelemetry.instrumentation.genai.openai"


def facts(
    attributes: Mapping[str, Value],
    *,
    scope: str = PLAIN,
    name: str = "chat gpt-4o-mini",
    duration_ms: float = 250.0,
) -> Mapping[str, object]:
    return known_columns(row_of(span(attributes, name=name, duration_ms=duration_ms), scope=scope))


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (
            as_json({"messages": ["ChatMessage(role=<MessageRole.USER: 'user'>, blocks=[...])"]}),
            "assistant: 2864 m",
        ),
        (
            as_json({"messages": "[ChatMessage(role=<MessageRole.USER: 'user'>, blocks=[...])]"}),
            "ChatResponse(message=ChatMessage(role=<MessageRole.ASSISTANT: 'assistant'>))",
        ),
        ("ChatMessage(role=<MessageRole.USER: 'user'>)", "assistant: 2864 m"),
    ],
)
def test_messages_precede_the_repr_that_llama_index_writes(asked: str, answered: str) -> None:
    row = facts(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o-mini",
            "input.value": asked,
            "output.value": answered,
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "How tall is Triglav?",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "2864 m",
        },
        scope="openinference.instrumentation.llama_index",
        name="OpenAI.chat",
    )
    assert (row["input_preview"], row["output_preview"]) == ("How tall is Triglav?", "2864 m")
    assert row["model_used"] == "gpt-4o-mini"
    assert "MessageRole" not in str(row)


_ITEM_TEXT: Value = [{"type": "output_text", "text": "Hi"}]


@pytest.mark.parametrize(
    ("output", "response_id"),
    [
        ({"id": "fc_1", "type": "function_call", "name": "f", "arguments": "{}"}, None),
        ({"id": "msg_1", "type": "message", "role": "assistant", "content": _ITEM_TEXT}, None),
        ({"id": "rs_1", "type": "reasoning", "summary": []}, None),
        ({"id": "ws_1", "type": "web_search_call", "status": "completed"}, None),
        ({"id": "call_1", "type": "function", "function": {"name": "f"}}, None),
        ({"id": "run-1", "type": "ai", "content": "Hi"}, None),
        ({"id": "resp_1", "object": "response", "output": []}, "resp_1"),
        ({"id": "msg_01", "type": "message", "model": "claude-haiku-4-5", "content": []}, "msg_01"),
        ({"id": "chatcmpl-1", "object": "chat.completion", "choices": []}, "chatcmpl-1"),
    ],
)
def test_id_of_a_part_is_not_the_response_id(output: Value, response_id: str | None) -> None:
    row = facts(
        {"langfuse.observation.type": "generation", "langfuse.observation.output": as_json(output)},
        scope="langfuse-sdk",
    )
    assert row.get("provider_request_id") == response_id


def test_streams_of_logfires_first_version_have_the_joined_text() -> None:
    row = facts(
        {
            "logfire.span_type": "log",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "request_data": as_json(
                {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
            ),
            "response_data": as_json({"combined_chunk_content": "Hello there", "chunk_count": 2}),
            "duration": 1.5,
        },
        scope="logfire.openai",
        duration_ms=0,
    )
    assert (row["input_preview"], row["output_preview"], row["latency_ms"]) == ("Hi", "Hello there", 1500.0)


def test_agents_of_haystack_3_call_models_in_steps() -> None:
    row = facts(
        {
            "haystack.agent.step.llm.input": as_json(
                {"messages": [{"role": "user", "content": [{"text": "Weather?"}]}]}
            ),
            "haystack.agent.step.llm.output": as_json(
                {
                    "replies": [
                        {
                            "role": "assistant",
                            "content": [{"text": "Sunny."}],
                            "meta": {
                                "model": "gpt-4o-mini-2024-07-18",
                                "finish_reason": "stop",
                                "usage": {"prompt_tokens": 42, "completion_tokens": 12},
                            },
                        }
                    ]
                }
            ),
        },
        scope="haystack",
        name="haystack.agent.step.llm",
    )
    assert (row["operation"], row["model_call"]) == ("chat", True)
    assert (row["input_tokens"], row["output_tokens"], row["finish_reason"]) == (42, 12, "stop")
    assert (row["input_preview"], row["output_preview"]) == ("Weather?", "Sunny.")
    assert (row["provider"], row["model_used"]) == ("openai", "gpt-4o-mini-2024-07-18")


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("haystack.agent.run", "invoke_agent"),
        ("haystack.agent.step", "agent_step"),
        ("haystack.agent.step.tool", "execute_tool"),
        ("haystack.async_pipeline.run", "invoke_workflow"),
    ],
)
def test_other_spans_of_haystack_are_recognised_by_name(name: str, operation: str) -> None:
    row = facts({}, scope="haystack", name=name)
    assert (row["operation"], row["model_call"]) == (operation, False)


def test_input_and_output_of_a_langfuse_trace_are_stored() -> None:
    row = facts(
        {
            "langfuse.observation.type": "span",
            "langfuse.trace.input": as_json({"question": "Why?"}),
            "langfuse.trace.output": "Because.",
        },
        scope="langfuse-sdk",
    )
    assert (row["input_preview"], row["output_preview"]) == ("Why?", "Because.")
    assert row["request_body"] == {"question": "Why?"}
    both = facts(
        {
            "langfuse.observation.type": "span",
            "langfuse.observation.input": as_json({"args": ["a"]}),
            "langfuse.trace.input": "Why?",
        },
        scope="langfuse-sdk",
    )
    assert both["request_body"] == {"args": ["a"], "trace_input": "Why?"}


@pytest.mark.parametrize("level", ["ERROR", "error", "FATAL", "Critical", as_json("ERROR")])
@pytest.mark.parametrize("scope", ["langfuse-sdk", "openinference.instrumentation.openai"])
def test_levels_of_failures(level: str, scope: str) -> None:
    row = facts(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.level": level,
            "langfuse.observation.status_message": "boom",
        },
        scope=scope,
    )
    assert (row["status"], row["error_message"]) == ("error", "boom")


@pytest.mark.parametrize("scope", ["langfuse-sdk", "openinference.instrumentation.openai"])
def test_message_of_a_warning_is_stored(scope: str) -> None:
    row = facts(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.level": "WARNING",
            "langfuse.observation.status_message": "slow answer",
        },
        scope=scope,
    )
    assert "status" not in row
    assert "slow answer" in str(row["metadata"])


def test_details_event_of_a_span_completes_it() -> None:
    row = known_columns(
        row_of(
            span(
                {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"},
                events=[
                    event(
                        "gen_ai.client.inference.operation.details",
                        {
                            "gen_ai.response.id": "chatcmpl-9",
                            "gen_ai.response.finish_reasons": ["length"],
                            "gen_ai.usage.input_tokens": 9,
                            "gen_ai.usage.output_tokens": 2,
                            "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
                            "gen_ai.input.messages": as_json([{"role": "user", "content": "Hi"}]),
                            "gen_ai.output.messages": as_json([{"role": "assistant", "content": "Yo"}]),
                        },
                    )
                ],
            ),
            scope=PLAIN,
        )
    )
    assert (row["provider_request_id"], row["finish_reason"]) == ("chatcmpl-9", "length")
    assert (row["input_tokens"], row["output_tokens"]) == (9, 2)
    assert (row["input_preview"], row["output_preview"]) == ("Hi", "Yo")
    assert row["request_body"] == {
        "model": "gpt-4o-mini",
        "system_instructions": [{"type": "text", "content": "Be brief."}],
        "messages": [{"role": "user", "content": "Hi"}],
    }


@pytest.mark.parametrize(
    ("key", "value", "ms"),
    [
        ("gen_ai.response.time_to_first_chunk", 0.25, 250.0),
        ("gen_ai.latency.time_to_first_token", 0.25, 250.0),
        ("metrics.ttfb", 0.25, 250.0),
        ("copilot_chat.time_to_first_token", 250, 250.0),
        ("ttft_ms", "250", 250.0),
        ("mastra.completion_start_time", "2026-11-23T02:00:00.250Z", 250.0),
        ("mastra.completion_start_time", START_NS // 1_000_000 + 250, 250.0),
        ("mastra.completion_start_time", "2026-11-23T01:59:59Z", None),
        ("mastra.completion_start_time", "soon", None),
    ],
)
def test_spellings_of_the_time_to_the_first_token(key: str, value: Value, ms: float | None) -> None:
    row = facts({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", key: value})
    assert row.get("time_to_first_token_ms") == ms


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("gen_ai.response.finish_reason", "length", "length"),
        ("llm.response.finish_reason", "tool_calls", "tool_calls"),
        ("llm.response.stop_reason", "max_tokens", "length"),
        ("gen_ai.response.stop_reason", "end_turn", "stop"),
        ("stop_reason", "tool_use", "tool_calls"),
        ("llm.finish_reason", "stop", "stop"),
    ],
)
@pytest.mark.parametrize("scope", [PLAIN, "opentelemetry.instrumentation.watsonx", "my.library"])
def test_spellings_of_the_finish_reason(scope: str, key: str, value: str, reason: str) -> None:
    row = facts(
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", key: value}, scope=scope
    )
    assert row["finish_reason"] == reason
