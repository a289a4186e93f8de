"""The price list of the package genai-prices: offline, by date and by time of day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from importlib import metadata
from itertools import product

from genai_prices import Usage as PricedUsage
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

from pulse_collector.pricing.modalities import unpriced_parts
from pulse_collector.pricing.rates import PARTS, Rates, Tier, part_index, rates_of, units

PRICE_VERSION = f"genai-prices {metadata.version('genai-prices')}"

_MINUTE_NS = 60_000_000_000

#: The lists of genai-prices for our providers, in order of preference; other providers have the same name.
_PRICE_LISTS: dict[str, tuple[str, ...]] = {
    "azure": ("azure", "openai"),
    "azure_inference": ("azure",),
    "bedrock": ("aws", "anthropic"),
    "vertex": ("google", "anthropic"),
    "xai": ("x-ai",),
    "moonshot": ("moonshotai",),
    "z_ai": ("zai",),
}
_THEIR_NAMES = {"reasoning_tokens": "output_reasoning_tokens"}


def list_rates(provider: str, models: tuple[str | None, ...], start_ns: int) -> Rates | None:
    """Return the rates of a model at a time (Unix ns) by the first of its names on the list.

    Returns None for unknown models, and rates without tiers if the list does not price the model's tokens.
    """
    priced = _priced_model(provider, models)
    if priced is None:
        return None
    # Prices of one model may change by date or by time of day, to the minute.
    return priced.rates if priced.rates is not None else _rates_at(priced, start_ns // _MINUTE_NS)


def warm_up() -> None:
    """Load the price list, which takes half a second, before the first request."""
    for model, provider in (("gpt-4o-mini", "openai"), ("claude-sonnet-4-5", "anthropic")):
        list_rates(provider, (model,), 0)


@dataclass(frozen=True, slots=True, eq=False)
class _PricedModel:
    provider: Provider
    model: ModelInfo
    #: None if the price depends on the time.
    rates: Rates | None


@lru_cache(maxsize=4096)
def _priced_model(provider: str, models: tuple[str | None, ...]) -> _PricedModel | None:
    """Return the list entry of the first name that is on the list. Cached by all names."""
    lists = _PRICE_LISTS.get(provider, (provider,))
    for model, price_list in product(filter(None, models), lists):
        try:
            found = data_snapshot.get_snapshot().find_provider_model(model, None, price_list, None)
        except LookupError:
            continue
        prices = found[1].prices
        return _PricedModel(*found, _rates(*found, prices) if isinstance(prices, ModelPrice) else None)
    return None


@lru_cache(maxsize=16_384)
def _rates_at(priced: _PricedModel, minute: int) -> Rates:
    try:
        at = datetime.fromtimestamp(minute * 60, UTC)
    except (OverflowError, ValueError, OSError):
        at = datetime.max.replace(tzinfo=UTC)
    return _rates(priced.provider, priced.model, priced.model.get_prices(at))


_NO_TOKEN_PRICES = Rates(())
_rates_of_price: dict[int, tuple[ModelPrice, Rates]] = {}


def _rates(provider: Provider, model: ModelInfo, model_price: ModelPrice) -> Rates:
    """Return the rates of a price. genai-prices computes them, so that all of its rules apply."""
    known = _rates_of_price.get(id(model_price))
    if known is not None:
        return known[1]
    if model_price.input_mtok is None and model_price.output_mtok is None:
        return _NO_TOKEN_PRICES
    prices: list[object] = list(vars(model_price).values())
    starts = {tier.start for value in prices if isinstance(value, TieredPrices) for tier in value.tiers}
    bounds = sorted({-1, *starts})
    tiers = [
        _tier(model_price, above, bounds[index + 1] if index + 1 < len(bounds) else None)
        for index, above in enumerate(bounds)
    ]
    rates = rates_of(reversed(tiers), unpriced_parts(provider.id, model.id, model_price))
    # The reference keeps the id from being reused.
    _rates_of_price[id(model_price)] = (model_price, rates)
    return rates


def _tier(model_price: ModelPrice, above: int, to: int | None) -> Tier:
    """Return the rates between two thresholds, from differences of genai-prices' costs within them."""
    step = 10 ** (len(str(max(to - above - 1, 1))) - 1) if to is not None else 1_000_000
    # Both sample calls are within the tier, and the second one has room for `step` cached tokens.
    low = above + 1
    high = low + step if to is None or low + step <= to else low

    def dollars(input_tokens: int, **counts: int) -> Decimal:
        return model_price.calc_price(PricedUsage(input_tokens=input_tokens, **counts))["total_price"]

    base = dollars(high)
    rate = (base - dollars(low)) / step
    output = dollars(high, output_tokens=step) - base
    parts: list[tuple[int, int]] = []
    for name, whole in PARTS.items():
        within = {whole: step} if whole != "input_tokens" else {}
        beyond = dollars(high, **within, **{_THEIR_NAMES.get(name, name): step}) - dollars(high, **within)
        if beyond:
            parts.append((part_index(name), units(beyond / step)))
    return Tier(
        above=above,
        call=units(base - rate * high),
        input=units(rate),
        output=units(output / step),
        parts=tuple(parts),
    )
