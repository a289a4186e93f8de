"""Golden rows of agent frameworks and gateways, each as its newest and older versions write it."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Status
from tests.support.spans import as_json, event, row_of, span, told


def test_strands_newest_form_has_its_messages_in_details_events() -> None:
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
    assert told(row) == {
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


def test_google_adk_counts_thoughts_whatever_its_attribute_says() -> None:
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
    assert told(row) == {
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


def test_google_adk_models_of_others_are_named_as_litellm_names_them() -> None:
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
    assert told(row) == {
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
    assert told(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "execute_tool get_weather",
        "dialect": "google-adk",
        "scope": "gcp.vertex.agent",
        "metadata": {
            "attributes": {"gen_ai.tool.name": "get_weather"},
            "scope": {"name": "gcp.vertex.agent"},
        },
        "request_body": {"city": "Paris"},
        "response_body": {"result": "sunny"},
    }


def test_litellm_awaited_calls_are_chats() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "acompletion",
                "llm.request.type": "acompletion",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.id": "chatcmpl-1",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.usage.total_tokens": 54,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.input_tokens": 42,
                "llm.user": "u1",
                "llm.is_streaming": "False",
                "gen_ai.cost.total_cost": 1.35e-05,
                "gen_ai.input.messages": as_json(
                    [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}]
                ),
                "gen_ai.output.messages": as_json(
                    [
                        {
                            "role": "assistant",
                            "parts": [{"type": "text", "content": "Sunny."}],
                            "finish_reason": "stop",
                        }
                    ]
                ),
                "gen_ai.response.finish_reasons": as_json(["stop"]),
            },
            name="litellm_request",
            status=Status.STATUS_CODE_OK,
        ),
        scope="litellm",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "litellm_request",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "chatcmpl-1",
        "dialect": "litellm",
        "scope": "litellm",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "reported",
        "reported_cost_nano_usd": 13500,
        "finish_reason": "stop",
        "user_id": "u1",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {"attributes": {"llm.is_streaming": "False"}, "scope": {"name": "litellm"}},
        "request_body": {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}],
        },
        "response_body": {
            "id": "chatcmpl-1",
            "model": "gpt-4o-mini-2024-07-18",
            "messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "Sunny."}],
                    "finish_reason": "stop",
                }
            ],
            "finish_reasons": ["stop"],
        },
    }


def test_litellm_embeddings_without_content_are_told_by_the_function() -> None:
    row = row_of(
        span(
            {
                "llm.request.type": "aembedding",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "text-embedding-3-small",
                "gen_ai.usage.total_tokens": 8,
                "gen_ai.usage.input_tokens": 8,
                "gen_ai.usage.output_tokens": 0,
            },
            name="litellm_request",
            status=Status.STATUS_CODE_OK,
        ),
        scope="litellm",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "embeddings",
        "name": "litellm_request",
        "provider": "openai",
        "model_requested": "text-embedding-3-small",
        "dialect": "litellm",
        "scope": "litellm",
        "input_tokens": 8,
        "output_tokens": 0,
        "cost_nano_usd": 160,
        "cost_source": "computed",
        "metadata": {"scope": {"name": "litellm"}},
    }


def test_litellm_failures_have_their_message_in_an_attribute() -> None:
    row = row_of(
        span(
            {
                "llm.request.type": "completion",
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "error.type": "RateLimitError",
                "error.code": "429",
                "error.message": "litellm.RateLimitError: slow down",
            },
            name="litellm_request",
            status=Status.STATUS_CODE_ERROR,
        ),
        scope="litellm",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "litellm_request",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "litellm",
        "scope": "litellm",
        "status": "error",
        "error_type": "RateLimitError",
        "error_message": "litellm.RateLimitError: slow down",
        "metadata": {
            "attributes": {"error.code": "429", "error.message": "litellm.RateLimitError: slow down"},
            "scope": {"name": "litellm"},
        },
    }


def test_agent_framework_has_cached_and_reasoning_tokens_under_the_providers_names() -> None:
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
    assert told(row) == {
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


def test_semantic_kernel_has_operations_and_counts_of_its_own_spelling() -> None:
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
    assert told(row) == {
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


def test_spring_ai_writes_every_value_as_a_text() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.request.temperature": "0.7",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.response.id": "chatcmpl-1",
                "gen_ai.response.finish_reasons": '["STOP"]',
                "gen_ai.usage.input_tokens": "42",
                "gen_ai.usage.output_tokens": "12",
                "gen_ai.usage.total_tokens": "54",
            },
            name="chat gpt-4o-mini",
            events=[
                event("gen_ai.content.prompt", {"gen_ai.prompt": "Weather?"}),
                event("gen_ai.content.completion", {"gen_ai.completion": "Sunny."}),
            ],
        ),
        scope="org.springframework.boot",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "chatcmpl-1",
        "dialect": "otel-genai",
        "scope": "org.springframework.boot",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "finish_reason": "stop",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {
            "attributes": {"gen_ai.request.temperature": "0.7"},
            "scope": {"name": "org.springframework.boot"},
        },
        "request_body": {"model": "gpt-4o-mini", "messages": ["Weather?"], "temperature": "0.7"},
        "response_body": {
            "id": "chatcmpl-1",
            "model": "gpt-4o-mini-2024-07-18",
            "messages": ["Sunny."],
            "finish_reasons": ["STOP"],
        },
    }


def test_spring_ai_clients_are_no_calls() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "framework",
                "gen_ai.system": "spring_ai",
                "spring.ai.kind": "chat_client",
            },
            name="spring_ai chat_client",
        ),
        scope="org.springframework.boot",
    )
    assert told(row) == {
        "model_call": False,
        "operation": "framework",
        "name": "spring_ai chat_client",
        "dialect": "otel-genai",
        "scope": "org.springframework.boot",
        "metadata": {
            "attributes": {"spring.ai.kind": "chat_client"},
            "scope": {"name": "org.springframework.boot"},
        },
    }


def test_genkit_models() -> None:
    row = row_of(
        span(
            {
                "genkit:type": "action",
                "genkit:metadata:subtype": "model",
                "genkit:name": "googleai/gemini-2.5-flash",
                "genkit:path": "/{chat,t:flow}",
                "genkit:state": "success",
                "genkit:input": as_json({"messages": [{"role": "user", "content": [{"text": "Weather?"}]}]}),
                "genkit:output": as_json(
                    {
                        "message": {"role": "model", "content": [{"text": "Sunny."}]},
                        "finishReason": "stop",
                        "usage": {
                            "inputTokens": 40,
                            "outputTokens": 5,
                            "thoughtsTokens": 20,
                            "totalTokens": 65,
                        },
                    }
                ),
            },
            name="googleai/gemini-2.5-flash",
        ),
        scope="genkit-tracer",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "googleai/gemini-2.5-flash",
        "provider": "google",
        "model_requested": "gemini-2.5-flash",
        "dialect": "genkit",
        "scope": "genkit-tracer",
        "input_tokens": 40,
        "output_tokens": 25,
        "reasoning_tokens": 20,
        "cost_nano_usd": 74500,
        "cost_source": "computed",
        "finish_reason": "stop",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {"attributes": {"genkit:type": "action"}, "scope": {"name": "genkit-tracer"}},
        "request_body": {"messages": [{"role": "user", "content": [{"text": "Weather?"}]}]},
        "response_body": {
            "message": {"role": "model", "content": [{"text": "Sunny."}]},
            "finishReason": "stop",
            "usage": {"inputTokens": 40, "outputTokens": 5, "thoughtsTokens": 20, "totalTokens": 65},
        },
    }


def test_genkit_flows_fail_as_their_state_says() -> None:
    row = row_of(
        span(
            {
                "genkit:type": "action",
                "genkit:metadata:subtype": "flow",
                "genkit:name": "chat",
                "genkit:state": "error",
                "genkit:input": '"Weather?"',
            },
            name="chat",
            message="boom",
        ),
        scope="genkit-tracer",
    )
    assert told(row) == {
        "model_call": False,
        "operation": "invoke_workflow",
        "name": "chat",
        "dialect": "genkit",
        "scope": "genkit-tracer",
        "status": "error",
        "error_message": "boom",
        "metadata": {"attributes": {"genkit:type": "action"}, "scope": {"name": "genkit-tracer"}},
        "request_body": {"input": "Weather?"},
    }


def test_haystack_chat_generators() -> None:
    row = row_of(
        span(
            {
                "haystack.component.name": "llm",
                "haystack.component.type": "OpenAIChatGenerator",
                "haystack.component.input": as_json(
                    {"messages": [{"role": "user", "content": [{"text": "Weather?"}]}]}
                ),
                "haystack.component.output": as_json(
                    {
                        "replies": [
                            {
                                "role": "assistant",
                                "content": [{"text": "Sunny."}],
                                "meta": {
                                    "model": "gpt-4o-mini-2024-07-18",
                                    "finish_reason": "stop",
                                    "usage": {
                                        "prompt_tokens": 42,
                                        "completion_tokens": 12,
                                        "prompt_tokens_details": {"cached_tokens": 32},
                                    },
                                },
                            }
                        ]
                    }
                ),
            },
            name="haystack.component.run",
        ),
        scope="haystack",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "haystack.component.run",
        "provider": "openai",
        "model_used": "gpt-4o-mini-2024-07-18",
        "dialect": "haystack",
        "scope": "haystack",
        "input_tokens": 42,
        "output_tokens": 12,
        "cache_read_tokens": 32,
        "cost_nano_usd": 11100,
        "cost_source": "computed",
        "finish_reason": "stop",
        "input_preview": "Weather?",
        "output_preview": "Sunny.",
        "metadata": {"attributes": {"haystack.component.name": "llm"}, "scope": {"name": "haystack"}},
        "request_body": {"messages": [{"role": "user", "content": [{"text": "Weather?"}]}]},
        "response_body": {
            "replies": [
                {
                    "role": "assistant",
                    "content": [{"text": "Sunny."}],
                    "meta": {
                        "model": "gpt-4o-mini-2024-07-18",
                        "finish_reason": "stop",
                        "usage": {
                            "prompt_tokens": 42,
                            "completion_tokens": 12,
                            "prompt_tokens_details": {"cached_tokens": 32},
                        },
                    },
                }
            ]
        },
    }


def test_haystack_components_without_a_model_are_tasks() -> None:
    row = row_of(
        span(
            {"haystack.component.name": "builder", "haystack.component.type": "PromptBuilder"},
            name="haystack.component.run",
        ),
        scope="haystack",
    )
    assert told(row) == {
        "model_call": False,
        "operation": "task",
        "name": "haystack.component.run",
        "dialect": "haystack",
        "scope": "haystack",
        "metadata": {"attributes": {"haystack.component.name": "builder"}, "scope": {"name": "haystack"}},
    }


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
    assert told(row) == {
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


def test_pydantic_ai_first_version_agents_are_told_by_their_name() -> None:
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
    assert told(row) == {
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
    assert told(row) == {
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


def test_mlflow_cost_is_an_estimate() -> None:
    row = row_of(
        span(
            {
                "mlflow.spanType": '"CHAT_MODEL"',
                "mlflow.spanInputs": as_json(
                    {"model": "my-model", "messages": [{"role": "user", "content": "Weather?"}]}
                ),
                "mlflow.chat.tokenUsage": as_json(
                    {"input_tokens": 42, "output_tokens": 12, "total_tokens": 54}
                ),
                "mlflow.llm.provider": '"openai"',
                "mlflow.llm.cost": as_json({"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3}),
                "mlflow.trace.session": '"chat-42"',
            },
            name="Completions",
        ),
        scope="mlflow.openai.autolog",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "Completions",
        "provider": "openai",
        "model_requested": "my-model",
        "dialect": "mlflow",
        "scope": "mlflow.openai.autolog",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 300000000,
        "cost_source": "reported",
        "estimated_cost_nano_usd": 300000000,
        "session_id": "chat-42",
        "input_preview": "Weather?",
        "metadata": {"scope": {"name": "mlflow.openai.autolog"}},
        "request_body": {"model": "my-model", "messages": [{"role": "user", "content": "Weather?"}]},
    }


def test_openinference_bedrock_leaves_cached_tokens_out() -> None:
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
    assert told(row) == {
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
            "attributes": {"llm.invocation_parameters": '{"maxTokens":64,"stop_reason":"end_turn"}'},
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
    assert told(row) == {
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
    assert told(row) == {
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
            "attributes": {"llm.invocation_parameters": '{"temperature":0.0}'},
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
    assert told(row) == {
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
            "attributes": {"llm.invocation_parameters": '{"model":"gpt-4o-mini","max_tokens":64}'},
            "scope": {"name": "openinference.instrumentation.llama_index"},
            "events": [{"name": "First Token Stream Event", "after_ms": 80.0, "attributes": {}}],
        },
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Weather?"}]},
        "response_body": {"output": "Sunny."},
    }
