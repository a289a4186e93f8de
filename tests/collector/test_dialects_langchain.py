"""Golden rows of LangChain, whose messages are constructors, as OpenInference records it."""

from __future__ import annotations

from tests.support.spans import as_json, row_of, span, told


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
    assert told(row) == {
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
        "partner_key": "anthropic:msg_1",
    }
