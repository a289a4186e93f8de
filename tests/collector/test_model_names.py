"""A model's name implies a provider; any prefix leaves its price and its group unchanged."""

from __future__ import annotations

import pytest
from tests.support.spans import row_of, span

from pulse_collector.facts.model_names import bare_model, provider_by_model


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("models/gemini-2.5-flash-lite", "google"),
        ("gemini-embedding-001", "google"),
        ("publishers/google/models/gemini-2.5-pro", "vertex"),
        ("projects/p1/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929", "vertex"),
        ("claude-sonnet-4-5@20250929", "vertex"),
        ("claude-sonnet-4-5-20250929", "anthropic"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "bedrock"),
        ("global.anthropic.claude-opus-4-5-v1:0", "bedrock"),
        ("jp.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock"),
        ("au.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock"),
        ("apac.amazon.nova-lite-v1:0", "bedrock"),
        ("us-gov.anthropic.claude-3-7-sonnet-20250219-v1:0", "bedrock"),
        ("us.meta.llama4-scout-17b-instruct-v1:0", "bedrock"),
        ("mistral.pixtral-large-2502-v1:0", "bedrock"),
        ("us.deepseek.r1-v1:0", "bedrock"),
        ("cohere.command-r-plus-v1:0", "bedrock"),
        ("ai21.jamba-1-5-large-v1:0", "bedrock"),
        ("qwen.qwen3-32b-v1:0", "bedrock"),
        ("openai.gpt-oss-20b-1:0", "bedrock"),
        ("arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2", "bedrock"),
        ("magistral-medium-latest", "mistral"),
        ("pixtral-12b-2409", "mistral"),
        ("devstral-small-latest", "mistral"),
        ("open-mistral-nemo", "mistral"),
        ("sonar", "perplexity"),
        ("sonar-pro", "perplexity"),
        ("kimi-k2-turbo-preview", "moonshot"),
        ("glm-4.6", "z_ai"),
        ("qwen-max", "alibaba"),
        # Open weights are served by many.
        ("gpt-oss-120b", None),
        ("llama-3.3-70b-versatile", None),
        ("qwen2.5-coder:7b", None),
        ("house-model", None),
    ],
)
def test_a_name_implies_a_provider(model: str, expected: str | None) -> None:
    assert provider_by_model(model) == expected


@pytest.mark.parametrize(
    ("model", "provider", "expected"),
    [
        ("models/gemini-2.5-flash-lite", "google", "gemini-2.5-flash-lite"),
        ("publishers/google/models/gemini-2.5-pro", "vertex", "gemini-2.5-pro"),
        ("projects/p/locations/l/publishers/google/models/gemini-2.5-pro", "vertex", "gemini-2.5-pro"),
        ("projects/p/locations/l/endpoints/77", "vertex", "projects/p/locations/l/endpoints/77"),
        ("google/gemini-2.5-pro", "vertex", "gemini-2.5-pro"),
        ("google/gemini-2.5-pro", "openrouter", "google/gemini-2.5-pro"),
        ("openai/gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("openai/gpt-oss-120b", "groq", "openai/gpt-oss-120b"),
        ("groq/compound", "groq", "groq/compound"),
        ("bedrock/converse/us.amazon.nova-pro-v1:0", "bedrock", "us.amazon.nova-pro-v1:0"),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0",
            "bedrock",
            "us.amazon.nova-pro-v1:0",
        ),
        ("meta-llama/Llama-3.3-70B-Instruct", None, "meta-llama/Llama-3.3-70B-Instruct"),
        ("accounts/fireworks/models/deepseek-v3", "fireworks", "accounts/fireworks/models/deepseek-v3"),
    ],
)
def test_a_bare_name(model: str, provider: str | None, expected: str) -> None:
    assert bare_model(model, provider) == expected


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("gcp.gemini", "models/gemini-2.5-flash-lite"),
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash-lite"),
        ("gcp.vertex_ai", "projects/p/locations/global/publishers/google/models/gemini-2.5-flash-lite"),
        ("gcp.vertex_ai", "google/gemini-2.5-flash-lite"),
    ],
)
def test_resource_names_have_the_price_and_group_of_the_bare_name(provider: str, model: str) -> None:
    def named(name: str) -> tuple[str | None, str | None, int | None]:
        row = row_of(
            span(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": provider,
                    "gen_ai.request.model": name,
                    "gen_ai.response.model": name,
                    "gen_ai.usage.input_tokens": 3210,
                    "gen_ai.usage.output_tokens": 77,
                }
            )
        )
        return row.model_requested, row.model_used, row.cost_nano_usd

    assert named(model) == named("gemini-2.5-flash-lite")
    assert named(model)[2] == 3210 * 100 + 77 * 400
