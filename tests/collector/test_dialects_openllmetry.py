"""Golden rows of older OpenLLMetry attributes, and of a total with unexplained tokens."""

from __future__ import annotations

from tests.support.spans import event, known_columns, row_of, span


def test_openllmetry_older_completion_prompts_are_under_their_role() -> None:
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
    assert known_columns(row) == {
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
    assert known_columns(row) == {
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


def test_unexplained_tokens_of_googles_total_leave_the_cost_unknown() -> None:
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
    assert known_columns(row) == {
        "model_call": True,
        "operation": "generate_content",
        "name": "generate_content gemini-2.5-flash",
        "provider": "google",
        "model_requested": "gemini-2.5-flash",
        "dialect": "openllmetry",
        "scope": "opentelemetry.instrumentation.google_generativeai",
        "input_tokens": 2048,
        "output_tokens": 64,
        "cache_read_tokens": 1536,
        "price_version": "unpriced: 256 tokens of the total are neither input nor output",
        "metadata": {"scope": {"name": "opentelemetry.instrumentation.google_generativeai"}},
    }
