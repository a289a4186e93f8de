"""Splits the cost of a call into buckets of tokens with one price each, exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from pulse_collector.facts.usage import Usage
from pulse_collector.pricing.rates import PARTS, Rates, Tier, part_index

_NANO_USD_PER_USD = 1_000_000_000
_MILLION = 1_000_000


class Bucket(NamedTuple):
    """Tokens of one kind and price: `tokens * usd_per_million / 1e6` dollars are `cost_nano_usd`, exactly."""

    #: `input`, `output`, a part of them such as `cache_read`, or `per_call`.
    name: str
    #: Tokens of no other bucket; None with a price per call.
    tokens: int | None
    usd_per_million: Decimal | None
    cost_nano_usd: Decimal


def buckets_of(rates: Rates, usage: Usage) -> list[Bucket] | None:
    """Return the buckets of a call that these rates price: their rounded sum is its cost.

    Exact within a decimal context of 80 digits. Returns None if parts overlap, such as cached audio, so that
    their tokens exceed those of their whole.
    """
    tier = rates.tier_for(usage.input_tokens or 0)
    prices = _prices(tier)
    own: dict[str, int] = {name: usage[part_index(name)] or 0 for name in prices}
    for name, whole in PARTS.items():
        own[whole] -= usage[part_index(name)] or 0
    if any(tokens < 0 for tokens in own.values()):
        return None
    buckets = [_bucket(name, tokens, prices[name], rates.per_nano) for name, tokens in own.items() if tokens]
    if tier.call:
        buckets.append(Bucket("per_call", None, None, _exact(tier.call, rates.per_nano)))
    return buckets


def _prices(tier: Tier) -> dict[str, int]:
    """Return the price of a token of each count: a part has that of its whole and a difference."""
    prices: dict[str, int] = {"input_tokens": tier.input, "output_tokens": tier.output}
    differences = dict(tier.parts)
    for name, whole in PARTS.items():
        prices[name] = prices[whole] + differences.get(part_index(name), 0)
    return prices


def _bucket(name: str, tokens: int, price: int, per_nano: int) -> Bucket:
    usd_per_million = _exact(price * _MILLION, per_nano) / _NANO_USD_PER_USD
    return Bucket(name.removesuffix("_tokens"), tokens, usd_per_million, _exact(tokens * price, per_nano))


def _exact(units: int, per_nano: int) -> Decimal:
    """Return units of `Rates` in nano-dollars. `per_nano` divides a power of ten, so decimals are exact."""
    return Decimal(units) / per_nano
