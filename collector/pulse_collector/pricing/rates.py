"""The price of one model as integer rates, linear in the token counts within each tier."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from math import gcd

from pulse_collector.facts.usage import Usage

_UNITS = Decimal(10) ** 24
_UNITS_PER_NANO = 10**15

#: Counts that are a part of another count, by that count.
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

#: The counts of audio and images in Usage, and their values in a call without any.
_MODALITIES = slice(Usage._fields.index("input_audio_tokens"), None)
_NO_MODALITIES = (None, None, None, None)


@dataclass(frozen=True, slots=True)
class Tier:
    """Prices per call and per token as integers, for calls with more than `above` input tokens.

    A unit is 1e-24 dollars until `rates_of` finds the largest common unit.
    """

    above: int
    call: int
    input: int
    output: int
    #: The index of a count in Usage, and its price minus that of its whole (`PARTS`), which is often
    #: negative.
    parts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """Tiers, the highest first; the prices of one tier apply to all tokens of a call.

    Integers are exact and several times faster than decimals. A large unit keeps them within one machine
    word, which is faster still.
    """

    tiers: tuple[Tier, ...]
    #: Units in a billionth of a dollar.
    per_nano: int = 1
    #: Indexes of audio and image counts in Usage without a known price.
    unpriced: tuple[int, ...] = ()

    def cost_nano_usd(self, usage: Usage) -> int | None:
        """Return the cost of a call.

        Returns None if the output has a price and its tokens are unknown, or if audio or image tokens have no
        price. The input must be known or free.
        """
        if usage[_MODALITIES] != _NO_MODALITIES and any(usage[index] for index in self.unpriced):
            return None
        input_tokens = usage.input_tokens or 0
        tiers = self.tiers
        tier = tiers[0] if len(tiers) == 1 else self.tier_for(input_tokens)
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
        # Round half to even, as decimals do.
        if rest > per_nano or (rest == per_nano and nano_usd % 2 == 1):
            nano_usd += 1
        return nano_usd

    def tier_for(self, input_tokens: int) -> Tier:
        """Return the tier of a call with this many input tokens."""
        return next((tier for tier in self.tiers if input_tokens > tier.above), self.tiers[-1])


def rates_of(tiers: Iterable[Tier], unpriced: tuple[int, ...] = ()) -> Rates:
    """Return rates of tiers in 1e-24 dollars, converted to the largest unit that divides all prices."""
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
    """Return the index of a count in Usage."""
    return Usage._fields.index(name)


def units(dollars: Decimal) -> int:
    """Return dollars in units of 1e-24 dollars."""
    return int((dollars * _UNITS).to_integral_value(ROUND_HALF_EVEN))
