"""Reported costs under any name, never more than the cost of the call."""

from __future__ import annotations

import pytest
from tests.support.spans import CHAT, Value, as_json, row_of, span

from pulse_collector.facts.cost_names import billing_term, cost_part

_USED: dict[str, Value] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "house-model",
    "gen_ai.usage.input_tokens": 300,
    "gen_ai.usage.output_tokens": 20,
}


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("gen_ai.usage.cost", "total"),
        ("gen_ai.usage.total_cost", "total"),
        ("gen_ai.cost.total_tokens", "total"),
        ("gen_ai.usage.cost_usd", "total"),
        ("llm.usage.total_cost", "total"),
        ("litellm.cost.total", "total"),
        ("cost_usd", "total"),
        ("gen_ai.usage.input_cost", "input"),
        ("gen_ai.cost.output_tokens", "output"),
        ("llm.cost.prompt", "input"),
        ("llm.cost.completion", "output"),
        ("gen_ai.usage.cost_details.upstream_inference_cost", "upstream"),
        ("gen_ai.usage.is_byok", "own_key"),
        ("llm.cost.prompt_details.input", None),
        ("gen_ai.usage.cost_details.upstream_inference_prompt_cost", None),
        ("agent.total_cost", None),
        ("gen_ai.usage.cost_cents", None),
        ("gen_ai.cost.discount_percent", None),
        ("cost", None),
    ],
)
def test_key_names_a_part_of_the_cost(key: str, part: str | None) -> None:
    assert cost_part(key) == part


@pytest.mark.parametrize(
    ("stated", "nano_usd"),
    [
        ({"gen_ai.usage.total_cost": 0.00074, "gen_ai.usage.input_cost": 0.00036}, 740_000),
        ({"gen_ai.usage.total_cost": "0.00074"}, 740_000),
        ({"gen_ai.cost.total_tokens": 0.0031}, 3_100_000),
        ({"gen_ai.usage.input_cost": 0.0001, "gen_ai.usage.output_cost": 0.0002}, 300_000),
        ({"llm.cost.prompt": 0.011, "llm.cost.completion": 0.004}, 15_000_000),
        # One side is not the whole.
        ({"gen_ai.usage.input_cost": 0.0001}, None),
        ({"gen_ai.usage.cost": 0.0}, None),
        # OpenRouter with the user's own key: its fee, and what the provider charges.
        (
            {
                "gen_ai.usage.cost": 0.002,
                "gen_ai.usage.is_byok": True,
                "gen_ai.usage.cost_details.upstream_inference_cost": 0.04,
            },
            42_000_000,
        ),
        (
            {
                "gen_ai.usage.cost": 0,
                "gen_ai.usage.is_byok": True,
                "gen_ai.usage.cost_details.upstream_inference_cost": 0.04,
            },
            40_000_000,
        ),
        # The fee alone is not what the call cost.
        ({"gen_ai.usage.cost": 0.002, "gen_ai.usage.is_byok": True}, None),
        # Without a key of the user's the upstream figure repeats the cost.
        (
            {
                "gen_ai.usage.cost": 0.04,
                "gen_ai.usage.is_byok": False,
                "gen_ai.usage.cost_details.upstream_inference_cost": 0.04,
            },
            40_000_000,
        ),
    ],
)
@pytest.mark.parametrize("scope", ["", "openinference.instrumentation.openai", "litellm", "ai"])
def test_reported_costs(stated: dict[str, Value], nano_usd: int | None, scope: str) -> None:
    row = row_of(span({**_USED, **stated}), scope=scope)
    assert row.cost_nano_usd == nano_usd
    assert row.cost_source == (None if nano_usd is None else "reported")


def test_an_embedding_costs_its_input() -> None:
    stated: dict[str, Value] = {
        **_USED,
        "gen_ai.operation.name": "embeddings",
        "gen_ai.usage.input_cost": 0.0001,
    }
    assert row_of(span(stated)).cost_nano_usd == 100_000


def test_zero_is_the_price_of_a_free_model_only() -> None:
    stated: dict[str, Value] = {**_USED, "gen_ai.usage.cost": 0.0, "gen_ai.provider.name": "openrouter"}
    free = row_of(span({**stated, "gen_ai.request.model": "acme/small:free"}))
    assert (free.cost_nano_usd, free.cost_source) == (0, "reported")
    assert row_of(span({**stated, "gen_ai.request.model": "acme/small"})).cost_nano_usd is None


@pytest.mark.parametrize(
    ("usage", "nano_usd"),
    [
        ({"cost": 0.003, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.05}}, 53_000_000),
        ({"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.05}}, 50_000_000),
        ({"cost": 0.05, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.05}}, 50_000_000),
        ({"cost": 0.05, "cost_details": {"upstream_inference_cost": None}}, 50_000_000),
        ({"cost": 0.003, "is_byok": True, "cost_details": {}}, None),
        # Perplexity and xAI.
        ({"cost": {"input_tokens_cost": 0.001, "request_cost": 0.005, "total_cost": 0.006}}, 6_000_000),
        ({"cost_in_usd_ticks": 12_500_000}, 1_250_000),
    ],
)
@pytest.mark.parametrize("dialect", ["openinference", "langsmith", "langfuse", "mlflow", "logfire", "vercel"])
def test_provider_reports_its_cost_in_the_usage(
    usage: dict[str, Value], nano_usd: int | None, dialect: str
) -> None:
    answer = {"id": "gen-9", "usage": {"prompt_tokens": 300, "completion_tokens": 20, **usage}}
    attributes: dict[str, dict[str, Value]] = {
        "openinference": {"openinference.span.kind": "LLM", "output.value": as_json(answer)},
        "langsmith": {"langsmith.span.kind": "llm", "gen_ai.completion": as_json(answer)},
        "langfuse": {
            "langfuse.observation.type": "generation",
            "langfuse.observation.usage_details": as_json({"input": 300, "output": 20}),
            "langfuse.observation.output": as_json(answer),
        },
        "mlflow": {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.spanOutputs": as_json(answer)},
        "logfire": {"gen_ai.operation.name": "chat", "gen_ai.usage.raw": as_json(answer["usage"])},
        "vercel": {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.usage.inputTokens": 300,
            "ai.usage.outputTokens": 20,
            "ai.response.providerMetadata": as_json({"openrouter": {"usage": answer["usage"]}}),
        },
    }
    scopes = {"logfire": "logfire.openai", "vercel": "ai"}
    row = row_of(span(attributes[dialect]), scope=scopes.get(dialect, ""))
    assert (row.input_tokens, row.output_tokens) == (300, 20)
    assert row.cost_nano_usd == nano_usd


@pytest.mark.parametrize(
    ("key", "term"),
    [
        ("openai.response.service_tier", "service_tier"),
        ("gen_ai.openai.request.service_tier", "service_tier"),
        ("gen_ai.request.service_tier", "service_tier"),
        ("anthropic.response.service_tier", "service_tier"),
        ("aws.bedrock.serviceTier", "service_tier"),
        ("anthropic.usage.speed", "speed"),
        ("anthropic.usage.inference_geo", "inference_geo"),
        ("gen_ai.request.model", None),
        ("wind.speed", None),
        ("service_tier", None),
    ],
)
def test_key_names_a_term_of_billing(key: str, term: str | None) -> None:
    assert billing_term(key) == term


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"openai.response.service_tier": "default"}, None),
        ({"openai.request.service_tier": "auto"}, None),
        ({"anthropic.response.service_tier": "standard"}, None),
        ({"anthropic.response.speed": "standard", "anthropic.response.inference_geo": "global"}, None),
        # The response's term replaces the requested one.
        ({"openai.request.service_tier": "priority", "openai.response.service_tier": "default"}, None),
        (
            {"openai.request.service_tier": "auto", "openai.response.service_tier": "flex"},
            "service_tier flex",
        ),
        ({"openai.request.service_tier": "flex"}, "service_tier flex"),
        ({"gen_ai.response.service_tier": "priority"}, "service_tier priority"),
        ({"anthropic.response.service_tier": "batch"}, "service_tier batch"),
        ({"anthropic.response.speed": "fast"}, "speed fast"),
        ({"anthropic.usage.inference_geo": "us"}, "inference_geo us"),
    ],
)
def test_a_call_under_other_terms_has_no_list_price(stated: dict[str, Value], reason: str | None) -> None:
    row = row_of(span({**CHAT, **stated}))
    if reason is None:
        assert row.cost_source == "computed"
    else:
        assert (row.cost_nano_usd, row.cost_source) == (None, None)
        assert row.price_version == f"unpriced: billed by {reason}"


@pytest.mark.parametrize(
    ("stated", "tier"),
    [
        ({}, None),
        ({"openai.request.service_tier": "auto"}, None),
        ({"openai.request.service_tier": "flex"}, "flex"),
        ({"openai.request.service_tier": "auto", "openai.response.service_tier": "Default "}, "default"),
        ({"gen_ai.response.service_tier": "none"}, None),
        ({"gen_ai.output.messages": as_json({"usage": {"service_tier": "batch"}})}, None),
        ({"anthropic.response.service_tier": "priority"}, "priority"),
    ],
)
def test_row_has_the_service_tier(stated: dict[str, Value], tier: str | None) -> None:
    assert row_of(span({**CHAT, **stated})).service_tier == tier


def test_documents_have_terms_of_billing() -> None:
    used = {"prompt_tokens": 300, "completion_tokens": 20}

    def version(asked: dict[str, Value], answer: dict[str, Value]) -> str | None:
        row = row_of(
            span(
                {
                    "openinference.span.kind": "LLM",
                    "llm.model_name": "gpt-4o-mini",
                    "llm.provider": "openai",
                    "input.value": as_json({"messages": [{"role": "user", "content": "hi"}], **asked}),
                    "output.value": as_json({"usage": used, **answer}),
                }
            )
        )
        assert (row.cost_nano_usd is None) == (row.price_version or "").startswith("unpriced")
        return row.price_version

    assert version({}, {"service_tier": "flex"}) == "unpriced: billed by service_tier flex"
    assert version({"service_tier": "flex"}, {}) == "unpriced: billed by service_tier flex"
    assert version({}, {"usage": {**used, "speed": "fast"}}) == "unpriced: billed by speed fast"
    assert version({}, {"usage": {**used, "trafficType": "PROVISIONED_THROUGHPUT"}}) == (
        "unpriced: billed by service_tier provisioned_throughput"
    )
    assert "genai-prices" in (version({"service_tier": "flex"}, {"service_tier": "default"}) or "")
    assert "genai-prices" in (version({}, {"usage": {**used, "trafficType": "ON_DEMAND"}}) or "")


def test_reported_cost_applies_under_any_terms() -> None:
    row = row_of(span({**CHAT, "openai.response.service_tier": "flex", "gen_ai.usage.cost": 0.0007}))
    assert (row.cost_nano_usd, row.cost_source) == (700_000, "reported")
