"""Providers and finish reasons have one name each, whatever a sender calls them."""

from __future__ import annotations

import pytest

from pulse_collector.mapping.attributes import AttributeValue
from pulse_collector.mapping.finish_reasons import finish_reason, finish_reasons
from pulse_collector.mapping.providers import provider_name


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("openai", "openai"),
        ("Anthropic", "anthropic"),
        ("openai.chat", "openai"),
        ("anthropic.messages", "anthropic"),
        ("openai.embedding", "openai"),
        ("google.generative-ai", "google"),
        ("az.ai.openai", "azure"),
        ("azure.ai.inference", "azure_inference"),
        ("gcp.gemini", "google"),
        ("gcp.vertex_ai", "vertex"),
        ("x_ai", "xai"),
        ("aws.bedrock", "bedrock"),
        ("mistral_ai", "mistral"),
        ("groq", "groq"),
        ("langchain", None),
        ("strands-agents", None),
        (None, None),
    ],
)
def test_providers(raw: str | None, expected: str | None) -> None:
    assert provider_name(raw, host=None, response_id=None, model=None) == expected


@pytest.mark.parametrize(
    ("raw", "host", "response_id", "model", "expected"),
    [
        ("openai", "openrouter.ai", None, None, "openrouter"),
        ("openai", "https://openrouter.ai/api/v1/", None, None, "openrouter"),
        ("openai", None, "gen-1", None, "openrouter"),
        ("openai", None, "chatcmpl-1", "anthropic/claude-sonnet-4.5", "openrouter"),
        ("anthropic", "api.anthropic.com", "msg_1", "claude-sonnet-4-5", "anthropic"),
        # A gateway that speaks OpenAI's language is not told apart by its host.
        ("openai", "llm.example.com", None, "gpt-4o-mini", "openai"),
        ("openai", "llm.example.com", None, "meta-llama/Llama-3.1-8B", "openai"),
        ("langchain", None, None, "claude-sonnet-4-5", "anthropic"),
        (None, "api.openai.com", None, None, "openai"),
        (None, None, None, "gemini-2.5-flash", "google"),
        (None, None, None, "anthropic/claude-sonnet-4.5", "openrouter"),
        (None, None, None, "our-own-model", None),
        # Who names another provider is believed, slash or not.
        ("together", None, None, "meta-llama/Llama-3", "together"),
    ],
)
def test_providers_told_by_their_calls(
    raw: str | None, host: str | None, response_id: str | None, model: str | None, expected: str | None
) -> None:
    assert provider_name(raw, host=host, response_id=response_id, model=model) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("FinishReason.MAX_TOKENS", "length"),
        ("max_output_tokens", "length"),
        ("tool_call", "tool_calls"),
        ("tool-calls", "tool_calls"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("SAFETY", "content_filter"),
        ("pause_turn", "pause"),
        ("error", "error"),
        ("Moonstruck", "moonstruck"),
        ("unknown", None),
        ("", None),
        (None, None),
    ],
)
def test_finish_reasons(raw: str | None, expected: str | None) -> None:
    assert finish_reason(raw) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["stop", "length"], ["stop", "length"]),
        ('["stop"]', ["stop"]),
        ("['stop']", ["stop"]),
        ('"stop"', ["stop"]),
        ("stop", ["stop"]),
        (["stop", None, 1], ["stop"]),
        ("", []),
        (None, []),
        (7, []),
    ],
)
def test_finish_reasons_in_any_wrapping(value: AttributeValue, expected: list[str]) -> None:
    assert finish_reasons(value) == expected
