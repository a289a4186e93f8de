"""Costs: what a row says that its call cost, and what its span said."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from pulse_collector.facts.usage import Usage
from pulse_storage.rows import CostSource

#: A million dollars for one call is a fault of the sender; the bound also keeps nano-dollars in 64 bits.
_MAX_COST_USD = 1_000_000
_NANO = Decimal(1_000_000_000)


class Cost(NamedTuple):
    """A cost in billionths of a dollar; None if it is not known."""

    nano_usd: int | None
    source: CostSource | None
    #: The prices that it was computed from, or why the list price does not hold (`terms.unlisted`).
    version: str | None


UNKNOWN_COST = Cost(None, None, None)


class ReportedCost(NamedTuple):
    """What a span says that it cost, in billionths of a dollar; None if it says nothing that can be used."""

    nano_usd: int | None = None
    #: Worked out by the sender from a price list, without regard to cached tokens.
    estimate_nano_usd: int | None = None


NOT_REPORTED = ReportedCost()


def reported_cost(
    cost_usd: float, usage: Usage, *, is_estimate: bool, is_free: bool = False, failed: bool = False
) -> ReportedCost:
    """Return a cost in dollars as a sender wrote it, unless it cannot be true.

    Zero is a price only of a model that is free; else it stands for an unknown one, if tokens were used, are
    not known, or the call failed.
    """
    if cost_usd > _MAX_COST_USD:
        return NOT_REPORTED
    if cost_usd == 0 and not is_free and (failed or usage.input_tokens != 0 or usage.output_tokens):
        return NOT_REPORTED
    # Through the shortest decimal that is this float, as the sender wrote it.
    nano_usd = int((Decimal(repr(cost_usd)) * _NANO).to_integral_value(ROUND_HALF_EVEN))
    return ReportedCost(estimate_nano_usd=nano_usd) if is_estimate else ReportedCost(nano_usd)
