"""Golden rows of OpenLIT and Logfire."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span


def test_openlit_excludes_cached_tokens_from_the_input() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.request.stream": False,
                "gen_ai.server.time_to_first_token": 0.25,
                "gen_ai.usage.input_tokens": 5000,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.cache_read.input_tokens": 1900,
                "gen_ai.usage.cache_creation.input_tokens": 188,
                "gen_ai.client.token.usage": 5012,
                "gen_ai.usage.cost": 0.000243,
                "deployment.environment": "staging",
                "service.name": "bot",
                "telemetry.sdk.name": "openlit",
            },
            name="chat claude-sonnet-4-5",
        ),
        scope="openlit.instrumentation.anthropic",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat claude-sonnet-4-5",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "dialect": "openlit",
        "scope": "openlit.instrumentation.anthropic",
        "input_tokens": 7088,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 16455000,
        "cost_source": "computed",
        "estimated_cost_nano_usd": 243000,
        "service": "bot",
        "environment": "staging",
        "metadata": {
            "attributes": {"gen_ai.request.stream": False, "gen_ai.server.time_to_first_token": 0.25},
            "scope": {"name": "openlit.instrumentation.anthropic"},
        },
    }


def test_openlit_streams_have_a_time_to_the_first_token() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "o4-mini",
                "gen_ai.request.stream": True,
                "gen_ai.server.time_to_first_token": 0.125,
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.cost": 0,
            },
            name="chat o4-mini",
        ),
        scope="openlit.instrumentation.openai",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat o4-mini",
        "provider": "openai",
        "model_requested": "o4-mini",
        "dialect": "openlit",
        "scope": "openlit.instrumentation.openai",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 99000,
        "cost_source": "computed",
        "time_to_first_token_ms": 125.0,
        "metadata": {
            "attributes": {"gen_ai.request.stream": True, "gen_ai.server.time_to_first_token": 0.125},
            "scope": {"name": "openlit.instrumentation.openai"},
        },
    }


def test_logfire_with_json_lists_and_raw_usage() -> None:
    row = row_of(
        span(
            {
                "request_data": as_json({"model": "claude-sonnet-4-5"}),
                "gen_ai.system": "anthropic",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.operation.name": "chat",
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
                "gen_ai.response.model": "claude-sonnet-4-5-20250929",
                "gen_ai.response.id": "msg_1",
                "gen_ai.usage.input_tokens": 2109,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.raw": as_json(
                    {
                        "input_tokens": 21,
                        "output_tokens": 12,
                        "cache_read_input_tokens": 1900,
                        "cache_creation_input_tokens": 188,
                        "cache_creation": {"ephemeral_1h_input_tokens": 88},
                    }
                ),
                "gen_ai.response.finish_reasons": '["end_turn"]',
                "logfire.tags": ["LLM", "beta"],
                "logfire.msg": "Message with 'claude-sonnet-4-5'",
                "logfire.span_type": "span",
                "session_id": "[Scrubbed due to 'session']",
                "user_id": "u1",
            },
            name="Message with {request_data[model]!r}",
        ),
        scope="logfire.anthropic",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "Message with {request_data[model]!r}",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "model_used": "claude-sonnet-4-5-20250929",
        "provider_request_id": "msg_1",
        "dialect": "logfire",
        "scope": "logfire.anthropic",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cache_write_1h_tokens": 88,
        "cost_nano_usd": 1716000,
        "cost_source": "computed",
        "finish_reason": "stop",
        "user_id": "u1",
        "tags": ("beta",),
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {
            "attributes": {
                "logfire.msg": "Message with 'claude-sonnet-4-5'",
                "session_id": "[Scrubbed due to 'session']",
            },
            "scope": {"name": "logfire.anthropic"},
        },
        "request_body": {
            "model": "claude-sonnet-4-5",
            "messages": [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}],
        },
        "response_body": {
            "id": "msg_1",
            "model": "claude-sonnet-4-5-20250929",
            "messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "Cloudy."}],
                    "finish_reason": "stop",
                }
            ],
            "finish_reasons": ["end_turn"],
        },
    }


def test_logfire_pending_spans_are_not_calls() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "logfire.span_type": "pending_span",
            },
            name="Chat Completion",
        ),
        scope="logfire.openai",
    )
    assert known_columns(row) == {
        "model_call": False,
        "gen_ai": False,
        "name": "Chat Completion",
        "model_requested": "gpt-4o-mini",
        "scope": "logfire.openai",
        "metadata": {"scope": {"name": "logfire.openai"}},
    }
