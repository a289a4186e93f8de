"""What a call cost: as reported, else by genai-prices at the prices of the span's own time, else unknown.

Order of trust: what the provider charged or the sender states, then our own computation, then estimates of
senders that are known to ignore cached tokens. A reported cost of zero for used tokens is no cost at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from importlib import metadata
from typing import NamedTuple

from genai_prices import Usage as PricedUsage
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

from pulse_collector.mapping.usage import Usage
from pulse_storage.rows import CostSource

PRICE_VERSION = f"genai-prices {metadata.version('genai-prices')}"

#: A million dollars for one call is a fault of the sender; the bound also keeps nano-dollars in 64 bits.
_MAX_COST_USD = 1_000_000

_NANO = Decimal(1_000_000_000)
_UNITS = Decimal(10) ** 24
_UNITS_PER_NANO = 10**15
_MINUTE_NS = 60_000_000_000

#: Where genai-prices has the models of our providers, best first; the rest go by their own name.
_PRICE_LISTS: dict[str, tuple[str, ...]] = {
    "azure": ("azure", "openai"),
    "azure_inference": ("azure",),
    "bedrock": ("aws", "anthropic"),
    "vertex": ("google", "anthropic"),
    "xai": ("x-ai",),
    "moonshot": ("moonshotai",),
    "z_ai": ("zai",),
}


class Cost(NamedTuple):
    """A cost in billionths of a dollar, all None if it is not known."""

    nano_usd: int | None
    source: CostSource | None
    #: Which prices it was computed from.
    version: str | None


UNKNOWN_COST = Cost(None, None, None)


class ReportedCost(NamedTuple):
    """What a span says that it cost, in billionths of a dollar; None if it says nothing that can be used."""

    nano_usd: int | None = None
    #: Worked out by the sender from a price list, without regard to cached tokens.
    estimate_nano_usd: int | None = None


NOT_REPORTED = ReportedCost()


def price(
    *,
    provider: str | None,
    models: Sequence[str | None],
    usage: Usage,
    start_ns: int,
    reported: ReportedCost = NOT_REPORTED,
) -> Cost:
    """The cost of one model call.

    `models` are names of the same model, best first: the one used, then the one asked for. `start_ns` is the
    Unix time in nanoseconds at which the prices must have been valid.
    """
    if reported.nano_usd is not None:
        return Cost(reported.nano_usd, "reported", None)
    computed = _computed(provider, models, usage, start_ns)
    if computed is not None:
        return Cost(computed, "computed", PRICE_VERSION)
    estimate = reported.estimate_nano_usd
    return UNKNOWN_COST if estimate is None else Cost(estimate, "reported", None)


def reported_cost(cost_usd: float, usage: Usage, *, is_estimate: bool) -> ReportedCost:
    """A cost in dollars as a sender wrote it, unless it cannot be true."""
    if cost_usd > _MAX_COST_USD or (cost_usd == 0 and (usage.input_tokens or usage.output_tokens)):
        return NOT_REPORTED
    # Through the shortest decimal that is this float, as the sender wrote it.
    nano_usd = _nano(Decimal(repr(cost_usd)))
    return ReportedCost(estimate_nano_usd=nano_usd) if is_estimate else ReportedCost(nano_usd)


def warm_up() -> None:
    """Load the price list, which takes half a second, so that the first request need not."""
    for model, provider in (("gpt-4o-mini", "openai"), ("claude-sonnet-4-5", "anthropic")):
        _computed(provider, (model,), Usage(input_tokens=1, output_tokens=1), 0)


def _computed(provider: str | None, models: Sequence[str | None], usage: Usage, start_ns: int) -> int | None:
    if provider is None or usage.input_tokens is None or not (usage.input_tokens or usage.output_tokens):
        return None
    for model in models:
        if model is None:
            continue
        priced = _priced_model(provider, model)
        if priced is None:
            continue
        # Prices of one model change by date or by time of day, to the minute.
        rates = priced.rates if priced.rates is not None else _rates_at(priced, start_ns // _MINUTE_NS)
        return rates.cost_nano_usd(usage) if rates.prices_tokens else None
    return None


@dataclass(frozen=True, slots=True, eq=False)
class _PricedModel:
    provider: Provider
    model: ModelInfo
    #: None if the price depends on the time.
    rates: _Rates | None


@dataclass(frozen=True, slots=True)
class _Tier:
    """Prices per call and per token in 1e-24 dollars, for calls with more than `above` input tokens.

    Whole numbers, since they are exact and several times faster than decimals.
    """

    above: int
    call: int
    input: int
    output: int
    #: Index of a count in Usage, and its price beyond the one as plain input or output, so often negative.
    parts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Rates:
    """One model's price, which is linear in its counts within each tier."""

    prices_tokens: bool
    #: The highest first.
    tiers: tuple[_Tier, ...]

    def cost_nano_usd(self, usage: Usage) -> int:
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


def _nano(dollars: Decimal) -> int:
    return int((dollars * _NANO).to_integral_value(ROUND_HALF_EVEN))


@lru_cache(maxsize=4096)
def _priced_model(provider: str, model: str) -> _PricedModel | None:
    for price_list in _PRICE_LISTS.get(provider, (provider,)):
        try:
            found = data_snapshot.get_snapshot().find_provider_model(model, None, price_list, None)
        except LookupError:
            continue
        prices = found[1].prices
        return _PricedModel(*found, _rates(prices) if isinstance(prices, ModelPrice) else None)
    return None


@lru_cache(maxsize=16_384)
def _rates_at(priced: _PricedModel, minute: int) -> _Rates:
    try:
        at = datetime.fromtimestamp(minute * 60, UTC)
    except (OverflowError, ValueError, OSError):
        at = datetime.max.replace(tzinfo=UTC)
    return _rates(priced.model.get_prices(at))


_rates_of_price: dict[int, tuple[ModelPrice, _Rates]] = {}


def _rates(model_price: ModelPrice) -> _Rates:
    """The rates behind a price, found by asking genai-prices itself, whose every rule they thus follow."""
    known = _rates_of_price.get(id(model_price))
    if known is not None:
        return known[1]
    prices: list[object] = list(vars(model_price).values())
    starts = {tier.start for value in prices if isinstance(value, TieredPrices) for tier in value.tiers}
    bounds = sorted({-1, *starts})
    tiers = [
        _tier(model_price, above, bounds[index + 1] if index + 1 < len(bounds) else None)
        for index, above in enumerate(bounds)
    ]
    rates = _Rates(
        model_price.input_mtok is not None or model_price.output_mtok is not None, tuple(reversed(tiers))
    )
    # Holding the price keeps its id from being given to another.
    _rates_of_price[id(model_price)] = (model_price, rates)
    return rates


def _tier(model_price: ModelPrice, above: int, to: int | None) -> _Tier:
    """The rates between two thresholds, as differences between prices of calls within them."""
    step = 10 ** (len(str(max(to - above - 1, 1))) - 1) if to is not None else 1_000_000
    # Both probes lie in the tier, and the second has room for `step` cached tokens.
    low = above + 1
    high = low + step if to is None or low + step <= to else low

    def dollars(input_tokens: int, **counts: int) -> Decimal:
        return model_price.calc_price(PricedUsage(input_tokens=input_tokens, **counts))["total_price"]

    base = dollars(high)
    rate = (base - dollars(low)) / step
    output = dollars(high, output_tokens=step) - base
    parts: list[tuple[int, int]] = []
    for name, whole in _PARTS.items():
        within = {whole: step} if whole else {}
        beyond = dollars(high, **within, **{_THEIR_NAMES.get(name, name): step}) - dollars(high, **within)
        if beyond:
            parts.append((Usage._fields.index(name), _units(beyond / step)))
    return _Tier(
        above=above,
        call=_units(base - rate * high),
        input=_units(rate),
        output=_units(output / step),
        parts=tuple(parts),
    )


#: The counts that are parts of others: of the input, unless another is named.
_PARTS = {
    "cache_read_tokens": None,
    "cache_write_tokens": None,
    "cache_write_1h_tokens": "cache_write_tokens",
    "reasoning_tokens": "output_tokens",
    "input_audio_tokens": None,
    "input_image_tokens": None,
    "output_audio_tokens": "output_tokens",
    "output_image_tokens": "output_tokens",
}
_THEIR_NAMES = {"reasoning_tokens": "output_reasoning_tokens"}


def _units(dollars: Decimal) -> int:
    return int((dollars * _UNITS).to_integral_value(ROUND_HALF_EVEN))
