"""Golden rows of facts that senders keep apart from the attributes that should have them."""

from __future__ import annotations

from base64 import b64encode

from tests.support.spans import as_json, event, row_of, span, told

_GOOGLES_USAGE = as_json(
    {
        "google": {
            "usageMetadata": {
                "promptTokenCount": 2048,
                "candidatesTokenCount": 64,
                "thoughtsTokenCount": 256,
                "cachedContentTokenCount": 1536,
                "totalTokenCount": 2368,
            }
        }
    }
)


def test_litellm_has_cached_tokens_and_openrouters_price_in_its_usage_object() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "openrouter",
                "gen_ai.request.model": "openai/gpt-4o-mini",
                "gen_ai.response.model": "openai/gpt-4o-mini",
                "gen_ai.response.id": "gen-1",
                "llm.request.type": "completion",
                "litellm.call_id": "d2a1",
                "gen_ai.usage.input_tokens": 2048,
                "gen_ai.usage.output_tokens": 320,
                "metadata.usage_object": "{'completion_tokens': 320, 'prompt_tokens': 2048,"
                " 'total_tokens': 2368,"
                " 'cost': 0.00012,"
                " 'completion_tokens_details': {'reasoning_tokens': 256, 'audio_tokens': None}, "
                "'prompt_tokens_details': {'cached_tokens': 1536}}",
            },
            name="litellm_request",
        ),
        scope="litellm",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "litellm_request",
        "provider": "openrouter",
        "model_requested": "openai/gpt-4o-mini",
        "model_used": "openai/gpt-4o-mini",
        "provider_request_id": "gen-1",
        "dialect": "litellm",
        "scope": "litellm",
        "input_tokens": 2048,
        "output_tokens": 320,
        "cache_read_tokens": 1536,
        "reasoning_tokens": 256,
        "cost_nano_usd": 120000,
        "cost_source": "reported",
        "reported_cost_nano_usd": 120000,
        "metadata": {"attributes": {"litellm.call_id": "d2a1"}, "scope": {"name": "litellm"}},
    }


def test_litellm_ids_of_its_own_are_no_response_ids() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "embedding",
                "llm.request.type": "embedding",
                "gen_ai.request.model": "text-embedding-3-small",
                "gen_ai.response.model": "text-embedding-3-small",
                "gen_ai.response.id": "f19ace38",
                "litellm.call_id": "f19ace38",
                "gen_ai.usage.input_tokens": 16,
                "gen_ai.usage.output_tokens": 0,
            },
            name="litellm_request",
        ),
        scope="litellm",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "embeddings",
        "name": "litellm_request",
        "provider": "openai",
        "model_requested": "text-embedding-3-small",
        "model_used": "text-embedding-3-small",
        "dialect": "litellm",
        "scope": "litellm",
        "input_tokens": 16,
        "output_tokens": 0,
        "cost_nano_usd": 320,
        "cost_source": "computed",
        "metadata": {"attributes": {"litellm.call_id": "f19ace38"}, "scope": {"name": "litellm"}},
    }


def test_litellm_ids_of_responses_hide_the_providers() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "responses",
                "llm.request.type": "responses",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.id": "resp_"
                + b64encode(b"litellm:custom_llm_provider:openai;model_id:None;response_id:resp_7").decode(),
                "gen_ai.response.finish_reasons": '["completed"]',
            },
            name="litellm_request",
        ),
        scope="litellm",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "litellm_request",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "provider_request_id": "resp_7",
        "dialect": "litellm",
        "scope": "litellm",
        "finish_reason": "stop",
        "metadata": {"scope": {"name": "litellm"}},
    }


def test_litellm_calls_of_tools_stand_beside_its_messages() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "llm.request.type": "completion",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.output.messages": as_json(
                    [{"role": "assistant", "parts": [], "finish_reason": "tool_calls"}]
                ),
                "gen_ai.completion.0.function_call.name": "get_weather",
                "gen_ai.completion.0.function_call.arguments": as_json({"city": "Paris"}),
            },
            name="litellm_request",
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
        "finish_reason": "tool_calls",
        "metadata": {"scope": {"name": "litellm"}},
        "response_body": {
            "messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "tool_call", "name": "get_weather", "arguments": '{"city":"Paris"}'}],
                    "finish_reason": "tool_calls",
                }
            ],
            "finish_reasons": ["tool_calls"],
        },
    }


def test_openllmetry_prompts_of_completions_stood_under_their_role() -> None:
    row = row_of(
        span(
            {
                "llm.request.type": "completion",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-3.5-turbo-instruct",
                "gen_ai.prompt.0.user": "Weather?",
                "gen_ai.request.reasoning_effort": [],
                "gen_ai.completion.0.content": "Cloudy.",
                "gen_ai.completion.0.finish_reason": "stop",
                "gen_ai.usage.prompt_tokens": 42,
                "gen_ai.usage.completion_tokens": 12,
            },
            name="openai.completion",
        ),
        scope="opentelemetry.instrumentation.openai.v1",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "text_completion",
        "name": "openai.completion",
        "provider": "openai",
        "model_requested": "gpt-3.5-turbo-instruct",
        "dialect": "openllmetry",
        "scope": "opentelemetry.instrumentation.openai.v1",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 87000,
        "cost_source": "computed",
        "finish_reason": "stop",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {"scope": {"name": "opentelemetry.instrumentation.openai.v1"}},
        "request_body": {
            "model": "gpt-3.5-turbo-instruct",
            "messages": [{"role": "user", "content": "Weather?"}],
        },
        "response_body": {
            "messages": [{"content": "Cloudy.", "finish_reason": "stop"}],
            "finish_reasons": ["stop"],
        },
    }


def test_openllmetry_chunks_had_another_name() -> None:
    row = row_of(
        span(
            {
                "llm.request.type": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
            },
            name="openai.chat",
            events=[
                event("llm.content.completion.chunk", after_ms=20.0),
                event("llm.content.completion.chunk", after_ms=30.0),
            ],
        ),
        scope="opentelemetry.instrumentation.openai.v1",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "openai.chat",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "openllmetry",
        "scope": "opentelemetry.instrumentation.openai.v1",
        "time_to_first_token_ms": 20.0,
        "metadata": {"scope": {"name": "opentelemetry.instrumentation.openai.v1"}},
    }


def test_openllmetry_leaves_googles_thoughts_to_the_total() -> None:
    row = row_of(
        span(
            {
                "gen_ai.provider.name": "gcp.gen_ai",
                "gen_ai.operation.name": "generate_content",
                "gen_ai.request.model": "gemini-2.5-flash",
                "gen_ai.usage.input_tokens": 2048,
                "gen_ai.usage.output_tokens": 64,
                "gen_ai.usage.total_tokens": 2368,
                "gen_ai.usage.cache_read.input_tokens": 1536,
            },
            name="generate_content gemini-2.5-flash",
        ),
        scope="opentelemetry.instrumentation.google_generativeai",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "generate_content",
        "name": "generate_content gemini-2.5-flash",
        "provider": "google",
        "model_requested": "gemini-2.5-flash",
        "dialect": "openllmetry",
        "scope": "opentelemetry.instrumentation.google_generativeai",
        "input_tokens": 2048,
        "output_tokens": 320,
        "cache_read_tokens": 1536,
        "cost_nano_usd": 999680,
        "cost_source": "computed",
        "metadata": {"scope": {"name": "opentelemetry.instrumentation.google_generativeai"}},
    }


def test_vercel_5_counts_googles_thoughts_beside_the_output() -> None:
    row = row_of(
        span(
            {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.model.provider": "google.generative-ai",
                "ai.model.id": "gemini-2.5-flash",
                "ai.usage.inputTokens": 2048,
                "ai.usage.outputTokens": 64,
                "ai.usage.reasoningTokens": 256,
                "ai.usage.totalTokens": 2368,
                "ai.usage.cachedInputTokens": 1536,
            },
            name="ai.generateText.doGenerate",
        ),
        scope="ai",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ai.generateText.doGenerate",
        "provider": "google",
        "model_requested": "gemini-2.5-flash",
        "dialect": "vercel-ai",
        "scope": "ai",
        "input_tokens": 2048,
        "output_tokens": 320,
        "cache_read_tokens": 1536,
        "reasoning_tokens": 256,
        "cost_nano_usd": 999680,
        "cost_source": "computed",
        "metadata": {"scope": {"name": "ai"}},
    }


def test_vercel_4_leaves_parts_of_openais_usage_to_the_providers_metadata() -> None:
    row = row_of(
        span(
            {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.model.provider": "openai.chat",
                "ai.model.id": "o4-mini",
                "ai.usage.promptTokens": 2048,
                "ai.usage.completionTokens": 320,
                "gen_ai.usage.input_tokens": 2048,
                "gen_ai.usage.output_tokens": 320,
                "gen_ai.response.id": "aitxt-1",
                "ai.response.providerMetadata": as_json(
                    {"openai": {"reasoningTokens": 256, "cachedPromptTokens": 1536}}
                ),
            },
            name="ai.generateText.doGenerate",
        ),
        scope="ai",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ai.generateText.doGenerate",
        "provider": "openai",
        "model_requested": "o4-mini",
        "dialect": "vercel-ai",
        "scope": "ai",
        "input_tokens": 2048,
        "output_tokens": 320,
        "cache_read_tokens": 1536,
        "reasoning_tokens": 256,
        "cost_nano_usd": 2393600,
        "cost_source": "computed",
        "metadata": {
            "attributes": {
                "ai.response.providerMetadata": '{"openai":{"reasoningTokens":256,"cachedPromptTokens":1536}}'
            },
            "scope": {"name": "ai"},
        },
    }


def test_vercel_5_leaves_googles_thoughts_to_the_providers_metadata() -> None:
    row = row_of(
        span(
            {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.model.provider": "google.generative-ai",
                "ai.model.id": "gemini-2.5-flash",
                "ai.usage.promptTokens": 2048,
                "ai.usage.completionTokens": 64,
                "gen_ai.usage.input_tokens": 2048,
                "gen_ai.usage.output_tokens": 64,
                "ai.response.providerMetadata": _GOOGLES_USAGE,
            },
            name="ai.generateText.doGenerate",
        ),
        scope="ai",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ai.generateText.doGenerate",
        "provider": "google",
        "model_requested": "gemini-2.5-flash",
        "dialect": "vercel-ai",
        "scope": "ai",
        "input_tokens": 2048,
        "output_tokens": 320,
        "cache_read_tokens": 1536,
        "reasoning_tokens": 256,
        "cost_nano_usd": 999680,
        "cost_source": "computed",
        "metadata": {
            "attributes": {"ai.response.providerMetadata": _GOOGLES_USAGE},
            "scope": {"name": "ai"},
        },
    }


def test_langsmith_takes_openrouters_vendor_for_the_provider() -> None:
    row = row_of(
        span(
            {
                "langsmith.span.kind": "llm",
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "mistralai",
                "gen_ai.request.model": "mistralai/mistral-small",
                "gen_ai.response.id": "gen-1",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
            },
            name="ChatOpenAI",
        ),
        scope="langsmith",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatOpenAI",
        "provider": "openrouter",
        "model_requested": "mistralai/mistral-small",
        "provider_request_id": "gen-1",
        "dialect": "langsmith",
        "scope": "langsmith",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 15600,
        "cost_source": "computed",
        "metadata": {"scope": {"name": "langsmith"}},
    }


def test_langfuse_langchain_callback_notes_model_and_session_in_metadata() -> None:
    row = row_of(
        span(
            {
                "langfuse.observation.type": "generation",
                "langfuse.observation.model.name": "gpt-4o-mini-2024-07-18",
                "langfuse.observation.metadata.ls_model_name": '"gpt-4o-mini"',
                "langfuse.observation.metadata.ls_provider": '"openai"',
                "langfuse.observation.metadata.langfuse_session_id": '"s1"',
                "langfuse.observation.metadata.user_id": '"u1"',
                "langfuse.observation.usage_details": as_json({"input": 42, "output": 12, "total": 54}),
            },
            name="ChatOpenAI",
        ),
        scope="langfuse-sdk",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatOpenAI",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "dialect": "langfuse",
        "scope": "langfuse-sdk",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "session_id": "s1",
        "user_id": "u1",
        "metadata": {
            "ls_model_name": "gpt-4o-mini",
            "ls_provider": "openai",
            "langfuse_session_id": "s1",
            "user_id": "u1",
            "scope": {"name": "langfuse-sdk"},
        },
    }


def test_langchain_responses_end_as_their_status_says() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "openai",
                "output.value": as_json(
                    {
                        "generations": [
                            [
                                {
                                    "message": {
                                        "kwargs": {
                                            "content": "",
                                            "tool_calls": [{"name": "get_weather"}],
                                            "response_metadata": {
                                                "id": "resp_1",
                                                "status": "completed",
                                                "model_name": "gpt-4o-mini-2024-07-18",
                                            },
                                        }
                                    }
                                }
                            ]
                        ]
                    }
                ),
                "output.mime_type": "application/json",
            },
            name="ChatOpenAI",
        ),
        scope="openinference.instrumentation.langchain",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatOpenAI",
        "provider": "openai",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "resp_1",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.langchain",
        "finish_reason": "tool_calls",
        "metadata": {"scope": {"name": "openinference.instrumentation.langchain"}},
        "response_body": {
            "generations": [
                [
                    {
                        "message": {
                            "kwargs": {
                                "content": "",
                                "tool_calls": [{"name": "get_weather"}],
                                "response_metadata": {
                                    "id": "resp_1",
                                    "status": "completed",
                                    "model_name": "gpt-4o-mini-2024-07-18",
                                },
                            }
                        }
                    }
                ]
            ]
        },
        "partner_key": "response:resp_1",
    }


def test_langchain_failures_have_an_empty_answer() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "openai",
                "llm.model_name": "gpt-4o-mini",
                "output.value": as_json(
                    {
                        "generations": [
                            [
                                {
                                    "text": "",
                                    "message": {"kwargs": {"content": "", "response_metadata": {"body": {}}}},
                                }
                            ]
                        ]
                    }
                ),
                "output.mime_type": "application/json",
            },
            name="ChatOpenAI",
            status=2,
            message="RateLimitError('Error code: 429')",
            events=[
                event(
                    "exception", {"exception.type": "RateLimitError", "exception.message": "Error code: 429"}
                )
            ],
        ),
        scope="openinference.instrumentation.langchain",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatOpenAI",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.langchain",
        "status": "error",
        "error_type": "RateLimitError",
        "error_message": "Error code: 429",
        "metadata": {
            "scope": {"name": "openinference.instrumentation.langchain"},
            "events": [
                {
                    "name": "exception",
                    "after_ms": 0.0,
                    "attributes": {
                        "exception.type": "RateLimitError",
                        "exception.message": "Error code: 429",
                    },
                }
            ],
        },
        "response_body": {
            "generations": [
                [{"text": "", "message": {"kwargs": {"content": "", "response_metadata": {"body": {}}}}}]
            ]
        },
    }
