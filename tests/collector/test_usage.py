"""Token counts are normalized, whatever the sender includes in them."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_collector.facts.json_text import Json
from pulse_collector.facts.usage import Counts, Usage, usage_of
from pulse_collector.facts.usage_documents import counts_of_document
from pulse_collector.facts.usage_names import CountColumn


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {
                "prompt_tokens": 2048,
                "completion_tokens": 320,
                "total_tokens": 2368,
                "prompt_tokens_details": {"cached_tokens": 1536},
                "completion_tokens_details": {"reasoning_tokens": 256},
            },
            {"input": 2048, "output": 320, "total": 2368, "cache_read": 1536, "reasoning": 256},
        ),
        (
            {
                "input_tokens": 2048,
                "output_tokens": 320,
                "input_tokens_details": {"cached_tokens": 1536},
                "output_tokens_details": {"reasoning_tokens": 256},
            },
            {"input": 2048, "output": 320, "cache_read": 1536, "reasoning": 256},
        ),
        (
            {
                "input_tokens": 21,
                "output_tokens": 12,
                "cache_read_input_tokens": 1900,
                "cache_creation_input_tokens": 188,
                "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 88},
            },
            {
                "input": 2109,
                "output": 12,
                "cache_read": 1900,
                "cache_write": 188,
                "cache_write_5m": 100,
                "cache_write_1h": 88,
            },
        ),
        (
            {
                "input_tokens": 2109,
                "output_tokens": 12,
                "input_token_details": {"cache_read": 1900, "cache_creation": 188},
            },
            {"input": 2109, "output": 12, "cache_read": 1900, "cache_write": 188},
        ),
        (
            {
                "prompt_tokens": 90,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 10, "audio_tokens": 60, "image_tokens": None},
                "completion_tokens_details": {"audio_tokens": 40, "image_tokens": 0},
            },
            {"input": 90, "output": 50, "cache_read": 10}
            | {"input_audio": 60, "output_audio": 40, "output_image": 0},
        ),
        (
            {
                "total_tokens": 280,
                "input_tokens": 250,
                "output_tokens": 30,
                "input_token_details": {"cached_tokens": 64, "text_tokens": 50, "audio_tokens": 200},
                "output_token_details": {"text_tokens": 10, "audio_tokens": 20},
            },
            {"input": 250, "output": 30, "total": 280, "cache_read": 64}
            | {"input_audio": 200, "output_audio": 20},
        ),
        (
            {"input_tokens": 50, "output_tokens": 4160, "input_tokens_details": {"image_tokens": 40}},
            {"input": 50, "output": 4160, "input_image": 40},
        ),
        (
            {"promptTokenCount": 42, "candidatesTokenCount": 10, "thoughtsTokenCount": 2},
            {"input": 42, "output": 12, "reasoning": 2},
        ),
        (
            {
                "prompt_token_count": 300,
                "candidates_token_count": 1290,
                "prompt_tokens_details": [
                    {"modality": "TEXT", "token_count": 20},
                    {"modality": "IMAGE", "token_count": 258},
                    {"modality": "AUDIO", "token_count": 22},
                ],
                "candidates_tokens_details": [{"modality": "IMAGE", "token_count": 1290}],
            },
            {"input": 300, "output": 1290, "input_audio": 22, "input_image": 258, "output_image": 1290},
        ),
        (
            {
                "inputTokens": 21,
                "outputTokens": 12,
                "cacheWriteInputTokens": 188,
                "cacheDetails": [{"ttl": "5m", "inputTokens": 100}, {"ttl": "1h", "inputTokens": 88}],
            },
            {"input": 209, "output": 12, "cache_write": 188, "cache_write_5m": 100, "cache_write_1h": 88},
        ),
        (
            {"inputTokens": 21, "outputTokens": 12, "cacheReadInputTokens": 1900},
            {"input": 1921, "output": 12, "cache_read": 1900},
        ),
        (
            {
                "promptTokenCount": 640,
                "toolUsePromptTokenCount": 210,
                "candidatesTokenCount": 75,
                "thoughtsTokenCount": 33,
                "totalTokenCount": 958,
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 8}],
                "toolUsePromptTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}],
            },
            {"input": 850, "output": 108, "total": 958, "reasoning": 33, "input_audio": 12},
        ),
        # Google's format written by a framework whose output count includes the thoughts.
        (
            {
                "prompt_token_count": 640,
                "candidates_token_count": 75,
                "thoughts_token_count": 33,
                "total_token_count": 715,
            },
            {"input": 640, "output": 75, "total": 715, "reasoning": 33},
        ),
        (
            {"prompt_tokens": 7000, "completion_tokens": 41, "prompt_cache_hit_tokens": 6400},
            {"input": 7000, "output": 41, "cache_read": 6400},
        ),
        (
            {"prompt_tokens": 7000, "completion_tokens": 41, "cached_tokens": 6400},
            {"input": 7000, "output": 41, "cache_read": 6400},
        ),
        (
            {"promptTokens": 300, "completionTokens": 20, "promptTokensDetails": {"cachedTokens": 128}},
            {"input": 300, "output": 20, "cache_read": 128},
        ),
        (
            {"inputTokens": 300, "outputTokens": 20, "totalTokens": 320, "cachedInputTokens": 128},
            {"input": 300, "output": 20, "total": 320, "cache_read": 128},
        ),
        ({"prompt_tokens": True, "completion_tokens": -1, "total_tokens": "many"}, {}),
        ({"prompt_tokens": "42", "completion_tokens": 12.0}, {"input": 42, "output": 12}),
        ({"prompt_tokens": 10**11}, {}),
        ([], {}),
        (None, {}),
    ],
    ids=[
        *("chat", "responses", "anthropic", "langchain", "chat audio", "realtime", "images", "gemini"),
        *("gemini modalities", "bedrock lifetimes", "bedrock", "gemini tools", "gemini inside"),
        *("deepseek", "moonshot", "openrouter camel", "camel", *"12345"),
    ],
)
def test_documents_of_providers(document: Json, expected: Counts) -> None:
    assert counts_of_document(document) == expected


@pytest.mark.parametrize(
    ("counts", "excludes_cache", "expected"),
    [
        ({"input": 42, "output": 12}, False, Usage(42, 12)),
        ({"input": 42}, False, Usage(42, None)),
        # The total is used only where a side is missing.
        ({"input": 42, "output": 12, "total": 99}, False, Usage(42, 12)),
        ({"input": 42, "total": 54}, False, Usage(42, 12)),
        ({"output": 12, "total": 54}, False, Usage(42, 12)),
        # An input below its cached part cannot include it.
        ({"input": 21, "cache_read": 1900, "cache_write": 188}, False, Usage(2109, None, 1900, 188)),
        ({"input": 2109, "cache_read": 1900, "cache_write": 188}, False, Usage(2109, None, 1900, 188)),
        ({"input": 5000, "cache_read": 1900}, True, Usage(6900, None, 1900)),
        # The total is reached only with cached tokens, and with reasoning excluded from the output.
        ({"input": 5000, "output": 40, "cache_read": 1900, "total": 6940}, False, Usage(6900, 40, 1900)),
        (
            {"input": 5000, "output": 40, "cache_read": 1900, "reasoning": 30, "total": 6970},
            False,
            Usage(6900, 70, 1900, None, 30),
        ),
        (
            {"input": 5000, "output": 40, "cache_read": 1900, "reasoning": 30, "total": 6940},
            False,
            Usage(6900, 40, 1900, None, 30),
        ),
        ({"input": 5000, "output": 40, "cache_read": 1900, "total": 5040}, False, Usage(5000, 40, 1900)),
        # A total without an explanation is ignored.
        ({"input": 5000, "output": 40, "cache_read": 1900, "total": 6000}, False, Usage(5000, 40, 1900)),
        ({"cache_read": 5}, False, Usage(None, None, 5)),
        ({"output": 12, "reasoning": 256}, False, Usage(None, 268, None, None, 256)),
        ({"input": 9, "cache_write": 5, "cache_write_1h": 7}, False, Usage(9, None, None, 5, None, 5)),
        ({"input": 9, "cache_write_1h": 7}, False, Usage(9)),
        (
            {"input": 90, "output": 50, "input_audio": 60, "input_image": 30, "output_audio": 50},
            False,
            Usage(90, 50, input_audio_tokens=60, input_image_tokens=30, output_audio_tokens=50),
        ),
        # Parts that exceed their whole are unknown.
        (
            {"input": 90, "output": 50, "reasoning": 30, "input_audio": 91, "output_image": 21},
            False,
            Usage(90, 50, reasoning_tokens=30),
        ),
        ({}, True, Usage()),
    ],
)
def test_counts_of_senders(counts: Counts, excludes_cache: bool, expected: Usage) -> None:
    assert usage_of(counts, excludes_cache=excludes_cache) == expected


@given(
    counts=st.dictionaries(st.sampled_from(get_args(CountColumn)), st.integers(0, 50)),
    excludes_cache=st.booleans(),
)
def test_parts_of_usage_are_never_negative_and_add_up(counts: Counts, excludes_cache: bool) -> None:
    usage = usage_of(counts, excludes_cache=excludes_cache)
    if usage.input_tokens is not None:
        cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        of_five_minutes = (usage.cache_write_tokens or 0) - (usage.cache_write_1h_tokens or 0)
        unheard = usage.input_tokens - (usage.input_audio_tokens or 0) - (usage.input_image_tokens or 0)
        assert min(usage.input_tokens - cached, of_five_minutes, unheard) >= 0
        if "input" in counts:
            # The reported input, with what the sender excludes: each token exactly once.
            assert usage.input_tokens in (counts["input"], counts["input"] + cached)
            if excludes_cache or cached > counts["input"]:
                assert usage.input_tokens == counts["input"] + cached
            elif "total" not in counts:
                assert usage.input_tokens == counts["input"]
    if usage.output_tokens is not None:
        parts = (usage.reasoning_tokens, usage.output_audio_tokens, usage.output_image_tokens)
        assert usage.output_tokens >= sum(part or 0 for part in parts)
        if "output" in counts:
            reasoning = counts.get("reasoning", 0)
            assert usage.output_tokens in (counts["output"], counts["output"] + reasoning)
            if reasoning > counts["output"]:
                assert usage.output_tokens == counts["output"] + reasoning
            elif "total" not in counts:
                assert usage.output_tokens == counts["output"]
    for column in get_args(CountColumn):
        if column in ("input", "output", "total", "cache_write_5m") or column in counts:
            continue
        if column == "cache_write" and {"cache_write_5m", "cache_write_1h"} <= counts.keys():
            assert usage.cache_write_tokens == counts["cache_write_5m"] + counts["cache_write_1h"]
        else:
            assert getattr(usage, f"{column}_tokens") is None
    if not counts.keys() & {"input", "total"}:
        assert usage.input_tokens is None
    if not counts.keys() & {"output", "total"}:
        assert usage.output_tokens is None
