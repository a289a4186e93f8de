"""Golden rows of OpenTelemetry's conventions, old and current, and of the Anthropic client."""

from __future__ import annotations

from tests.support.spans import as_json, event, known_columns, row_of, span


def test_present_conventions_with_json_texts() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.request.temperature": 0.2,
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.response.id": "chatcmpl-1",
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.response.time_to_first_chunk": 0.125,
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.reasoning.output_tokens": 4,
                "gen_ai.conversation.id": "s1",
                "user.id": "u1",
                "gen_ai.system_instructions": as_json([{"type": "text", "content": "Be terse."}]),
                "gen_ai.input.messages": as_json(
                    [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}]
                ),
                "gen_ai.output.messages": as_json(
                    [
                        {
                            "role": "assistant",
                            "parts": [{"type": "text", "content": "Cloudy."}],
                            "finish_reason": "stop",
                        }
                    ]
                ),
                "gen_ai.tool.definitions": as_json([{"type": "function", "name": "get_weather"}]),
                "server.address": "api.openai.com",
            }
        ),
        scope="opentelemetry.instrumentation.genai.openai",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "chatcmpl-1",
        "dialect": "otel-genai",
        "scope": "opentelemetry.instrumentation.genai.openai",
        "input_tokens": 42,
        "output_tokens": 12,
        "reasoning_tokens": 4,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "finish_reason": "stop",
        "time_to_first_token_ms": 125.0,
        "session_id": "s1",
        "user_id": "u1",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {
            "attributes": {"gen_ai.request.temperature": 0.2, "server.address": "api.openai.com"},
            "scope": {"name": "opentelemetry.instrumentation.genai.openai"},
        },
        "request_body": {
            "model": "gpt-4o-mini",
            "system_instructions": [{"type": "text", "content": "Be terse."}],
            "messages": [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}],
            "tools": [{"type": "function", "name": "get_weather"}],
            "temperature": 0.2,
        },
        "response_body": {
            "id": "chatcmpl-1",
            "model": "gpt-4o-mini-2024-07-18",
            "messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "Cloudy."}],
                    "finish_reason": "stop",
                }
            ],
            "finish_reasons": ["stop"],
        },
    }


def test_present_conventions_with_structured_values() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.input.messages": [
                    {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}
                ],
                "gen_ai.output.messages": [
                    {
                        "role": "assistant",
                        "parts": [{"type": "text", "content": "Cloudy."}],
                        "finish_reason": "stop",
                    }
                ],
                "gen_ai.system_instructions": b'[{"type":"text","content":"Be terse."}]',
            }
        ),
        scope="",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "otel-genai",
        "finish_reason": "stop",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {},
        "request_body": {
            "model": "gpt-4o-mini",
            "system_instructions": [{"type": "text", "content": "Be terse."}],
            "messages": [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}],
        },
        "response_body": {
            "messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "Cloudy."}],
                    "finish_reason": "stop",
                }
            ],
            "finish_reasons": ["stop"],
        },
    }


def test_spans_of_pulse_itself() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openrouter",
                "gen_ai.request.model": "anthropic/claude-sonnet-4.5",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.cost": 0.000264,
                "gen_ai.conversation.id": "s1",
                "session.id": "s1",
                "user.id": "u1",
                "pulse.tags": ["beta", "paris"],
                "pulse.metadata.plan": "pro",
            }
        ),
        scope="pulse.instrumentation",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openrouter",
        "model_requested": "anthropic/claude-sonnet-4.5",
        "dialect": "otel-genai",
        "scope": "pulse.instrumentation",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 264000,
        "cost_source": "reported",
        "reported_cost_nano_usd": 264000,
        "session_id": "s1",
        "user_id": "u1",
        "tags": ("beta", "paris"),
        "metadata": {"plan": "pro", "scope": {"name": "pulse.instrumentation"}},
    }


def test_older_conventions_with_whole_prompts() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "text_completion",
                "gen_ai.system": "az.ai.openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.prompt_tokens": 7,
                "gen_ai.usage.completion_tokens": 12,
                "gen_ai.prompt": "The weather in Paris is",
                "gen_ai.completion": "cloudy.",
                "gen_ai.prompt.name": "weather",
            }
        ),
        scope="",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "text_completion",
        "name": "chat gpt-4o-mini",
        "provider": "azure",
        "model_requested": "gpt-4o-mini",
        "dialect": "otel-genai",
        "input_tokens": 7,
        "output_tokens": 12,
        "cost_nano_usd": 8250,
        "cost_source": "computed",
        "input_preview": "The weather in Paris is",
        "output_preview": "cloudy.",
        "metadata": {"attributes": {"gen_ai.prompt.name": "weather"}},
        "request_body": {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "The weather in Paris is"}],
        },
        "response_body": {"messages": [{"role": "assistant", "content": "cloudy."}]},
    }


def test_older_conventions_with_content_events() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
            },
            name="chat",
            events=[
                event(
                    "gen_ai.content.prompt",
                    {"gen_ai.prompt": as_json([{"role": "user", "content": "Weather?"}])},
                    after_ms=0,
                ),
                event(
                    "gen_ai.content.completion",
                    {"gen_ai.completion": as_json([{"role": "assistant", "content": "Cloudy."}])},
                    after_ms=200,
                ),
            ],
        ),
        scope="",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "dialect": "otel-genai",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {},
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Weather?"}]},
        "response_body": {
            "model": "gpt-4o-mini-2024-07-18",
            "messages": [{"role": "assistant", "content": "Cloudy."}],
        },
    }


def test_an_embedding_has_no_output_tokens() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "embeddings",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "text-embedding-3-small",
                "gen_ai.usage.input_tokens": 18,
            },
            name="embeddings text-embedding-3-small",
        ),
        scope="opentelemetry.instrumentation.genai.openai",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "embeddings",
        "name": "embeddings text-embedding-3-small",
        "provider": "openai",
        "model_requested": "text-embedding-3-small",
        "dialect": "otel-genai",
        "scope": "opentelemetry.instrumentation.genai.openai",
        "input_tokens": 18,
        "output_tokens": 0,
        "cost_nano_usd": 360,
        "cost_source": "computed",
        "metadata": {"scope": {"name": "opentelemetry.instrumentation.genai.openai"}},
    }


def test_a_tool_call_has_arguments_and_a_result() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "get_weather",
                "gen_ai.tool.call.id": "call_1",
                "gen_ai.tool.call.arguments": as_json({"city": "Paris"}),
                "gen_ai.tool.call.result": "18 C",
            },
            name="execute_tool get_weather",
        ),
        scope="",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "execute_tool get_weather",
        "dialect": "otel-genai",
        "output_preview": "18 C",
        "input_preview": '{"city":"Paris"}',
        "metadata": {"attributes": {"gen_ai.tool.name": "get_weather", "gen_ai.tool.call.id": "call_1"}},
        "request_body": {"city": "Paris"},
        "response_body": {"result": "18 C"},
    }


def test_the_sums_of_an_agent_are_only_metadata() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.agent.name": "weather",
                "gen_ai.usage.input_tokens": 84,
                "gen_ai.usage.output_tokens": 24,
            },
            name="invoke_agent gpt-4o-mini",
        ),
        scope="gen_ai",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "invoke_agent gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "vercel-ai",
        "scope": "gen_ai",
        "metadata": {
            "usage": {"input": 84, "output": 24},
            "attributes": {"gen_ai.agent.name": "weather"},
            "scope": {"name": "gen_ai"},
        },
    }


def test_the_anthropic_client() -> None:
    row = row_of(
        span(
            {
                "server.address": "api.anthropic.com",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.usage.input_tokens": 2109,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.cache_write.input_tokens": 188,
                "gen_ai.usage.cache_read.input_tokens": 1900,
                "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 100,
                "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 88,
                "anthropic.message.stop_reason": "end_turn",
                "anthropic.request.id": "req_1",
                "gen_ai.response.id": "msg_1",
                "gen_ai.response.model": "claude-sonnet-4-5-20250929",
            },
            name="anthropic.messages.create",
        ),
        scope="com.anthropic.sdk.python",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "anthropic.messages.create",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "model_used": "claude-sonnet-4-5-20250929",
        "provider_request_id": "msg_1",
        "dialect": "anthropic-sdk",
        "scope": "com.anthropic.sdk.python",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cache_write_1h_tokens": 88,
        "cost_nano_usd": 1716000,
        "cost_source": "computed",
        "finish_reason": "stop",
        "metadata": {
            "attributes": {
                "server.address": "api.anthropic.com",
                "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 100,
                "anthropic.request.id": "req_1",
            },
            "scope": {"name": "com.anthropic.sdk.python"},
        },
    }


def test_cache_writes_by_lifetime_without_their_sum_are_added() -> None:
    row = row_of(
        span(
            {
                "gen_ai.provider.name": "anthropic",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.usage.input_tokens": 2109,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.cache_creation.ephemeral_5m_input_tokens": 100,
                "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens": 88,
            },
        ),
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "dialect": "otel-genai",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_write_tokens": 188,
        "cache_write_1h_tokens": 88,
        "cost_nano_usd": 6846000,
        "cost_source": "computed",
        "metadata": {"attributes": {"gen_ai.usage.cache_creation.ephemeral_5m_input_tokens": 100}},
    }


def test_one_lifetime_of_cache_writes_alone_is_not_a_sum() -> None:
    usage = {"gen_ai.usage.cache_creation.ephemeral_1h_input_tokens": 88}
    row = row_of(span({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 2109, **usage}))
    assert (row.cache_write_tokens, row.cache_write_1h_tokens) == (None, None)


def test_tools_without_messages_are_stored_as_the_request() -> None:
    row = row_of(
        span(
            {
                "gen_ai.provider.name": "openai",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.request.temperature": 0.5,
                "gen_ai.tool.definitions": '[{"type":"function","name":"weather"}]',
            },
        ),
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "otel-genai",
        "request_body": {
            "model": "gpt-4o-mini",
            "tools": [{"type": "function", "name": "weather"}],
            "temperature": 0.5,
        },
        "metadata": {"attributes": {"gen_ai.request.temperature": 0.5}},
    }


def test_system_and_tools_of_the_request_are_content() -> None:
    row = row_of(
        span(
            {
                "gen_ai.provider.name": "openai",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.request.system": "Be brief.",
                "gen_ai.request.tools": '[{"type":"function","name":"weather"}]',
                "gen_ai.input.messages": '[{"role":"user","content":"Hi?"}]',
            },
        ),
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "otel-genai",
        "input_preview": "Hi?",
        "request_body": {
            "model": "gpt-4o-mini",
            "system_instructions": "Be brief.",
            "messages": [{"role": "user", "content": "Hi?"}],
            "tools": [{"type": "function", "name": "weather"}],
        },
        "metadata": {},
    }


def test_content_of_unknown_gen_ai_events_is_not_metadata() -> None:
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
    values = {"content": "secret", "index": 1}
    row = row_of(span(attributes, events=[event("gen_ai.guardrail", values), event("retry", values)]))
    attributes_of_events = [
        {"name": "gen_ai.guardrail", "after_ms": 0.0, "attributes": {"index": 1}},
        {"name": "retry", "after_ms": 0.0, "attributes": values},
    ]
    assert known_columns(row)["metadata"] == {"events": attributes_of_events}
