"""Explanations of tokens and costs: the origin of each number, or why it is unknown."""

from __future__ import annotations

import pytest
from tests.support.captures import captures
from tests.support.explanations import CALL, GENAI, explained
from tests.support.spans import RECEIVED_NS, Value, span, trace_request

from pulse_collector.explain.attribution import Budget
from pulse_collector.explain.explanation import explain
from pulse_collector.explain.text import explanation_text
from pulse_collector.pricing import Prices
from pulse_collector.pricing.custom import CustomPrices
from pulse_storage.price_document import PriceDocument, PriceEntry


@pytest.mark.parametrize(
    ("scope", "input_tokens", "usage"),
    [
        (
            "openlit.instrumentation.anthropic",
            21,
            "the input was sent without the 2088 cached tokens: 21 + 2088 = 2109",
        ),
        (GENAI, 2109, "the input includes the 2088 cached tokens, as sent"),
    ],
)
def test_usage_explains_how_the_input_includes_the_cache(scope: str, input_tokens: int, usage: str) -> None:
    (explanation,) = explained(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.usage.input_tokens": input_tokens,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.cache_read.input_tokens": 1900,
                "gen_ai.usage.cache_creation.input_tokens": 188,
            }
        ),
        scope=scope,
    )
    assert explanation["columns"]["input_tokens"]["value"] == 2109
    assert explanation["usage"] == usage


@pytest.mark.parametrize(
    ("attributes", "cost"),
    [
        ({"gen_ai.usage.cost": 0.5}, "as reported by the sender or the provider in gen_ai.usage.cost"),
        ({"gen_ai.request.model": "no-such-model"}, "unknown: there is no price for openai no-such-model"),
        ({"gen_ai.usage.input_tokens": None}, "unknown: the span does not report the input tokens"),
        (
            {"gen_ai.provider.name": None, "gen_ai.request.model": "my-model"},
            "unknown: the span does not report the provider",
        ),
    ],
)
def test_cost_has_its_origin_or_the_reason_why_it_is_unknown(attributes: dict[str, Value], cost: str) -> None:
    attributes_of_call: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 42,
        "gen_ai.usage.output_tokens": 12,
    }
    (explanation,) = explained(span(attributes_of_call | attributes))
    assert explanation["cost"] == cost


def test_computed_cost_does_not_overrule_its_inputs() -> None:
    (explanation,) = explained(span({"gen_ai.usage.cost": 0} | CALL))
    cost = explanation["columns"]["cost_cents"]
    assert cost["from"] == [
        "gen_ai.provider.name",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.cache_read.input_tokens",
    ]
    # Neither the provider, which the model implies, nor an ignored cost.
    assert "overruled" not in cost
    assert [part["why"] for part in explanation["ignored"]] == ["a cost of 0 for used tokens is ignored"]


def test_reported_cost_does_not_overrule_tokens() -> None:
    (explanation,) = explained(span({**CALL, "gen_ai.usage.cost": 0.5}))
    assert explanation["columns"]["cost_cents"] == {"value": 50.0, "from": ["gen_ai.usage.cost"]}


def test_estimate_is_overruled_by_a_computed_cost() -> None:
    chat = {**CALL, "gen_ai.usage.cost": 0.5}
    (priced,) = explained(span(chat), scope="openlit.instrumentation.openai")
    assert priced["columns"]["cost_cents"]["overruled"] == [{"part": "gen_ai.usage.cost", "value": 0.5}]
    unpriced = {**chat, "gen_ai.request.model": "my-model", "gen_ai.response.model": "my-model"}
    (explanation,) = explained(span(unpriced), scope="openlit.instrumentation.openai")
    assert explanation["cost"] == (
        "the sender's estimate in gen_ai.usage.cost: there is no price to compute a better one"
    )


def test_price_that_overrides_the_reported_cost_is_explained() -> None:
    entry = PriceEntry(model="gpt-4o*", per_call=2.0, override_reported=True)
    prices = Prices(CustomPrices(PriceDocument(prices=[entry]), "prices.toml"))
    request = trace_request(span({**CALL, "gen_ai.usage.cost": 0.5}), scope=GENAI)
    explanation = explain(
        request, None, received_ns=RECEIVED_NS, budget=Budget(10_000, 1 << 30), prices=prices
    ).spans[0]
    assert explanation.cost is not None
    assert explanation.cost.startswith("computed by prices.toml@")
    assert explanation.cost.endswith("at the time of the span, which overrides the reported 50 cents")


def test_completed_costs_are_in_cents_and_stream_durations_explained() -> None:
    capture = next(one for one in captures() if one.name == "logfire/a_stream")
    explanation = explain(
        capture.request, capture.logs, received_ns=capture.received_ns, budget=Budget(20_000, 1 << 30)
    )
    text = explanation_text(explanation)
    assert "cost_cents 0.0306 from" in text
    assert "cost_nano_usd" not in text
    assert "from the start of the request to the end of its stream" in " ".join(text.split())
    assert "time_to_first_token_ms  1090.465881" in text


@pytest.mark.parametrize(
    ("attributes", "usage"),
    [
        (CALL, "the input includes the 32 cached tokens, as sent"),
        (
            {**CALL, "gen_ai.usage.cache_read.input_tokens": 0},
            "no tokens were read from or written to a cache, so the input is as sent",
        ),
        (
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.usage.total_tokens": 50,
                "gen_ai.usage.output_tokens": 8,
            },
            "the span reports no cached tokens; the input was computed from gen_ai.usage.total_tokens, "
            "gen_ai.usage.output_tokens",
        ),
    ],
)
def test_usage_explains_the_origin_of_the_input(attributes: dict[str, Value], usage: str) -> None:
    (explanation,) = explained(span(attributes))
    assert explanation["usage"] == usage
