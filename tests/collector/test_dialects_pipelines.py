"""Golden rows of Spring AI, Genkit and Haystack."""

from __future__ import annotations

from tests.support.spans import as_json, event, known_columns, row_of, span


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
    assert known_columns(row) == {
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


def test_spring_ai_clients_are_not_calls() -> None:
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
    assert known_columns(row) == {
        "model_call": False,
        "operation": "chain",
        "name": "spring_ai chat_client",
        "dialect": "spring-ai",
        "scope": "org.springframework.boot",
        "metadata": {
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
    assert known_columns(row) == {
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


def test_genkit_flows_fail_by_their_state() -> None:
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
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_workflow",
        "name": "chat",
        "dialect": "genkit",
        "scope": "genkit-tracer",
        "status": "error",
        "error_message": "boom",
        "input_preview": "Weather?",
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
    assert known_columns(row) == {
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
    assert known_columns(row) == {
        "model_call": False,
        "operation": "task",
        "name": "haystack.component.run",
        "dialect": "haystack",
        "scope": "haystack",
        "metadata": {"attributes": {"haystack.component.name": "builder"}, "scope": {"name": "haystack"}},
    }
