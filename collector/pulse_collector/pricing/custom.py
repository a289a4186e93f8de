"""Custom prices: the entries of a price document, indexed by model names."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from pulse_collector.facts.usage import Usage
from pulse_collector.pricing.rates import PARTS, Rates, Tier, part_index, rates_of, units
from pulse_storage.price_document import PriceDocument, PriceEntry, TokenPrices

_MILLION = Decimal(1_000_000)
#: The start of validity of an entry without one.
_ALWAYS_NS = -(1 << 63)


class CustomPrice(NamedTuple):
    """The prices of one entry."""

    rates: Rates
    override_reported: bool
    #: True if the entry has a price per call only: the cost is then known without tokens.
    by_call: bool
    version: str

    def cost_nano_usd(self, usage: Usage, *, failed: bool) -> int | None:
        """Return the cost of a call; None if it is unknown. A failed call without tokens costs nothing."""
        if usage.input_tokens or usage.output_tokens:
            known = usage.input_tokens is not None or self.by_call
            return self.rates.cost_nano_usd(usage) if known else None
        call_nano_usd = self.rates.cost_nano_usd(_NO_TOKENS)
        return call_nano_usd if call_nano_usd and self.by_call and not failed else None


_NO_TOKENS = Usage(0, 0)


class CustomPrices:
    """One price document. Thread-safe; its cache is bounded."""

    def __init__(self, document: PriceDocument, label: str) -> None:
        self.document = document
        #: The `price_version` of costs computed from the document.
        self.version = f"{label}@{document.digest}"
        self._entries = [_Entry.of(entry, self.version) for entry in document.prices]
        # An exact name precedes a pattern, a longer pattern a shorter one. Of entries for the same names one
        # with a service tier is first, then the one with the latest start of validity.
        self._entries.sort(
            key=lambda entry: (*entry.precision, entry.service_tier is not None, entry.from_ns), reverse=True
        )
        self._matching = lru_cache(maxsize=4096)(self._find)

    def price(
        self, provider: str | None, models: tuple[str | None, ...], start_ns: int, service_tier: str | None
    ) -> CustomPrice | None:
        """Return the price of a model at a time (Unix ns) by the first name that has one, or None."""
        for model in models:
            if model is not None:
                for from_ns, price in self._matching(provider, model, service_tier):
                    if from_ns <= start_ns:
                        return price
        return None

    def _find(
        self, provider: str | None, model: str, service_tier: str | None
    ) -> tuple[tuple[int, CustomPrice], ...]:
        names = (provider or "").lower(), model.lower(), service_tier
        return tuple((entry.from_ns, entry.price) for entry in self._entries if entry.matches(*names))


class _Entry(NamedTuple):
    provider: re.Pattern[str]
    model: re.Pattern[str]
    service_tier: str | None
    precision: tuple[bool, int, bool, int]
    from_ns: int
    price: CustomPrice

    @classmethod
    def of(cls, entry: PriceEntry, version: str) -> _Entry:
        provider = entry.provider or "*"
        from_ns = _ALWAYS_NS
        if entry.valid_from is not None:
            from_ns = int(entry.valid_from.timestamp()) * 1_000_000_000
        tiers = [_tier(entry, entry, -1), *(_tier(entry, tier, tier.above) for tier in entry.tiers)]
        tiers.sort(key=lambda tier: tier.above, reverse=True)
        by_call = not any(tier.input or tier.output or tier.parts for tier in tiers)
        return cls(
            _regex(provider),
            _regex(entry.model),
            None if entry.service_tier is None else entry.service_tier.lower(),
            (*_precision(entry.model), *_precision(provider)),
            from_ns,
            CustomPrice(rates_of(tiers), entry.override_reported, by_call, version),
        )

    def matches(self, provider: str, model: str, service_tier: str | None) -> bool:
        if self.service_tier is not None and self.service_tier != service_tier:
            return False
        return self.model.fullmatch(model) is not None and self.provider.fullmatch(provider) is not None


def _regex(pattern: str) -> re.Pattern[str]:
    first, *others = (re.escape(part).replace(r"\?", ".") for part in pattern.lower().split("*"))
    # Atomic groups: each middle part matches at its first occurrence, so no pattern backtracks.
    middle = "".join(f"(?>.*?{part})" for part in others[:-1])
    last = f".*{others[-1]}" if others else ""
    return re.compile(first + middle + last, re.DOTALL)


def _precision(pattern: str) -> tuple[bool, int]:
    return "*" not in pattern and "?" not in pattern, len(pattern)


def _tier(entry: PriceEntry, own: TokenPrices, above: int) -> Tier:
    """Return a tier's prices: its own, else the entry's, else, for parts of a count, those of the whole."""

    def given(name: str) -> float | None:
        price: float | None = getattr(own, name)
        return price if price is not None else getattr(entry, name)

    prices: dict[str, int] = {}
    for whole in ("input", "output"):
        prices[f"{whole}_tokens"] = _per_token(given(whole) or 0)
    parts: list[tuple[int, int]] = []
    for name, whole in PARTS.items():
        price = given(name.removesuffix("_tokens"))
        prices[name] = prices[whole] if price is None else _per_token(price)
        if prices[name] != prices[whole]:
            parts.append((part_index(name), prices[name] - prices[whole]))
    return Tier(
        above=above,
        call=units(Decimal(repr(given("per_call") or 0))),
        input=prices["input_tokens"],
        output=prices["output_tokens"],
        parts=tuple(parts),
    )


def _per_token(dollars_per_million: float) -> int:
    # By the float's shortest decimal, which is the number that the document has.
    return units(Decimal(repr(dollars_per_million)) / _MILLION)
