"""The prices in force for one project, and the order in which they are trusted."""

from __future__ import annotations

from pulse_collector.facts.usage import Usage
from pulse_collector.pricing.cost import NOT_REPORTED, UNKNOWN_COST, Cost, ReportedCost
from pulse_collector.pricing.custom import CustomPrices
from pulse_collector.pricing.price_list import PRICE_VERSION, list_rates
from pulse_storage.rows import SEVERAL_MODELS_PREFIX


class Prices:
    """Custom prices, the more particular first, above the price list. Immutable, safe from any thread."""

    def __init__(self, *custom: CustomPrices) -> None:
        self._custom = custom

    @property
    def version(self) -> str:
        """Names all of them: equal where every call costs the same."""
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
        unlisted: str | None = None,
    ) -> Cost:
        """The cost of one model call.

        A custom price that overrides reported costs is trusted first, then what the provider charged or the
        sender states, then custom prices, the price list, and last what a sender estimated without regard to
        cached tokens.

        `models` are names of the same model, best first: the one used, then the one asked for. `start_ns` is
        the Unix time in nanoseconds at which the prices must have been valid. `unlisted` is the reason why
        the list price does not hold (`terms.unlisted`).
        """
        custom = None
        several_models = unlisted is not None and unlisted.startswith(SEVERAL_MODELS_PREFIX)
        for prices in () if several_models else self._custom:
            custom = prices.price(provider, models, start_ns)
            if custom is not None:
                break
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
        told = reported.estimate_nano_usd if reported.nano_usd is None else reported.nano_usd
        return UNKNOWN_COST if told is None else Cost(told, "reported", None)


#: Without custom prices.
LIST_PRICES = Prices()


def _list_cost(
    provider: str | None, models: tuple[str | None, ...], usage: Usage, start_ns: int
) -> int | None:
    if provider is None or usage.input_tokens is None or not (usage.input_tokens or usage.output_tokens):
        return None
    rates = list_rates(provider, models, start_ns)
    return rates.cost_nano_usd(usage) if rates is not None and rates.tiers else None
