"""Token counts are recognised under any spelling of their names, in every dialect."""

from __future__ import annotations

import pytest
from tests.support.spans import Value, as_json, row_of, span

from pulse_collector.facts.usage_names import count_column, member_column


@pytest.mark.parametrize(
    ("key", "column"),
    [
        ("gen_ai.usage.input_tokens.cached", "cache_read"),
        ("gen_ai.usage.input_cached_tokens", "cache_read"),
        ("gen_ai.usage.cached_tokens", "cache_read"),
        ("gen_ai.usage.cached_input_tokens", "cache_read"),
        ("gen_ai.usage.cache_read_tokens", "cache_read"),
        ("gen_ai.usage.cache_read_input_tokens", "cache_read"),
        ("gen_ai.usage.input_tokens.cache_read", "cache_read"),
        ("gen_ai.usage.prompt_cache_hit_tokens", "cache_read"),
        ("gen_ai.usage.details.cached_tokens", "cache_read"),
        ("gen_ai.usage.prompt_tokens_details.cached_tokens", "cache_read"),
        ("gen_ai.usage.cache_write", "cache_write"),
        ("gen_ai.usage.cache_write_tokens", "cache_write"),
        ("gen_ai.usage.input_tokens.cache_write", "cache_write"),
        ("gen_ai.usage.input_tokens.cache_creation", "cache_write"),
        ("llm.usage.cache_creation_input_tokens", "cache_write"),
        ("gen_ai.usage.cache_creation.ephemeral_1h_input_tokens", "cache_write_1h"),
        ("gen_ai.usage.output_tokens.reasoning", "reasoning"),
        ("gen_ai.usage.thinking_tokens", "reasoning"),
        ("gen_ai.usage.details.output_reasoning_tokens", "reasoning"),
        ("gen_ai.usage.thoughtsTokenCount", "reasoning"),
        ("gen_ai.usage.input_audio_tokens", "input_audio"),
        ("gen_ai.usage.audio_input_tokens", "input_audio"),
        ("gen_ai.usage.input_tokens.audio", "input_audio"),
        ("gen_ai.usage.output_image_tokens", "output_image"),
        ("usage.prompt_tokens", "input"),
        ("gen_ai.usage.cache_creation.ephemeral_5m_input_tokens", "cache_write_5m"),
        ("gen_ai.usage.prompt_eval_count", "input"),
        ("gen_ai.usage.eval_count", "output"),
        ("prompt_eval_count", "input"),
        ("llm.usage.completion_tokens", "output"),
        ("gen_ai.usage.totalTokens", "total"),
        ("output_tokens", "output"),
        # None of them is a count of one call with a column.
        ("gen_ai.usage.prompt_cache_miss_tokens", None),
        ("gen_ai.usage.details.audio_tokens", None),
        ("gen_ai.usage.details.rejected_prediction_tokens", None),
        ("gen_ai.usage.input_text_tokens", None),
        ("eval_count", None),
        ("gen_ai.usage.input_token_details", None),
        ("gen_ai.usage.input_cost", None),
        ("gen_ai.cost.total_tokens", None),
        ("gen_ai.request.max_tokens", None),
        ("gen_ai.aggregated_usage.input_tokens", None),
        ("session.usage.input_tokens", None),
        ("gen_ai.token.type", None),
        ("tokens", None),
    ],
)
def test_key_is_recognised_by_its_words(key: str, column: str | None) -> None:
    assert count_column(key) == column


def test_members_of_usage_objects_are_recognised_by_words() -> None:
    names = {
        "cachedContentTokenCount": "cache_read",
        "cacheWriteInputTokens": "cache_write",
        "input_cache_read": "cache_read",
        "inputImages": None,
        "server_tool_use": None,
    }
    assert {name: member_column(name) for name in names} == names


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "livekit-agents",
        "openlit",
        "logfire",
        "strands.telemetry.tracer",
        "litellm",
        "haystack",
        "genkit-tracer",
    ],
)
def test_every_dialect_reads_other_spellings(scope: str) -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.usage.input_tokens": 900,
                "gen_ai.usage.output_tokens": 80,
                "gen_ai.usage.input_cached_tokens": 512,
                "gen_ai.usage.output_tokens.reasoning": 48,
                "gen_ai.usage.details.input_audio_tokens": 16,
            }
        ),
        scope=scope,
    )
    assert (row.input_tokens, row.output_tokens) == (900, 80)
    assert (row.cache_read_tokens, row.reasoning_tokens, row.input_audio_tokens) == (512, 48, 16)
    assert "cached" not in (row.metadata or "")


def test_listed_key_precedes_other_spellings_and_invalid_counts_stay() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.usage.input_tokens": 900,
                "gen_ai.usage.details.prompt_tokens": 901,
                "gen_ai.usage.cached_tokens": "many",
                "gen_ai.usage.details.cached_tokens": 7,
            }
        )
    )
    assert (row.input_tokens, row.cache_read_tokens) == (900, 7)
    assert "many" in (row.metadata or "")


def test_counts_of_a_span_around_calls_are_not_its_tokens() -> None:
    row = row_of(span({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.cached_tokens": 9}))
    assert row.cache_read_tokens is None
    assert '"cache_read":9' in (row.metadata or "")


@pytest.mark.parametrize("written", ["json", "structured"])
@pytest.mark.parametrize(
    "key", ["gen_ai.usage", "gen_ai.usage.raw", "llm.usage", "llm.token.counts", "gen_ai.usage_metadata"]
)
def test_a_whole_usage_object_in_an_attribute_is_read(key: str, written: str) -> None:
    usage: dict[str, Value] = {"prompt_tokens": 700, "completion_tokens": 50, "prompt_cache_hit_tokens": 640}
    value = as_json(usage) if written == "json" else usage
    row = row_of(span({"gen_ai.operation.name": "chat", key: value}))
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens) == (700, 50, 640)
    assert "640" not in (row.metadata or "")


def test_other_objects_stay_in_the_metadata() -> None:
    row = row_of(span({"gen_ai.operation.name": "chat", "gen_ai.usage": "plenty", "disk.usage": "{}"}))
    assert "plenty" in (row.metadata or "")
    assert "disk.usage" in (row.metadata or "")
