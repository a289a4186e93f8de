"""Rates: the price of one model, linear in the counts of tokens within each tier."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from math import gcd

from pulse_collector.facts.usage import Usage

_UNITS = Decimal(10) ** 24
_UNITS_PER_NANO = 10**15

#: The counts that are parts of another one, by the count of which they are a part.
PARTS = {
    "cache_read_tokens": "input_tokens",
    "cache_write_tokens": "input_tokens",
    "cache_write_1h_tokens": "cache_write_tokens",
    "reasoning_tokens": "output_tokens",
    "input_audio_tokens": "input_tokens",
    "input_image_tokens": "input_tokens",
    "output_audio_tokens": "output_tokens",
    "output_image_tokens": "output_tokens",
}

#: Where Usage has audio and images, and what it has there of a call without them.
_MODALITIES = slice(Usage._fields.index("input_audio_tokens"), None)
_NO_MODALITIES = (None, None, None, None)


@dataclass(frozen=True, slots=True)
class Tier:
    """Prices per call and per token in whole units, for calls with more than `above` input tokens.

    A unit is 1e-24 dollars until `rates_of` finds the largest that will do.
    """

    above: int
    call: int
    input: int
    output: int
    #: Index of a count in Usage, and its price beyond that of its whole (`PARTS`), so often negative.
    parts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """Tiers, the highest first; a call pays the prices of one tier for all its tokens.

    In whole numbers, which are exact and several times faster than decimals, and as small as they can be:
    those of one machine word are faster still.
    """

    tiers: tuple[Tier, ...]
    #: Units in a billionth of a dollar.
    per_nano: int = 1
    #: Indexes of counts in Usage, all of them audio or images, that have no known price.
    unpriced: tuple[int, ...] = ()

    def cost_nano_usd(self, usage: Usage) -> int | None:
        """Return what a call costs.

        None if the output has a price and its tokens are unknown, or if audio or image tokens have none. The
        input is taken to be known, or free.
        """
        if usage[_MODALITIES] != _NO_MODALITIES and any(usage[index] for index in self.unpriced):
            return None
        input_tokens = usage.input_tokens or 0
        tiers = self.tiers
        tier = tiers[-1]
        if len(tiers) > 1:
            tier = next((one for one in tiers if input_tokens > one.above), tier)
        cost = tier.call + tier.input * input_tokens
        output_tokens = usage.output_tokens
        if output_tokens:
            cost += tier.output * output_tokens
        elif output_tokens is None and tier.output:
            return None
        for index, part in tier.parts:
            if count := usage[index]:
                cost += part * count
        per_nano = self.per_nano
        nano_usd = cost // per_nano
        rest = 2 * (cost - nano_usd * per_nano)
        # Half to even, as decimals are rounded.
        if rest > per_nano or (rest == per_nano and nano_usd % 2 == 1):
            nano_usd += 1
        return nano_usd


def rates_of(tiers: Iterable[Tier], unpriced: tuple[int, ...] = ()) -> Rates:
    """Return rates of tiers in 1e-24 dollars, in the largest unit of which all their prices are multiples."""
    tiers = tuple(tiers)
    prices = [price for tier in tiers for price in (tier.call, tier.input, tier.output)]
    prices += [price for tier in tiers for _, price in tier.parts]
    factor = gcd(_UNITS_PER_NANO, *prices)
    return Rates(
        tuple(
            Tier(
                tier.above,
                tier.call // factor,
                tier.input // factor,
                tier.output // factor,
                tuple((index, price // factor) for index, price in tier.parts),
            )
            for tier in tiers
        ),
        _UNITS_PER_NANO // factor,
        unpriced,
    )


def part_index(name: str) -> int:
    """Where a count stands in Usage."""
    return Usage._fields.index(name)


def units(dollars: Decimal) -> int:
    """Dollars in units of 1e-24 dollars."""
    return int((dollars * _UNITS).to_integral_value(ROUND_HALF_EVEN))
