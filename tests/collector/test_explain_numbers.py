"""Explanations of tokens and costs: where each number comes from, and why there is none."""

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
def test_usage_says_how_the_cache_came_into_the_input(scope: str, input_tokens: int, usage: str) -> None:
    (told,) = explained(
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
    assert told["columns"]["input_tokens"]["value"] == 2109
    assert told["usage"] == usage


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
def test_cost_says_where_it_comes_from_or_why_there_is_none(attributes: dict[str, Value], cost: str) -> None:
    told_of: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 42,
        "gen_ai.usage.output_tokens": 12,
    }
    (told,) = explained(span(told_of | attributes))
    assert told["cost"] == cost


def test_a_computed_cost_overrules_nothing_that_it_was_computed_from() -> None:
    (told,) = explained(span({"gen_ai.usage.cost": 0} | CALL))
    cost = told["columns"]["cost_cents"]
    assert cost["from"] == [
        "gen_ai.provider.name",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.cache_read.input_tokens",
    ]
    # Neither the provider, which the model tells too, nor a cost that is not believed, wherever it stands.
    assert "overruled" not in cost
    assert [part["why"] for part in told["ignored"]] == ["a cost of 0 for used tokens is ignored"]


def test_a_stated_cost_overrules_no_tokens() -> None:
    (told,) = explained(span({**CALL, "gen_ai.usage.cost": 0.5}))
    assert told["columns"]["cost_cents"] == {"value": 50.0, "from": ["gen_ai.usage.cost"]}


def test_an_estimate_is_overruled_by_a_computed_cost_and_named_where_it_stands() -> None:
    chat = {**CALL, "gen_ai.usage.cost": 0.5}
    (priced,) = explained(span(chat), scope="openlit.instrumentation.openai")
    assert priced["columns"]["cost_cents"]["overruled"] == [{"part": "gen_ai.usage.cost", "value": 0.5}]
    unpriced = {**chat, "gen_ai.request.model": "my-model", "gen_ai.response.model": "my-model"}
    (told,) = explained(span(unpriced), scope="openlit.instrumentation.openai")
    assert told["cost"] == (
        "the sender's estimate in gen_ai.usage.cost: there is no price to compute a better one"
    )


def test_a_price_that_overrides_the_stated_cost_says_so() -> None:
    entry = PriceEntry(model="gpt-4o*", per_call=2.0, override_reported=True)
    prices = Prices(CustomPrices(PriceDocument(prices=[entry]), "prices.toml"))
    request = trace_request(span({**CALL, "gen_ai.usage.cost": 0.5}), scope=GENAI)
    told = explain(
        request, None, received_ns=RECEIVED_NS, budget=Budget(10_000, 1 << 30), prices=prices
    ).spans[0]
    assert told.cost is not None
    assert told.cost.startswith("computed by prices.toml@")
    assert told.cost.endswith("at the time of the span, which overrides the reported 50 cents")


def test_completed_costs_are_in_cents_and_durations_of_streams_say_how_they_came() -> None:
    capture = next(one for one in captures() if one.name == "logfire/a_stream")
    told = explain(
        capture.request, capture.logs, received_ns=capture.received_ns, budget=Budget(20_000, 1 << 30)
    )
    text = explanation_text(told)
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
def test_usage_says_how_the_input_came(attributes: dict[str, Value], usage: str) -> None:
    (told,) = explained(span(attributes))
    assert told["usage"] == usage
