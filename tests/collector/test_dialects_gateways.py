"""Golden rows of LiteLLM and MLflow, and of intermediate versions of Langfuse and Vercel's SDK."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Status
from tests.support.spans import as_json, known_columns, row_of, span

_RAW_USAGE = "{'input_tokens': 21, 'cache_read_input_tokens': 1900, 'output_tokens': 12}"


def test_litellm_asynchronous_calls_are_chats() -> None:
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
    assert known_columns(row) == {
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


def test_litellm_embeddings_without_content_are_known_by_the_function() -> None:
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
    assert known_columns(row) == {
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
    assert known_columns(row) == {
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
    assert known_columns(row) == {
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


def test_litellm_raw_requests_have_the_providers_facts() -> None:
    row = row_of(
        span(
            {
                "llm.anthropic.model": "claude-sonnet-4-5",
                "llm.anthropic.messages": "[{'role': 'user', 'content': 'Weather?'}]",
                "llm.anthropic.id": "msg_1",
                "llm.anthropic.stop_reason": "end_turn",
                "llm.anthropic.usage": _RAW_USAGE,
            },
            name="raw_gen_ai_request",
            status=Status.STATUS_CODE_OK,
        ),
        scope="litellm",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "raw_request",
        "name": "raw_gen_ai_request",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "dialect": "litellm",
        "scope": "litellm",
        "input_tokens": 1921,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cost_nano_usd": 813000,
        "cost_source": "computed",
        "metadata": {
            "attributes": {
                "llm.anthropic.model": "claude-sonnet-4-5",
                "llm.anthropic.id": "msg_1",
                "llm.anthropic.stop_reason": "end_turn",
                "llm.anthropic.usage": _RAW_USAGE,
            },
            "scope": {"name": "litellm"},
        },
        "input_preview": "Weather?",
        "request_body": {"messages": [{"role": "user", "content": "Weather?"}]},
    }


def test_langfuse_langchain_callback_subtracts_parts() -> None:
    row = row_of(
        span(
            {
                "langfuse.observation.type": "generation",
                "langfuse.observation.model.name": "gpt-5-mini-2025-08-07",
                "langfuse.observation.usage_details": as_json(
                    {
                        "input": 512,
                        "output": 64,
                        "total": 2368,
                        "input_cache_read": 1536,
                        "output_reasoning": 256,
                    }
                ),
            },
            name="ChatOpenAI",
        ),
        scope="langfuse-sdk",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatOpenAI",
        "provider": "openai",
        "model_used": "gpt-5-mini-2025-08-07",
        "dialect": "langfuse",
        "scope": "langfuse-sdk",
        "input_tokens": 2048,
        "output_tokens": 320,
        "cache_read_tokens": 1536,
        "reasoning_tokens": 256,
        "cost_nano_usd": 806400,
        "cost_source": "computed",
        "metadata": {"scope": {"name": "langfuse-sdk"}},
    }


def test_langfuse_overlapping_parts_are_resolved_by_the_total() -> None:
    row = row_of(
        span(
            {
                "langfuse.observation.type": "generation",
                "langfuse.observation.model.name": "claude-sonnet-4-5-20250929",
                "langfuse.observation.usage_details": as_json(
                    {
                        "input": 0,
                        "output": 12,
                        "total": 2121,
                        "input_cache_read": 1900,
                        "input_cache_creation": 188,
                        "input_ephemeral_5m_input_tokens": 100,
                        "input_ephemeral_1h_input_tokens": 88,
                    }
                ),
            },
            name="ChatAnthropic",
        ),
        scope="langfuse-sdk",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatAnthropic",
        "provider": "anthropic",
        "model_used": "claude-sonnet-4-5-20250929",
        "dialect": "langfuse",
        "scope": "langfuse-sdk",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cache_write_1h_tokens": 88,
        "cost_nano_usd": 1716000,
        "cost_source": "computed",
        "metadata": {"scope": {"name": "langfuse-sdk"}},
    }


def test_vercel_5_excludes_cached_tokens_from_anthropics_input() -> None:
    row = row_of(
        span(
            {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.model.provider": "anthropic.messages",
                "ai.model.id": "claude-sonnet-4-5",
                "gen_ai.usage.input_tokens": 5000,
                "gen_ai.usage.output_tokens": 12,
                "ai.usage.inputTokens": 5000,
                "ai.usage.outputTokens": 12,
                "ai.usage.cachedInputTokens": 1900,
                "ai.response.providerMetadata": as_json(
                    {
                        "anthropic": {
                            "usage": {
                                "input_tokens": 5000,
                                "cache_read_input_tokens": 1900,
                                "cache_creation_input_tokens": 188,
                                "output_tokens": 12,
                            },
                            "cacheCreationInputTokens": 188,
                        }
                    }
                ),
            },
            name="ai.generateText.doGenerate",
        ),
        scope="ai",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ai.generateText.doGenerate",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "dialect": "vercel-ai",
        "scope": "ai",
        "input_tokens": 7088,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 16455000,
        "cost_source": "computed",
        "metadata": {
            "attributes": {
                "ai.response.providerMetadata": as_json(
                    {
                        "anthropic": {
                            "usage": {
                                "input_tokens": 5000,
                                "cache_read_input_tokens": 1900,
                                "cache_creation_input_tokens": 188,
                                "output_tokens": 12,
                            },
                            "cacheCreationInputTokens": 188,
                        }
                    }
                )
            },
            "scope": {"name": "ai"},
        },
    }
