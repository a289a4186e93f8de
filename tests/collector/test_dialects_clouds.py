"""Golden rows of Azure AI Inference, Cloudflare AI Gateway and Agno."""

from __future__ import annotations

from tests.support.spans import as_json, event, known_columns, row_of, span


def test_azure_inference_has_messages_in_events() -> None:
    row = row_of(
        span(
            {
                "az.namespace": "Microsoft.CognitiveServices",
                "gen_ai.system": "az.ai.inference",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.response.id": "chatcmpl-z1",
                "gen_ai.response.finish_reasons": ["tool_calls"],
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
            },
            name="chat gpt-4o-mini",
            events=[
                event(
                    "gen_ai.system.message",
                    {
                        "gen_ai.system": "az.ai.inference",
                        "gen_ai.event.content": as_json({"role": "system", "content": "Be terse."}),
                    },
                ),
                event(
                    "gen_ai.user.message",
                    {"gen_ai.event.content": as_json({"role": "user", "content": "Hi"})},
                ),
                event(
                    "gen_ai.choice",
                    {
                        "gen_ai.event.content": as_json(
                            {
                                "message": {
                                    "content": "Hello.",
                                    "tool_calls": [
                                        {
                                            "id": "c1",
                                            "type": "function",
                                            "function": {"name": "f", "arguments": "{}"},
                                        }
                                    ],
                                },
                                "finish_reason": "tool_calls",
                                "index": 0,
                            }
                        )
                    },
                ),
            ],
        ),
        scope="azure.ai.inference",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "azure_inference",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "chatcmpl-z1",
        "dialect": "otel-genai",
        "scope": "azure.ai.inference",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "finish_reason": "tool_calls",
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {
            "attributes": {"az.namespace": "Microsoft.CognitiveServices"},
            "scope": {"name": "azure.ai.inference"},
        },
        "request_body": {
            "model": "gpt-4o-mini",
            "messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hi"}],
        },
        "response_body": {
            "id": "chatcmpl-z1",
            "model": "gpt-4o-mini-2024-07-18",
            "messages": [
                {
                    "role": "assistant",
                    "content": "Hello.",
                    "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                    ],
                    "finish_reason": "tool_calls",
                }
            ],
            "finish_reasons": ["tool_calls"],
        },
    }


def test_cloudflare_has_the_providers_documents() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.model.provider": "openai",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.cost": 2e-05,
                "gen_ai.prompt_json": as_json({"messages": [{"role": "user", "content": "Hi"}]}),
                "gen_ai.completion_json": as_json(
                    {
                        "id": "chatcmpl-9",
                        "model": "gpt-4o-mini-2024-07-18",
                        "choices": [
                            {"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "length"}
                        ],
                    }
                ),
                "team": "coast",
            },
            name="chat gpt-4o-mini",
        ),
        scope="ai-gateway",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "chatcmpl-9",
        "dialect": "cloudflare",
        "scope": "ai-gateway",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 20000,
        "cost_source": "reported",
        "reported_cost_nano_usd": 20000,
        "finish_reason": "length",
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {"attributes": {"team": "coast"}, "scope": {"name": "ai-gateway"}},
        "request_body": {"messages": [{"role": "user", "content": "Hi"}]},
        "response_body": {
            "id": "chatcmpl-9",
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"message": {"role": "assistant", "content": "Hello."}, "finish_reason": "length"}],
        },
    }


def test_agno_agents_are_read_as_traceloop_entities() -> None:
    row = row_of(
        span(
            {
                "traceloop.span.kind": "agent",
                "gen_ai.system": "agno",
                "gen_ai.agent.name": "a",
                "traceloop.entity.input": as_json({"q": 1}),
                "traceloop.entity.output": "done",
            },
            name="a.agent",
        ),
        scope="opentelemetry.instrumentation.agno",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "a.agent",
        "dialect": "traceloop",
        "scope": "opentelemetry.instrumentation.agno",
        "output_preview": "done",
        "input_preview": '{"q":1}',
        "metadata": {
            "attributes": {"gen_ai.agent.name": "a"},
            "scope": {"name": "opentelemetry.instrumentation.agno"},
        },
        "request_body": {"q": 1},
        "response_body": {"output": "done"},
    }


def test_agno_agents_are_read_as_openinference() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "AGENT",
                "agno.agent.id": "a1",
                "session.id": "s1",
                "user.id": "u1",
                "input.value": "Hi",
                "output.value": "Hello.",
            },
            name="Agent.run",
        ),
        scope="openinference.instrumentation.agno",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "Agent.run",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.agno",
        "session_id": "s1",
        "user_id": "u1",
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {
            "attributes": {"agno.agent.id": "a1"},
            "scope": {"name": "openinference.instrumentation.agno"},
        },
        "request_body": {"input": "Hi"},
        "response_body": {"output": "Hello."},
    }
