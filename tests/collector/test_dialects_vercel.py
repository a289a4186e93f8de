"""Golden rows of the Vercel AI SDK, Traceloop and Pydantic AI."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span

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


def test_vercel_4_has_cached_tokens_in_the_providers_metadata() -> None:
    row = row_of(
        span(
            {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.model.provider": "anthropic.messages",
                "ai.model.id": "claude-sonnet-4-5",
                "ai.prompt.messages": as_json(
                    [{"role": "user", "content": [{"type": "text", "text": "Weather?"}]}]
                ),
                "ai.prompt.tools": ['{"type":"function","name":"get_weather"}'],
                "ai.response.text": "Cloudy.",
                "ai.response.toolCalls": as_json(
                    [{"toolCallId": "call_1", "toolName": "get_weather", "args": '{"city":"Paris"}'}]
                ),
                "ai.response.finishReason": "tool-calls",
                "ai.usage.promptTokens": 5000,
                "ai.usage.completionTokens": 12,
                "gen_ai.usage.input_tokens": 5000,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.response.id": "msg_1",
                "ai.response.providerMetadata": as_json(
                    {"anthropic": {"cacheCreationInputTokens": 188, "cacheReadInputTokens": 1900}}
                ),
                "ai.telemetry.metadata.sessionId": "s1",
                "ai.telemetry.metadata.userId": "u1",
                "ai.telemetry.metadata.plan": "pro",
                "ai.telemetry.metadata.tags": ["beta"],
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
        "provider_request_id": "msg_1",
        "dialect": "vercel-ai",
        "scope": "ai",
        "input_tokens": 7088,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 16455000,
        "cost_source": "computed",
        "finish_reason": "tool_calls",
        "session_id": "s1",
        "user_id": "u1",
        "tags": ("beta",),
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {
            "plan": "pro",
            "attributes": {
                "ai.response.providerMetadata": as_json(
                    {"anthropic": {"cacheCreationInputTokens": 188, "cacheReadInputTokens": 1900}}
                )
            },
            "scope": {"name": "ai"},
        },
        "request_body": {
            "model": "claude-sonnet-4-5",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Weather?"}]}],
            "tools": [{"type": "function", "name": "get_weather"}],
        },
        "response_body": {
            "id": "msg_1",
            "messages": [
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "text", "content": "Cloudy."},
                        {
                            "type": "tool_call",
                            "id": "call_1",
                            "name": "get_weather",
                            "arguments": {"city": "Paris"},
                        },
                    ],
                }
            ],
            "finish_reasons": ["tool-calls"],
        },
    }


def test_vercel_wrappers_repeat_the_sums_of_their_calls() -> None:
    row = row_of(
        span(
            {
                "ai.operationId": "ai.streamText",
                "ai.model.provider": "openai.chat",
                "ai.model.id": "gpt-4o-mini",
                "ai.prompt": as_json({"prompt": "Weather?"}),
                "ai.response.text": "Cloudy.",
                "ai.usage.inputTokens": 84,
                "ai.usage.outputTokens": 24,
            },
            name="ai.streamText",
        ),
        scope="ai",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "ai.streamText",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "vercel-ai",
        "scope": "ai",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {"usage": {"input": 84, "output": 24}, "scope": {"name": "ai"}},
        "request_body": {"prompt": "Weather?"},
        "response_body": {
            "messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Cloudy."}]}]
        },
    }


def test_vercel_tools() -> None:
    row = row_of(
        span(
            {
                "ai.operationId": "ai.toolCall",
                "ai.toolCall.name": "get_weather",
                "ai.toolCall.args": as_json({"city": "Paris"}),
                "ai.toolCall.result": '"18 C"',
            },
            name="ai.toolCall",
        ),
        scope="ai",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "ai.toolCall",
        "dialect": "vercel-ai",
        "scope": "ai",
        "input_preview": '{"city":"Paris"}',
        "output_preview": "18 C",
        "metadata": {"attributes": {"ai.toolCall.name": "get_weather"}, "scope": {"name": "ai"}},
        "request_body": {"city": "Paris"},
        "response_body": {"result": "18 C"},
    }


def test_traceloop_workflows() -> None:
    row = row_of(
        span(
            {
                "traceloop.span.kind": "workflow",
                "traceloop.entity.name": "checkout",
                "traceloop.entity.input": as_json({"args": ["hi"]}),
                "traceloop.entity.output": '"done"',
                "traceloop.association.properties.user_id": "u1",
            },
            name="checkout.workflow",
        ),
        scope="traceloop.tracer",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_workflow",
        "name": "checkout.workflow",
        "dialect": "traceloop",
        "scope": "traceloop.tracer",
        "user_id": "u1",
        "input_preview": '{"args":["hi"]}',
        "output_preview": "done",
        "metadata": {
            "attributes": {"traceloop.entity.name": "checkout"},
            "scope": {"name": "traceloop.tracer"},
        },
        "request_body": {"args": ["hi"]},
        "response_body": {"output": "done"},
    }


def test_pydantic_ai_calls() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.system": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.usage.input_tokens": 2109,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.details.cache_creation_input_tokens": 188,
                "gen_ai.usage.details.cache_read_input_tokens": 1900,
                "gen_ai.usage.details.ephemeral_1h_input_tokens": 88,
                "operation.cost": 0.001716,
                "gen_ai.response.id": "msg_1",
            },
            name="chat claude-sonnet-4-5",
        ),
        scope="pydantic-ai",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat claude-sonnet-4-5",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "provider_request_id": "msg_1",
        "dialect": "pydantic-ai",
        "scope": "pydantic-ai",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cache_write_1h_tokens": 88,
        "cost_nano_usd": 1716000,
        "cost_source": "reported",
        "reported_cost_nano_usd": 1716000,
        "metadata": {"scope": {"name": "pydantic-ai"}},
    }


def test_pydantic_ai_agents() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "weather",
                "pydantic_ai.all_messages": as_json(
                    [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}]
                ),
                "final_result": "Cloudy.",
                "gen_ai.aggregated_usage.input_tokens": 84,
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
        "output_preview": "Cloudy.",
        "metadata": {
            "attributes": {"gen_ai.agent.name": "weather", "gen_ai.aggregated_usage.input_tokens": 84},
            "scope": {"name": "pydantic-ai"},
        },
        "request_body": {"messages": [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}]},
        "response_body": {"result": "Cloudy."},
    }


def test_vercel_5_excludes_googles_thoughts_from_the_output() -> None:
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
    assert known_columns(row) == {
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


def test_vercel_4_has_parts_of_openais_usage_in_the_providers_metadata() -> None:
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
    assert known_columns(row) == {
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


def test_vercel_5_has_googles_thoughts_in_the_providers_metadata() -> None:
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
    assert known_columns(row) == {
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
