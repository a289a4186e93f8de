"""Token counts come out in one form, whoever counted."""

from __future__ import annotations

import pytest

from pulse_collector.mapping.json_text import Json
from pulse_collector.mapping.usage import Counts, Usage, counts_of_document, usage_of


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
            {"input": 2109, "output": 12, "cache_read": 1900, "cache_write": 188, "cache_write_1h": 88},
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
            {"promptTokenCount": 42, "candidatesTokenCount": 10, "thoughtsTokenCount": 2},
            {"input": 42, "output": 12, "reasoning": 2},
        ),
        (
            {"inputTokens": 21, "outputTokens": 12, "cacheReadInputTokens": 1900},
            {"input": 1921, "output": 12, "cache_read": 1900},
        ),
        ({"prompt_tokens": True, "completion_tokens": -1, "total_tokens": "many"}, {}),
        ({"prompt_tokens": "42", "completion_tokens": 12.0}, {"input": 42, "output": 12}),
        ({"prompt_tokens": 10**11}, {}),
        ([], {}),
        (None, {}),
    ],
    ids=["chat", "responses", "anthropic", "langchain", "gemini", "bedrock", *"12345"],
)
def test_documents_of_providers(document: Json, expected: Counts) -> None:
    assert counts_of_document(document) == expected


@pytest.mark.parametrize(
    ("counts", "excludes_cache", "expected"),
    [
        ({"input": 42, "output": 12}, False, Usage(42, 12)),
        ({"input": 42}, False, Usage(42, None)),
        # The total helps only where a side is missing.
        ({"input": 42, "output": 12, "total": 99}, False, Usage(42, 12)),
        ({"input": 42, "total": 54}, False, Usage(42, 12)),
        ({"output": 12, "total": 54}, False, Usage(42, 12)),
        # An input below its cached part cannot include it.
        ({"input": 21, "cache_read": 1900, "cache_write": 188}, False, Usage(2109, None, 1900, 188)),
        ({"input": 2109, "cache_read": 1900, "cache_write": 188}, False, Usage(2109, None, 1900, 188)),
        ({"input": 5000, "cache_read": 1900}, True, Usage(6900, None, 1900)),
        ({"cache_read": 5}, False, Usage(None, None, 5)),
        ({"output": 12, "reasoning": 256}, False, Usage(None, 268, None, None, 256)),
        ({"input": 9, "cache_write": 5, "cache_write_1h": 7}, False, Usage(9, None, None, 5, None, 5)),
        ({"input": 9, "cache_write_1h": 7}, False, Usage(9)),
        ({}, True, Usage()),
    ],
)
def test_counts_of_senders(counts: Counts, excludes_cache: bool, expected: Usage) -> None:
    assert usage_of(counts, excludes_cache=excludes_cache) == expected
