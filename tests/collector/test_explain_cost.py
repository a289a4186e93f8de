"""The cost of a row is split into buckets that add up exactly, or the reason is reported."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pulse_collector.explain.cost import explain_cost
from pulse_collector.facts.usage import Usage
from pulse_collector.pricing import LIST_PRICES, Prices
from pulse_collector.pricing.custom import CustomPrices
from pulse_collector.pricing.price_list import PRICE_VERSION
from pulse_storage.price_document import read_toml
from pulse_storage.rows import TraceRecord

NEW_YEAR_NS = 1_767_225_600_000_000_000
TIERED = Prices(
    CustomPrices(
        read_toml(
            """
            [[prices]]
            model = "acme-*"
            input = 0.0375
            output = 8.5
            cache_read = 0.01
            cache_write_1h = 0.2
            reasoning = 9
            input_audio = 40
            per_call = 0.001
            tiers = [{ above = 1000, input = 0.1, output = 17 }]
            """
        ),
        "prices.toml",
    )
)
_BLANK = TraceRecord._make([None] * len(TraceRecord._fields))._replace(
    trace_id=UUID(int=1), project_id="p", start_ns=NEW_YEAR_NS, operation="chat", status="success", tags=()
)


def record(prices: Prices, usage: Usage, *, provider: str, model: str) -> TraceRecord:
    """Return a row with the cost that these prices give."""
    cost = prices.price(provider=provider, models=(model, None), usage=usage, start_ns=NEW_YEAR_NS)
    return _BLANK._replace(
        provider=provider,
        model_used=model,
        cost_nano_usd=cost.nano_usd,
        cost_source=cost.source,
        price_version=cost.version,
        **usage._asdict(),
    )


def explained(row: TraceRecord, prices: Prices = LIST_PRICES) -> dict[str, Any]:
    return orjson.loads(orjson.dumps(explain_cost(row, prices)))


def exact(row: TraceRecord, prices: Prices) -> dict[str, Any]:
    """Return the answer with its numbers as decimals."""
    return json.loads(orjson.dumps(explain_cost(row, prices)), parse_float=Decimal)


def test_cost_of_cached_and_reasoning_tokens_has_a_bucket_each() -> None:
    usage = Usage(2109, 12, 1900, 188, None, 88)
    row = record(LIST_PRICES, usage, provider="anthropic", model="claude-sonnet-4-5")
    assert explained(row) == {
        "cost_cents": 0.1716,
        "source": "computed",
        "price_version": PRICE_VERSION,
        "buckets": [
            {"name": "input", "tokens": 21, "usd_per_million": 3, "cost_cents": 0.0063},
            {"name": "output", "tokens": 12, "usd_per_million": 15, "cost_cents": 0.018},
            {"name": "cache_read", "tokens": 1900, "usd_per_million": 0.3, "cost_cents": 0.057},
            {"name": "cache_write", "tokens": 100, "usd_per_million": 3.75, "cost_cents": 0.0375},
            {"name": "cache_write_1h", "tokens": 88, "usd_per_million": 6, "cost_cents": 0.0528},
        ],
        "adds_up": True,
        "note": None,
    }


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Return counts whose parts fit into their wholes."""
    parts = [draw(st.none() | st.integers(0, 700)) for _ in range(4)]
    read, write, audio, reasoning = parts
    write_1h = None if write is None else draw(st.none() | st.integers(0, write))
    known = [part or 0 for part in parts]
    input_tokens = known[0] + known[1] + known[2] + draw(st.integers(0, 3_000_000))
    output_tokens = known[3] + draw(st.integers(0, 100_000))
    return Usage(input_tokens, output_tokens, read, write, reasoning, write_1h, audio)


@given(
    usages(),
    st.sampled_from(
        [
            (TIERED, "acme", "acme-1"),
            (LIST_PRICES, "anthropic", "claude-sonnet-4-5"),
            (LIST_PRICES, "openai", "gpt-5-mini"),
            (LIST_PRICES, "google", "gemini-2.5-pro"),
            (LIST_PRICES, "google", "gemini-2.5-flash"),
        ]
    ),
)
def test_buckets_add_up_to_the_cost_and_to_all_tokens(usage: Usage, priced: tuple[Prices, str, str]) -> None:
    prices, provider, model = priced
    row = record(prices, usage, provider=provider, model=model)
    assume(row.cost_nano_usd is not None)
    answer = exact(row, prices)
    assert (answer["adds_up"], answer["note"]) == (True, None)
    buckets = answer["buckets"]
    total = sum((Decimal(bucket["cost_cents"]) for bucket in buckets), Decimal(0)) * 10_000_000
    assert total.to_integral_value() == row.cost_nano_usd
    tokens = sum(bucket["tokens"] or 0 for bucket in buckets)
    assert tokens == (usage.input_tokens or 0) + (usage.output_tokens or 0)
    for bucket in buckets:
        if bucket["tokens"] is not None:
            assert Decimal(bucket["usd_per_million"]) * bucket["tokens"] / 10_000 == bucket["cost_cents"]


def test_price_per_call_is_a_bucket_without_tokens() -> None:
    row = record(TIERED, Usage(10, 0), provider="acme", model="acme-1")
    assert explained(row, TIERED)["buckets"][-1] == {
        "name": "per_call",
        "tokens": None,
        "usd_per_million": None,
        "cost_cents": 0.1,
    }


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            {"cost_nano_usd": 7, "cost_source": "reported", "price_version": None},
            "reported this cost as one amount",
        ),
        ({"cost_nano_usd": 7}, "other tokens or another model"),
        (
            {"cost_nano_usd": 7, "price_version": "prices.toml@1"},
            "Computed by prices.toml@1; the prices in force",
        ),
        (
            {"price_version": "prices.toml@1", "model_used": "acme-9", "provider": "acme"},
            "the prices in force have none for this call",
        ),
        (
            {"cost_nano_usd": None, "cost_source": None, "price_version": None, "input_tokens": None},
            "does not report",
        ),
        (
            {
                "cost_nano_usd": None,
                "cost_source": None,
                "price_version": "unpriced: billed by service_tier flex",
            },
            "Unknown: billed by service_tier flex.",
        ),
        (
            {"cost_nano_usd": None, "cost_source": None, "operation": "execute_tool", **Usage()._asdict()},
            "Only model calls have a cost",
        ),
    ],
)
def test_cost_without_buckets_has_the_reason(facts: dict[str, Any], reason: str) -> None:
    row = record(LIST_PRICES, Usage(1000, 20), provider="openai", model="gpt-5-mini")
    answer = explained(row._replace(**facts))
    assert (answer["adds_up"], answer["buckets"]) == (False, [])
    assert reason in answer["note"]
    assert answer["note"].endswith(".")


def test_overlapping_parts_have_no_buckets() -> None:
    usage = Usage(1000, 0, 900, None, None, None, 900)
    row = record(TIERED, usage, provider="acme", model="acme-1")
    answer = explained(row, TIERED)
    assert (answer["adds_up"], answer["buckets"]) == (False, [])
    assert "overlap" in answer["note"]
