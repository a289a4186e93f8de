"""Golden rows of Bedrock calls: senders whose input tokens include the cache, and senders that exclude it."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span


def test_aws_sdk_excludes_cached_tokens_from_the_input() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "aws.bedrock",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "gen_ai.usage.input_tokens": 3000,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.cache_read.input_tokens": 1900,
                "gen_ai.usage.cache_creation.input_tokens": 188,
                "gen_ai.response.finish_reasons": ["end_turn"],
            },
            name="chat us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        scope="opentelemetry.instrumentation.botocore.bedrock-runtime",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "provider": "bedrock",
        "model_requested": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "dialect": "aws-sdk",
        "scope": "opentelemetry.instrumentation.botocore.bedrock-runtime",
        "input_tokens": 5088,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 11500500,
        "cost_source": "computed",
        "finish_reason": "stop",
        "metadata": {"scope": {"name": "opentelemetry.instrumentation.botocore.bedrock-runtime"}},
    }


def test_openllmetry_excludes_cached_tokens_from_bedrocks_input() -> None:
    row = row_of(
        span(
            {
                "gen_ai.provider.name": "aws.bedrock",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "claude-sonnet-4-5-20250929-v1:0",
                "gen_ai.usage.input_tokens": 3000,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.total_tokens": 3012,
                "gen_ai.usage.cache_read.input_tokens": 1900,
                "gen_ai.usage.cache_creation.input_tokens": 188,
            },
            name="chat claude-sonnet-4-5-20250929-v1:0",
        ),
        scope="opentelemetry.instrumentation.bedrock",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat claude-sonnet-4-5-20250929-v1:0",
        "provider": "bedrock",
        "model_requested": "claude-sonnet-4-5-20250929-v1:0",
        "dialect": "openllmetry",
        "scope": "opentelemetry.instrumentation.bedrock",
        "input_tokens": 5088,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 11500500,
        "cost_source": "computed",
        "metadata": {"scope": {"name": "opentelemetry.instrumentation.bedrock"}},
    }


def test_openinference_includes_cached_tokens_if_the_total_is_the_sum() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "aws",
                "llm.model_name": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "llm.token_count.prompt": 2109,
                "llm.token_count.completion": 12,
                "llm.token_count.total": 2121,
                "llm.token_count.prompt_details.cache_read": 1900,
                "llm.token_count.prompt_details.cache_write": 188,
                "llm.finish_reason": "end_turn",
            },
            name="bedrock.converse",
        ),
        scope="openinference.instrumentation.bedrock",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "bedrock.converse",
        "provider": "bedrock",
        "model_requested": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "model_used": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.bedrock",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 1669800,
        "cost_source": "computed",
        "finish_reason": "stop",
        "metadata": {"scope": {"name": "openinference.instrumentation.bedrock"}},
    }


def test_openinference_includes_cached_tokens_if_the_response_has_less() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "aws",
                "llm.model_name": "claude-sonnet-4-5-20250929",
                "llm.token_count.prompt": 2109,
                "llm.token_count.completion": 12,
                "llm.token_count.prompt_details.cache_read": 1900,
                "llm.token_count.prompt_details.cache_write": 188,
                "output.value": as_json(
                    {
                        "id": "msg_bdrk_1",
                        "usage": {
                            "input_tokens": 21,
                            "output_tokens": 12,
                            "cache_read_input_tokens": 1900,
                            "cache_creation_input_tokens": 188,
                        },
                    }
                ),
                "output.mime_type": "application/json",
            },
            name="bedrock.invoke_model",
        ),
        scope="openinference.instrumentation.bedrock",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "bedrock.invoke_model",
        "provider": "bedrock",
        "model_requested": "claude-sonnet-4-5-20250929",
        "model_used": "claude-sonnet-4-5-20250929",
        "provider_request_id": "msg_bdrk_1",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.bedrock",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 1669800,
        "cost_source": "computed",
        "metadata": {"scope": {"name": "openinference.instrumentation.bedrock"}},
        "response_body": {
            "id": "msg_bdrk_1",
            "usage": {
                "input_tokens": 21,
                "output_tokens": 12,
                "cache_read_input_tokens": 1900,
                "cache_creation_input_tokens": 188,
            },
        },
    }


def test_strands_with_conventional_names_includes_cached_tokens() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "strands-agents",
                "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "gen_ai.usage.prompt_tokens": 2109,
                "gen_ai.usage.input_tokens": 2109,
                "gen_ai.usage.completion_tokens": 12,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.total_tokens": 2121,
                "gen_ai.usage.cache_read.input_tokens": 1900,
                "gen_ai.usage.cache_read_input_tokens": 1900,
                "gen_ai.usage.cache_creation.input_tokens": 188,
                "gen_ai.usage.cache_write_input_tokens": 188,
                "session.id": "s1",
                "tags": ["beta", "paid"],
            },
            name="chat",
        ),
        scope="strands.telemetry.tracer",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat",
        "provider": "bedrock",
        "model_requested": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "dialect": "strands",
        "scope": "strands.telemetry.tracer",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 1669800,
        "cost_source": "computed",
        "session_id": "s1",
        "tags": ("beta", "paid"),
        "metadata": {"scope": {"name": "strands.telemetry.tracer"}},
    }


def test_strands_with_its_own_names_excludes_cached_tokens() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "strands-agents",
                "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "gen_ai.usage.input_tokens": 3000,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.total_tokens": 5100,
                "gen_ai.usage.cache_read_input_tokens": 1900,
                "gen_ai.usage.cache_write_input_tokens": 188,
            },
            name="Model invoke",
        ),
        scope="strands.telemetry.tracer",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "Model invoke",
        "provider": "bedrock",
        "model_requested": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "dialect": "strands",
        "scope": "strands.telemetry.tracer",
        "input_tokens": 5088,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 11500500,
        "cost_source": "computed",
        "metadata": {"scope": {"name": "strands.telemetry.tracer"}},
    }
