"""The prices of one project, and their order of precedence."""

from __future__ import annotations

from pulse_collector.facts.usage import Usage
from pulse_collector.pricing.cost import NOT_REPORTED, UNKNOWN_COST, Cost, ReportedCost
from pulse_collector.pricing.custom import CustomPrice, CustomPrices
from pulse_collector.pricing.price_list import PRICE_VERSION, list_rates
from pulse_collector.pricing.rates import Rates
from pulse_storage.rows import SEVERAL_MODELS_PREFIX


class Prices:
    """Custom prices, the project's before the file's, and the price list. Immutable and thread-safe."""

    def __init__(self, *custom: CustomPrices) -> None:
        self._custom = custom

    @property
    def version(self) -> str:
        """Return the name of all prices: equal versions give equal costs."""
        return ", ".join([*(prices.version for prices in self._custom), PRICE_VERSION])

    def price(
        self,
        *,
        provider: str | None,
        models: tuple[str | None, ...],
        usage: Usage,
        start_ns: int,
        reported: ReportedCost = NOT_REPORTED,
        failed: bool = False,
        service_tier: str | None = None,
        unlisted: str | None = None,
    ) -> Cost:
        """Return the cost of one model call.

        Precedence: a custom price that overrides reported costs, the reported cost, other custom prices, the
        price list, the sender's estimate.

        `models` are names of one model in order of preference: the used one, then the requested one.
        `start_ns` is the Unix time (ns) for which prices are looked up. `service_tier` is in lower case;
        custom prices may differ by it. `unlisted` is the reason why the list price does not apply
        (`terms.unlisted`).
        """
        custom = self._custom_price(provider, models, start_ns, service_tier, unlisted)
        if reported.nano_usd is not None and (custom is None or not custom.override_reported):
            return Cost(reported.nano_usd, "reported", None)
        if custom is not None:
            computed, version = custom.cost_nano_usd(usage, failed=failed), custom.version
        elif unlisted is not None:
            return Cost(None, None, unlisted)
        else:
            computed, version = _list_cost(provider, models, usage, start_ns), PRICE_VERSION
        if computed is not None:
            return Cost(computed, "computed", version)
        nano_usd = reported.estimate_nano_usd if reported.nano_usd is None else reported.nano_usd
        return UNKNOWN_COST if nano_usd is None else Cost(nano_usd, "reported", None)

    def rates(
        self,
        *,
        provider: str | None,
        models: tuple[str | None, ...],
        start_ns: int,
        service_tier: str | None,
        unlisted: str | None,
    ) -> Rates | None:
        """Return the rates by which `price` computes the cost of a call, or None if it has no price."""
        custom = self._custom_price(provider, models, start_ns, service_tier, unlisted)
        if custom is not None:
            return custom.rates
        if unlisted is not None or provider is None:
            return None
        rates = list_rates(provider, models, start_ns)
        return rates if rates is not None and rates.tiers else None

    def _custom_price(
        self,
        provider: str | None,
        models: tuple[str | None, ...],
        start_ns: int,
        service_tier: str | None,
        unlisted: str | None,
    ) -> CustomPrice | None:
        if unlisted is not None and unlisted.startswith(SEVERAL_MODELS_PREFIX):
            return None
        for prices in self._custom:
            custom = prices.price(provider, models, start_ns, service_tier)
            if custom is not None:
                return custom
        return None


#: The prices of a project without custom prices.
LIST_PRICES = Prices()


def _list_cost(
    provider: str | None, models: tuple[str | None, ...], usage: Usage, start_ns: int
) -> int | None:
    if provider is None or usage.input_tokens is None or not (usage.input_tokens or usage.output_tokens):
        return None
    rates = list_rates(provider, models, start_ns)
    return rates.cost_nano_usd(usage) if rates is not None and rates.tiers else None
