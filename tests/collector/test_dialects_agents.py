"""Golden rows of agent frameworks: Strands, Google's, Microsoft's."""

from __future__ import annotations

from tests.support.spans import as_json, event, known_columns, row_of, span


def test_strands_newest_version_has_messages_in_details_events() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "strands-agents",
                "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "gen_ai.usage.input_tokens": 21,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.cache_read_input_tokens": 1900,
                "gen_ai.usage.cache_write_input_tokens": 188,
                "gen_ai.server.time_to_first_token": 96,
                "session.id": "chat-42",
                "langfuse.tags": ["beta"],
            },
            name="chat",
            events=[
                event(
                    "gen_ai.client.inference.operation.details",
                    {
                        "gen_ai.input.messages": as_json(
                            [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}]
                        )
                    },
                ),
                event(
                    "gen_ai.client.inference.operation.details",
                    {
                        "gen_ai.output.messages": as_json(
                            [
                                {
                                    "role": "assistant",
                                    "parts": [{"type": "text", "content": "Sunny."}],
                                    "finish_reason": "end_turn",
                                }
                            ]
                        )
                    },
                    after_ms=200,
                ),
            ],
        ),
        scope="strands.telemetry.tracer",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat",
        "provider": "bedrock",
        "model_requested": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "dialect": "strands",
        "scope": "strands.telemetry.tracer",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 1669800,
        "cost_source": "computed",
        "finish_reason": "stop",
        "time_to_first_token_ms": 96.0,
        "session_id": "chat-42",
        "tags": ("beta",),
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {"scope": {"name": "strands.telemetry.tracer"}},
        "request_body": {
            "model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "messages": [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}],
        },
        "response_body": {
            "messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "Sunny."}],
                    "finish_reason": "end_turn",
                }
            ],
            "finish_reasons": ["end_turn"],
        },
    }


def test_google_adk_counts_thoughts_if_its_attribute_excludes_them() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "gcp.vertex.agent",
                "gen_ai.request.model": "gemini-2.5-flash",
                "gcp.vertex.agent.session_id": "chat-42",
                "gcp.vertex.agent.invocation_id": "e-1",
                "gcp.vertex.agent.llm_request": as_json(
                    {
                        "model": "gemini-2.5-flash",
                        "contents": [{"parts": [{"text": "Weather?"}], "role": "user"}],
                    }
                ),
                "gcp.vertex.agent.llm_response": as_json(
                    {
                        "content": {"parts": [{"text": "Sunny."}], "role": "model"},
                        "finish_reason": "STOP",
                        "model_version": "gemini-2.5-flash-001",
                        "usage_metadata": {
                            "prompt_token_count": 40,
                            "candidates_token_count": 5,
                            "thoughts_token_count": 20,
                            "cached_content_token_count": 8,
                            "total_token_count": 65,
                        },
                    }
                ),
                "gen_ai.usage.input_tokens": 40,
                "gen_ai.usage.output_tokens": 65,
            },
            name="call_llm",
        ),
        scope="gcp.vertex.agent",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "call_llm",
        "provider": "vertex",
        "model_requested": "gemini-2.5-flash",
        "model_used": "gemini-2.5-flash-001",
        "dialect": "google-adk",
        "scope": "gcp.vertex.agent",
        "input_tokens": 40,
        "output_tokens": 25,
        "cache_read_tokens": 8,
        "reasoning_tokens": 20,
        "cost_nano_usd": 72340,
        "cost_source": "computed",
        "finish_reason": "stop",
        "session_id": "chat-42",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {
            "attributes": {"gcp.vertex.agent.invocation_id": "e-1"},
            "scope": {"name": "gcp.vertex.agent"},
        },
        "request_body": {
            "model": "gemini-2.5-flash",
            "contents": [{"parts": [{"text": "Weather?"}], "role": "user"}],
        },
        "response_body": {
            "content": {"parts": [{"text": "Sunny."}], "role": "model"},
            "finish_reason": "STOP",
            "model_version": "gemini-2.5-flash-001",
            "usage_metadata": {
                "prompt_token_count": 40,
                "candidates_token_count": 5,
                "thoughts_token_count": 20,
                "cached_content_token_count": 8,
                "total_token_count": 65,
            },
        },
    }


def test_google_adk_models_of_others_have_litellms_names() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "gcp.vertex.agent",
                "gen_ai.request.model": "openai/gpt-4o-mini",
                "gcp.vertex.agent.llm_request": "{}",
                "gcp.vertex.agent.llm_response": "{}",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.response.finish_reasons": ["stop"],
            },
            name="call_llm",
        ),
        scope="gcp.vertex.agent",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "call_llm",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "google-adk",
        "scope": "gcp.vertex.agent",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "finish_reason": "stop",
        "metadata": {"scope": {"name": "gcp.vertex.agent"}},
    }


def test_google_adk_tools_have_arguments_and_a_result() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "get_weather",
                "gcp.vertex.agent.tool_call_args": as_json({"city": "Paris"}),
                "gcp.vertex.agent.tool_response": as_json({"result": "sunny"}),
                "gcp.vertex.agent.llm_request": "{}",
                "gcp.vertex.agent.llm_response": "{}",
            },
            name="execute_tool get_weather",
        ),
        scope="gcp.vertex.agent",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "execute_tool get_weather",
        "dialect": "google-adk",
        "scope": "gcp.vertex.agent",
        "input_preview": '{"city":"Paris"}',
        "output_preview": "sunny",
        "metadata": {
            "attributes": {"gen_ai.tool.name": "get_weather"},
            "scope": {"name": "gcp.vertex.agent"},
        },
        "request_body": {"city": "Paris"},
        "response_body": {"result": "sunny"},
    }


def test_agent_framework_reads_the_providers_names_of_token_counts() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-5-mini",
                "gen_ai.conversation.id": "resp_0a",
                "gen_ai.response.id": "resp_0b",
                "gen_ai.response.model": "gpt-5-mini-2025-08-07",
                "gen_ai.response.finish_reasons": as_json(["tool_calls"]),
                "gen_ai.usage.input_tokens": 2048,
                "gen_ai.usage.output_tokens": 320,
                "openai.cached_input_tokens": 1536,
                "openai.reasoning_tokens": 256,
            },
            name="chat gpt-5-mini",
        ),
        scope="agent_framework",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-5-mini",
        "provider": "openai",
        "model_requested": "gpt-5-mini",
        "model_used": "gpt-5-mini-2025-08-07",
        "provider_request_id": "resp_0b",
        "dialect": "agent-framework",
        "scope": "agent_framework",
        "input_tokens": 2048,
        "output_tokens": 320,
        "cache_read_tokens": 1536,
        "reasoning_tokens": 256,
        "cost_nano_usd": 806400,
        "cost_source": "computed",
        "finish_reason": "tool_calls",
        "metadata": {
            "attributes": {"gen_ai.conversation.id": "resp_0a"},
            "scope": {"name": "agent_framework"},
        },
    }


def test_semantic_kernel_operations_and_counts_are_recognised() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat.completions",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.id": "chatcmpl-1",
                "gen_ai.response.finish_reason": "FinishReason.STOP",
                "gen_ai.response.prompt_tokens": 42,
                "gen_ai.response.completion_tokens": 12,
            },
            name="chat.completions gpt-4o-mini",
        ),
        scope="semantic_kernel.utils.telemetry.model_diagnostics.decorators",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat.completions gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "provider_request_id": "chatcmpl-1",
        "dialect": "agent-framework",
        "scope": "semantic_kernel.utils.telemetry.model_diagnostics.decorators",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "finish_reason": "stop",
        "metadata": {"scope": {"name": "semantic_kernel.utils.telemetry.model_diagnostics.decorators"}},
    }
