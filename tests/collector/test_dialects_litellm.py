"""Golden rows of facts that LiteLLM writes into other attributes than other dialects."""

from __future__ import annotations

from base64 import b64encode

from tests.support.spans import as_json, known_columns, row_of, span


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
    assert known_columns(row) == {
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


def test_litellm_ids_of_its_own_are_not_response_ids() -> None:
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
    assert known_columns(row) == {
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


def test_litellm_response_ids_contain_the_providers_id() -> None:
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
    assert known_columns(row) == {
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


def test_litellm_tool_calls_are_added_to_its_messages() -> None:
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
    assert known_columns(row) == {
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
