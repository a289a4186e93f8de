"""Spellings of one model name are equal; names of different models are not."""

from __future__ import annotations

import pytest

from pulse_storage.reconciliation.model_names import may_be_same_model, model_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("gpt-4", "gpt-4-0613"),
        ("GPT-4o", "openai/gpt-4o"),
        ("gpt-35-turbo", "gpt-3.5-turbo"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5-20250929"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"),
        ("claude-sonnet-4@20250514", "claude-sonnet-4-20250514"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash-preview-05-20"),
        ("projects/p/locations/l/publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro-002"),
        ("meta-llama/llama-3.3-70b-instruct:free", "llama-3.3-70b-instruct"),
    ],
)
def test_spellings_of_one_model(one: str, other: str) -> None:
    assert may_be_same_model(model_name(one), model_name(other))
    assert may_be_same_model(model_name(other), model_name(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4", "gpt-4.1"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
        ("claude-sonnet-4", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5", "claude-opus-4-5"),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
        ("llama3.2:1b", "llama3.2:3b"),
        ("o1", "o1-mini"),
        ("my-agent", "gpt-4o"),
        ("gpt-4o", "gpt-4o-audio-preview"),
    ],
)
def test_different_models(one: str, other: str) -> None:
    assert not may_be_same_model(model_name(one), model_name(other))
    assert not may_be_same_model(model_name(other), model_name(one))
