"""Golden rows of first versions, and of OpenInference for further clients."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Status
from tests.support.spans import as_json, event, known_columns, row_of, span


def test_pydantic_ai_first_version_has_its_messages_as_events() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.details.cached_tokens": 32,
                "events": as_json(
                    [
                        {
                            "content": "Be brief.",
                            "role": "system",
                            "gen_ai.message.index": 0,
                            "event.name": "gen_ai.system.message",
                        },
                        {
                            "content": "Weather?",
                            "role": "user",
                            "gen_ai.message.index": 0,
                            "event.name": "gen_ai.user.message",
                        },
                        {
                            "index": 0,
                            "message": {"role": "assistant", "content": "Sunny."},
                            "event.name": "gen_ai.choice",
                        },
                    ]
                ),
            },
            name="chat gpt-4o-mini",
        ),
        scope="pydantic-ai",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "dialect": "pydantic-ai",
        "scope": "pydantic-ai",
        "input_tokens": 42,
        "output_tokens": 12,
        "cache_read_tokens": 32,
        "cost_nano_usd": 11100,
        "cost_source": "computed",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {"scope": {"name": "pydantic-ai"}},
        "request_body": {
            "model": "gpt-4o-mini",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather?"}],
        },
        "response_body": {
            "model": "gpt-4o-mini-2024-07-18",
            "messages": [{"role": "assistant", "content": "Sunny."}],
        },
    }


def test_pydantic_ai_first_version_agents_are_recognised_by_name() -> None:
    row = row_of(
        span(
            {
                "agent_name": "weather",
                "model_name": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 84,
                "gen_ai.usage.output_tokens": 24,
                "all_messages_events": as_json(
                    [
                        {"content": "Weather?", "role": "user", "event.name": "gen_ai.user.message"},
                        {"role": "assistant", "content": "Sunny.", "event.name": "gen_ai.assistant.message"},
                    ]
                ),
                "final_result": "Sunny.",
            },
            name="agent run",
        ),
        scope="pydantic-ai",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "agent run",
        "dialect": "pydantic-ai",
        "scope": "pydantic-ai",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {
            "usage": {"input": 84, "output": 24},
            "attributes": {"agent_name": "weather", "model_name": "gpt-4o-mini"},
            "scope": {"name": "pydantic-ai"},
        },
        "request_body": {
            "messages": [{"role": "user", "content": "Weather?"}, {"role": "assistant", "content": "Sunny."}]
        },
        "response_body": {"result": "Sunny."},
    }


def test_logfire_responses_have_their_messages_as_events() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "request_data": as_json({"model": "gpt-4o-mini"}),
                "events": as_json(
                    [
                        {"event.name": "gen_ai.user.message", "content": "Weather?", "role": "user"},
                        {
                            "event.name": "gen_ai.choice",
                            "index": 0,
                            "message": {"role": "assistant", "content": "Sunny."},
                        },
                    ]
                ),
                "logfire.span_type": "span",
            },
            name="Responses API with 'gpt-4o-mini'",
        ),
        scope="logfire.openai",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "Responses API with 'gpt-4o-mini'",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "dialect": "logfire",
        "scope": "logfire.openai",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {"scope": {"name": "logfire.openai"}},
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Weather?"}]},
        "response_body": {
            "model": "gpt-4o-mini-2024-07-18",
            "messages": [{"role": "assistant", "content": "Sunny."}],
        },
    }


def test_openinference_bedrock_excludes_cached_tokens() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "aws",
                "llm.model_name": "anthropic.claude-sonnet-4-5-20250929-v1:0",
                "llm.invocation_parameters": as_json({"maxTokens": 64, "stop_reason": "end_turn"}),
                "llm.finish_reason": "end_turn",
                "llm.token_count.prompt": 2000,
                "llm.token_count.completion": 12,
                "llm.token_count.total": 2212,
                "llm.token_count.prompt_details.cache_read": 200,
                "input.value": as_json([{"role": "user", "content": [{"text": "Weather?"}]}]),
                "output.value": as_json({"role": "assistant", "content": [{"text": "Sunny."}]}),
                "input.mime_type": "application/json",
                "output.mime_type": "application/json",
            },
            name="bedrock.converse",
            status=Status.STATUS_CODE_OK,
        ),
        scope="openinference.instrumentation.bedrock",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "bedrock.converse",
        "provider": "bedrock",
        "model_requested": "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "model_used": "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.bedrock",
        "input_tokens": 2200,
        "output_tokens": 12,
        "cache_read_tokens": 200,
        "cost_nano_usd": 6864000,
        "cost_source": "computed",
        "finish_reason": "stop",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {
            "attributes": {
                "llm.invocation_parameters": as_json({"maxTokens": 64, "stop_reason": "end_turn"})
            },
            "scope": {"name": "openinference.instrumentation.bedrock"},
        },
        "request_body": {"messages": [{"role": "user", "content": [{"text": "Weather?"}]}]},
        "response_body": {"role": "assistant", "content": [{"text": "Sunny."}]},
    }


def test_openinference_google_genai_has_googles_own_documents() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "google",
                "llm.model_name": "gemini-2.5-flash",
                "llm.token_count.prompt": 40,
                "llm.token_count.completion": 25,
                "llm.token_count.completion_details.reasoning": 20,
                "llm.token_count.total": 65,
                "input.value": as_json({"model": "gemini-2.5-flash", "contents": "Weather?"}),
                "output.value": as_json(
                    {
                        "candidates": [
                            {
                                "content": {"parts": [{"text": "Sunny."}], "role": "model"},
                                "finish_reason": "STOP",
                            }
                        ],
                        "model_version": "gemini-2.5-flash-001",
                        "response_id": "r-1",
                        "usage_metadata": {
                            "prompt_token_count": 40,
                            "candidates_token_count": 5,
                            "thoughts_token_count": 20,
                            "total_token_count": 65,
                        },
                    }
                ),
            },
            name="GenerateContent",
            status=Status.STATUS_CODE_OK,
        ),
        scope="openinference.instrumentation.google_genai",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "GenerateContent",
        "provider": "google",
        "model_requested": "gemini-2.5-flash",
        "model_used": "gemini-2.5-flash-001",
        "provider_request_id": "r-1",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.google_genai",
        "input_tokens": 40,
        "output_tokens": 25,
        "reasoning_tokens": 20,
        "cost_nano_usd": 74500,
        "cost_source": "computed",
        "finish_reason": "stop",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {"scope": {"name": "openinference.instrumentation.google_genai"}},
        "request_body": {"model": "gemini-2.5-flash", "contents": "Weather?"},
        "response_body": {
            "candidates": [
                {"content": {"parts": [{"text": "Sunny."}], "role": "model"}, "finish_reason": "STOP"}
            ],
            "model_version": "gemini-2.5-flash-001",
            "response_id": "r-1",
            "usage_metadata": {
                "prompt_token_count": 40,
                "candidates_token_count": 5,
                "thoughts_token_count": 20,
                "total_token_count": 65,
            },
        },
    }


def test_openinference_dspy_by_openais_client() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.model_name": "gpt-4o-mini",
                "llm.invocation_parameters": as_json({"temperature": 0.0}),
                "input.value": as_json(
                    {"prompt": None, "messages": [{"role": "user", "content": "Weather?"}]}
                ),
                "output.value": as_json(["Sunny."]),
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.content": "Sunny.",
            },
            name="LM.__call__",
            status=Status.STATUS_CODE_OK,
        ),
        scope="openinference.instrumentation.dspy",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "LM.__call__",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.dspy",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {
            "attributes": {"llm.invocation_parameters": as_json({"temperature": 0.0})},
            "scope": {"name": "openinference.instrumentation.dspy"},
        },
        "request_body": {"prompt": None, "messages": [{"role": "user", "content": "Weather?"}]},
        "response_body": {"messages": ["Sunny."]},
    }


def test_openinference_llama_index_streams() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.model_name": "gpt-4o-mini",
                "llm.invocation_parameters": as_json({"model": "gpt-4o-mini", "max_tokens": 64}),
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": "Weather?",
                "output.value": "Sunny.",
                "llm.token_count.prompt": 42,
                "llm.token_count.completion": 12,
                "session.id": "chat-42",
            },
            name="OpenAI.astream_chat",
            status=Status.STATUS_CODE_OK,
            events=[event("First Token Stream Event", {}, after_ms=80)],
        ),
        scope="openinference.instrumentation.llama_index",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "OpenAI.astream_chat",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.llama_index",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "time_to_first_token_ms": 80.0,
        "session_id": "chat-42",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {
            "attributes": {"llm.invocation_parameters": as_json({"model": "gpt-4o-mini", "max_tokens": 64})},
            "scope": {"name": "openinference.instrumentation.llama_index"},
            "events": [{"name": "First Token Stream Event", "after_ms": 80.0, "attributes": {}}],
        },
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Weather?"}]},
        "response_body": {"output": "Sunny."},
    }
