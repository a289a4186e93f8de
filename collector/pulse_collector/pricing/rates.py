"""Rates: the price of one model, linear in the counts of tokens within each tier."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from pulse_collector.mapping.usage import Usage

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


@dataclass(frozen=True, slots=True)
class Tier:
    """Prices per call and per token in 1e-24 dollars, for calls with more than `above` input tokens.

    Whole numbers, since they are exact and several times faster than decimals.
    """

    above: int
    call: int
    input: int
    output: int
    #: Index of a count in Usage, and its price beyond that of its whole (`PARTS`), so often negative.
    parts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """Tiers, the highest first; a call pays the prices of one tier for all its tokens."""

    tiers: tuple[Tier, ...]

    def cost_nano_usd(self, usage: Usage) -> int:
        """What a call costs; tokens that are not known cost nothing."""
        input_tokens = usage.input_tokens or 0
        for tier in self.tiers:
            if input_tokens > tier.above:
                break
        else:
            tier = self.tiers[-1]
        cost = tier.call + tier.input * input_tokens
        if usage.output_tokens:
            cost += tier.output * usage.output_tokens
        for index, part in tier.parts:
            if count := usage[index]:
                cost += part * count
        nano_usd, rest = divmod(cost, _UNITS_PER_NANO)
        # Half to even, as decimals are rounded.
        up = rest * 2 > _UNITS_PER_NANO or (rest * 2 == _UNITS_PER_NANO and nano_usd % 2 == 1)
        return nano_usd + up


def part_index(name: str) -> int:
    """Where a count stands in Usage."""
    return Usage._fields.index(name)


def units(dollars: Decimal) -> int:
    """Dollars in the unit of a tier."""
    return int((dollars * _UNITS).to_integral_value(ROUND_HALF_EVEN))
