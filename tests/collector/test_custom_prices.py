"""Custom prices: which entry applies to a call, the cost by it, and the precedence over other prices."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_collector.facts.usage import Usage
from pulse_collector.pricing import NOT_REPORTED, UNKNOWN_COST, Cost, Prices, ReportedCost
from pulse_collector.pricing.custom import CustomPrices
from pulse_collector.pricing.price_list import PRICE_VERSION
from pulse_storage.price_document import read_toml

A_MILLION_EACH = Usage(1_000_000, 1_000_000)
NEW_YEAR_NS = 1_767_225_600_000_000_000


def custom(toml: str, label: str = "prices.toml") -> CustomPrices:
    return CustomPrices(read_toml(toml), label)


def entry(**fields: object) -> str:
    lines = [
        f"{name} = {str(value).lower() if isinstance(value, bool) else repr(value)}"
        for name, value in fields.items()
    ]
    return "\n".join(["[[prices]]", *lines, ""])


def cost(
    *layers: CustomPrices,
    usage: Usage = A_MILLION_EACH,
    provider: str | None = "acme",
    models: tuple[str | None, ...] = ("acme-1", None),
    start_ns: int = NEW_YEAR_NS,
    reported: ReportedCost = NOT_REPORTED,
    failed: bool = False,
    service_tier: str | None = None,
) -> Cost:
    return Prices(*layers).price(
        provider=provider,
        models=models,
        usage=usage,
        start_ns=start_ns,
        reported=reported,
        failed=failed,
        service_tier=service_tier,
    )


def dollars(found: Cost) -> Decimal | None:
    return None if found.nano_usd is None else Decimal(found.nano_usd) / 10**9


def test_unlisted_model_has_a_custom_price_and_its_documents_name() -> None:
    prices = custom(entry(model="acme-1", input=2, output=8.5))
    assert cost(prices) == Cost(10_500_000_000, "computed", f"prices.toml@{prices.document.digest}")
    assert cost(prices, models=("acme-2",)) == UNKNOWN_COST


def test_custom_price_precedes_the_price_list() -> None:
    prices = custom(entry(provider="openai", model="gpt-4o-mini", input=1, output=1))
    assert dollars(cost(prices, provider="openai", models=("gpt-4o-mini",))) == 2
    listed = cost(prices, provider="azure", models=("gpt-4o-mini",))
    assert listed.version == PRICE_VERSION


def test_project_price_precedes_the_file() -> None:
    file = custom(entry(model="acme-1", input=1, output=1) + entry(model="acme-2", input=1, output=1))
    own = custom(entry(model="acme-*", input=3, output=3), "project")
    assert cost(own, file).version == own.version
    assert cost(file).version == file.version


@pytest.mark.parametrize("order", [1, -1])
def test_entry_with_the_service_tier_precedes_one_without(order: int) -> None:
    entries = [
        entry(model="acme-1", input=4, output=0),
        entry(model="acme-1", service_tier="Flex", input=2, output=0),
        entry(model="acme-1", service_tier="priority", input=8, output=0, valid_from="2099-01-01"),
    ]
    prices = custom("".join(entries[::order]))
    found = {tier: dollars(cost(prices, service_tier=tier)) for tier in (None, "default", "flex", "priority")}
    assert found == {None: 4, "default": 4, "flex": 2, "priority": 4}


def test_entry_for_a_service_tier_leaves_other_tiers_unpriced() -> None:
    prices = custom(entry(model="acme-1", service_tier="batch", input=1, output=1))
    assert (cost(prices), dollars(cost(prices, service_tier="batch"))) == (UNKNOWN_COST, 2)


@pytest.mark.parametrize("order", [1, -1])
def test_most_specific_entry_applies_in_any_order(order: int) -> None:
    entries = [
        entry(model="*", input=1, output=0),
        entry(model="acme-*", input=2, output=0),
        entry(provider="ac*", model="acme-*", input=3, output=0),
        entry(provider="acme", model="acme-*", input=4, output=0),
        entry(model="acme-1?", input=5, output=0),
        entry(model="acme-12", input=6, output=0),
    ][::order]
    prices = custom("".join(entries))

    def price(provider: str | None, model: str) -> Decimal | None:
        return dollars(cost(prices, provider=provider, models=(model,)))

    assert price("acme", "acme-12") == 6
    assert price("acme", "acme-13") == 5
    assert price("ACME", "Acme-1") == 4
    assert price("acorn", "acme-1") == 3
    assert price(None, "acme-1") == 2
    assert price(None, "acme") == 1


def test_used_model_is_looked_up_before_the_requested_one() -> None:
    prices = custom(entry(model="asked", input=1, output=0) + entry(model="used", input=2, output=0))
    assert dollars(cost(prices, models=("used", "asked"))) == 2
    assert dollars(cost(prices, models=("other", "asked"))) == 1
    assert dollars(cost(prices, models=(None, "asked"))) == 1


def test_prices_change_by_the_time_of_the_span() -> None:
    prices = custom(
        '[[prices]]\nmodel = "acme-1"\ninput = 2\noutput = 0\nvalid_from = 2026-01-01\n'
        + '[[prices]]\nmodel = "acme-1"\ninput = 1\noutput = 0\nvalid_from = 2025-01-01\n'
        + entry(model="acme*", input=9, output=0)
    )
    assert dollars(cost(prices, start_ns=NEW_YEAR_NS)) == 2
    assert dollars(cost(prices, start_ns=NEW_YEAR_NS - 1)) == 1
    # Before any of them held, the next best entry counts.
    assert dollars(cost(prices, start_ns=0)) == 9


def test_parts_without_a_price_cost_the_price_of_their_whole() -> None:
    usage = Usage(
        input_tokens=10_000_000,
        output_tokens=10_000_000,
        cache_read_tokens=1_000_000,
        cache_write_tokens=3_000_000,
        cache_write_1h_tokens=1_000_000,
        reasoning_tokens=1_000_000,
        input_audio_tokens=1_000_000,
        output_audio_tokens=1_000_000,
    )
    plain = custom(entry(model="acme-1", input=1, output=10))
    assert dollars(cost(plain, usage=usage)) == 110
    written = custom(entry(model="acme-1", input=1, output=10, cache_write=2))
    assert dollars(cost(written, usage=usage)) == 113
    every = custom(
        entry(
            model="acme-1", input=1, output=10, cache_read=0.1, cache_write=2, cache_write_1h=3, reasoning=12,
            input_audio=5, output_audio=20, per_call=0.25,
        )
    )  # fmt: skip
    # 5 plain, 0.1 read, 2 × 2 and 3 written, 5 heard; 80 plain, 12 thought, 20 spoken; and the call.
    assert dollars(cost(every, usage=usage)) == Decimal("129.35")


def test_tier_of_a_long_call_applies_to_all_tokens() -> None:
    prices = custom(
        entry(model="acme-1", input=1, output=10, cache_read=0.5)
        + "tiers = [{ above = 200_000, input = 2 },"
        + " { above = 500_000, input = 3, output = 20, cache_read = 1 }]"
    )
    assert dollars(cost(prices, usage=Usage(200_000, 0))) == Decimal("0.2")
    assert dollars(cost(prices, usage=Usage(200_001, 100_000))) == Decimal("1.400002")
    assert dollars(cost(prices, usage=Usage(1_000_000, 100_000, 500_000))) == 4


@pytest.mark.parametrize(
    ("usage", "failed", "expected"),
    [
        (Usage(10, 2), False, Decimal("0.04")),
        (Usage(), False, Decimal("0.04")),
        (Usage(0, 0), False, Decimal("0.04")),
        (Usage(), True, None),
        (Usage(10, 0), True, Decimal("0.04")),
    ],
)
def test_price_per_call_needs_no_tokens(usage: Usage, failed: bool, expected: Decimal | None) -> None:
    prices = custom(entry(model="acme-1", per_call=0.04))
    assert dollars(cost(prices, usage=usage, failed=failed)) == expected


def test_unknown_tokens_have_no_cost_if_tokens_have_a_price() -> None:
    prices = custom(entry(model="acme-1", input=1, output=1, per_call=0.04))
    assert cost(prices, usage=Usage()) == UNKNOWN_COST
    assert cost(prices, usage=Usage(None, 5)) == UNKNOWN_COST


def test_reported_cost_precedes_a_price_unless_its_entry_overrides_it() -> None:
    yields = custom(entry(model="acme-1", input=1, output=1))
    insists = custom(entry(model="acme-1", input=1, output=1, override_reported=True))
    assert cost(yields, reported=ReportedCost(7)) == Cost(7, "reported", None)
    assert dollars(cost(insists, reported=ReportedCost(7))) == 2
    # It has nothing better to say of a call whose tokens are unknown.
    assert cost(insists, usage=Usage(), reported=ReportedCost(7)) == Cost(7, "reported", None)
    assert dollars(cost(yields, reported=ReportedCost(estimate_nano_usd=7))) == 2


def test_pattern_with_many_stars_does_not_backtrack() -> None:
    prices = custom(entry(model="*a" * 100 + "b", input=1, output=1))
    assert cost(prices, models=("a" * 1024,)) == UNKNOWN_COST


COUNTS = st.integers(0, 10**9)
PRICES = st.sampled_from([0, 0.1, 0.25, 0.3, 1.1, 2.5, 75, 123.456789])


@given(counts=st.tuples(COUNTS, COUNTS, COUNTS), prices=st.tuples(PRICES, PRICES, PRICES))
def test_costs_are_exact_to_the_nano_dollar(
    counts: tuple[int, int, int], prices: tuple[float, float, float]
) -> None:
    plain, output, read = counts
    input_price, output_price, read_price = (Decimal(repr(price)) for price in prices)
    exact = (plain * input_price + output * output_price + read * read_price) / 1_000_000
    toml = entry(model="acme-1", input=prices[0], output=prices[1], cache_read=prices[2])
    found = cost(custom(toml), usage=Usage(plain + read, output, read))
    if plain or output or read:
        assert found.nano_usd == int((exact * 10**9).to_integral_value())
