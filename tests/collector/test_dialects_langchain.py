"""Golden rows of LangChain, whose messages are constructors, as OpenInference records it."""

from __future__ import annotations

from tests.support.spans import as_json, event, known_columns, row_of, span


def test_langchain_by_openinference() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "anthropic",
                "input.value": as_json(
                    {
                        "messages": [
                            [
                                {
                                    "lc": 1,
                                    "type": "constructor",
                                    "id": ["langchain", "schema", "messages", "HumanMessage"],
                                    "kwargs": {"content": "Weather?"},
                                }
                            ]
                        ]
                    }
                ),
                "output.value": as_json(
                    {
                        "generations": [
                            [
                                {
                                    "text": "Cloudy.",
                                    "message": {
                                        "lc": 1,
                                        "id": ["langchain", "schema", "messages", "AIMessage"],
                                        "kwargs": {
                                            "content": "Cloudy.",
                                            "response_metadata": {
                                                "id": "msg_1",
                                                "model_name": "claude-sonnet-4-5-20250929",
                                                "stop_reason": "end_turn",
                                            },
                                            "usage_metadata": {
                                                "input_tokens": 2109,
                                                "output_tokens": 12,
                                                "input_token_details": {
                                                    "cache_read": 1900,
                                                    "cache_creation": 0,
                                                    "ephemeral_5m_input_tokens": 100,
                                                    "ephemeral_1h_input_tokens": 88,
                                                },
                                            },
                                        },
                                    },
                                }
                            ]
                        ]
                    }
                ),
                "llm.invocation_parameters": as_json({"model": "claude-sonnet-4-5"}),
                "metadata": as_json({"thread_id": "s1"}),
            },
            name="ChatAnthropic",
        ),
        scope="openinference.instrumentation.langchain",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatAnthropic",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "model_used": "claude-sonnet-4-5-20250929",
        "provider_request_id": "msg_1",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.langchain",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cache_write_1h_tokens": 88,
        "cost_nano_usd": 1716000,
        "cost_source": "computed",
        "finish_reason": "stop",
        "session_id": "s1",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {
            "thread_id": "s1",
            "attributes": {"llm.invocation_parameters": as_json({"model": "claude-sonnet-4-5"})},
            "scope": {"name": "openinference.instrumentation.langchain"},
        },
        "request_body": {
            "messages": [
                [
                    {
                        "lc": 1,
                        "type": "constructor",
                        "id": ["langchain", "schema", "messages", "HumanMessage"],
                        "kwargs": {"content": "Weather?"},
                    }
                ]
            ]
        },
        "response_body": {
            "generations": [
                [
                    {
                        "text": "Cloudy.",
                        "message": {
                            "lc": 1,
                            "id": ["langchain", "schema", "messages", "AIMessage"],
                            "kwargs": {
                                "content": "Cloudy.",
                                "response_metadata": {
                                    "id": "msg_1",
                                    "model_name": "claude-sonnet-4-5-20250929",
                                    "stop_reason": "end_turn",
                                },
                                "usage_metadata": {
                                    "input_tokens": 2109,
                                    "output_tokens": 12,
                                    "input_token_details": {
                                        "cache_read": 1900,
                                        "cache_creation": 0,
                                        "ephemeral_5m_input_tokens": 100,
                                        "ephemeral_1h_input_tokens": 88,
                                    },
                                },
                            },
                        },
                    }
                ]
            ]
        },
    }


def test_langsmith_vendor_of_an_openrouter_call_is_not_the_provider() -> None:
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
    assert known_columns(row) == {
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


def test_langchain_finish_reason_follows_from_the_status() -> None:
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
    assert known_columns(row) == {
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
    assert known_columns(row) == {
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
