"""Attributes of Pulse's own instrumentation beyond the conventions."""

from __future__ import annotations

import pytest
from tests.support.spans import START_NS, Value, as_json, row_of, span

from pulse_collector.facts.usage import Usage
from pulse_collector.pricing import Prices
from pulse_collector.pricing.custom import CustomPrices
from pulse_storage.price_document import read_toml

ADVISED: dict[str, Value] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-haiku-4-5",
    "gen_ai.response.model": "claude-haiku-4-5-20251001",
    "gen_ai.usage.input_tokens": 30,
    "gen_ai.usage.output_tokens": 12,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "pulse.usage.other_models": as_json(
        [
            {
                "model": "claude-opus-4-6",
                "input_tokens": 900,
                "output_tokens": 160,
                "cache_read_tokens": 40,
                "cache_write_tokens": 60,
                "cache_write_1h_tokens": 20,
            }
        ]
    ),
}
SEVERAL = "unpriced: billed by several models, also claude-opus-4-6"


def test_tokens_of_other_models_are_counted_and_have_no_price() -> None:
    row = row_of(span(ADVISED), scope="pulse.instrumentation")
    assert (row.input_tokens, row.output_tokens) == (930, 172)
    assert (row.cache_read_tokens, row.cache_write_tokens, row.cache_write_1h_tokens) == (44, 60, 20)
    assert (row.cost_nano_usd, row.cost_source, row.price_version) == (None, None, SEVERAL)


def test_reported_cost_applies_to_several_models() -> None:
    row = row_of(span({**ADVISED, "gen_ai.usage.cost": 0.25}), scope="pulse.instrumentation")
    assert (row.cost_nano_usd, row.cost_source) == (250_000_000, "reported")


def test_custom_price_of_one_model_does_not_apply_to_several() -> None:
    prices = Prices(CustomPrices(read_toml('[[prices]]\nmodel = "claude-*"\ninput = 1\noutput = 5'), "p"))
    usage = Usage(930, 172)
    models = ("claude-haiku-4-5", None)
    alone = prices.price(provider="anthropic", models=models, usage=usage, start_ns=START_NS)
    assert alone.source == "computed"
    several = prices.price(
        provider="anthropic", models=models, usage=usage, start_ns=START_NS, unlisted=SEVERAL
    )
    assert (several.nano_usd, several.version) == (None, SEVERAL)


def test_an_unknown_count_stays_unknown() -> None:
    attributes = {key: value for key, value in ADVISED.items() if not key.endswith("output_tokens")}
    row = row_of(span(attributes), scope="pulse.instrumentation")
    assert (row.input_tokens, row.output_tokens) == (930, None)


@pytest.mark.parametrize("value", ["", "[]", "{}", "[1, null]", "no JSON", 7])
def test_empty_other_models_have_no_effect(value: Value) -> None:
    row = row_of(span({**ADVISED, "pulse.usage.other_models": value}), scope="pulse.instrumentation")
    assert (row.input_tokens, row.output_tokens) == (30, 12)
    assert row.cost_source == "computed"


def test_compaction_is_counted_once() -> None:
    shown: dict[str, Value] = {
        "anthropic.usage.compaction.input_tokens": 20,
        "anthropic.usage.compaction.output_tokens": 5,
        "anthropic.usage.server_tool_use.web_search_requests": 2,
    }
    attributes = {key: value for key, value in ADVISED.items() if key != "pulse.usage.other_models"}
    row = row_of(span({**attributes, **shown}), scope="pulse.instrumentation")
    assert (row.input_tokens, row.output_tokens, row.cost_source) == (30, 12, "computed")


def test_output_pictures_and_the_users_own_key_at_openrouter() -> None:
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openrouter",
        "gen_ai.request.model": "google/gemini-2.5-flash-image",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 1300,
        "gen_ai.usage.image.output_tokens": 1290,
        "gen_ai.usage.cost": 0.002,
        "gen_ai.usage.is_byok": True,
        "gen_ai.usage.cost_details.upstream_inference_cost": 0.04,
    }
    row = row_of(span(attributes), scope="pulse.instrumentation")
    assert (row.output_image_tokens, row.cost_nano_usd, row.cost_source) == (1290, 42_000_000, "reported")
    row = row_of(span({**attributes, "gen_ai.usage.is_byok": False}), scope="pulse.instrumentation")
    assert (row.cost_nano_usd, row.cost_source) == (2_000_000, "reported")


@pytest.mark.parametrize("term", ["speed", "inference_geo", "service_tier"])
def test_terms_that_have_no_list_price(term: str) -> None:
    attributes = {key: value for key, value in ADVISED.items() if key != "pulse.usage.other_models"}
    attributes[f"anthropic.response.{term}"] = "unusual"
    row = row_of(span(attributes), scope="pulse.instrumentation")
    assert (row.cost_nano_usd, row.price_version) == (None, f"unpriced: billed by {term} unusual")
