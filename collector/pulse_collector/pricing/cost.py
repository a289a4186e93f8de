"""The cost of a row, and the cost that a span reports."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from pulse_collector.facts.usage import Usage
from pulse_storage.rows import CostSource

#: A larger cost of one call is an error of the sender. The bound also keeps nano-dollars in 64 bits.
_MAX_COST_USD = 1_000_000
_NANO = Decimal(1_000_000_000)


class Cost(NamedTuple):
    """A cost in billionths of a dollar; None if it is unknown."""

    nano_usd: int | None
    source: CostSource | None
    #: The prices from which it was computed, or why the list price does not apply (`terms.unlisted`).
    version: str | None


UNKNOWN_COST = Cost(None, None, None)


class ReportedCost(NamedTuple):
    """The cost that a span reports, in billionths of a dollar; None if it reports no usable cost."""

    nano_usd: int | None = None
    #: Computed by the sender from a price list, ignoring cached tokens.
    estimate_nano_usd: int | None = None


NOT_REPORTED = ReportedCost()


def reported_cost(
    cost_usd: float, usage: Usage, *, is_estimate: bool, is_free: bool = False, failed: bool = False
) -> ReportedCost:
    """Convert a reported cost in dollars; an impossible cost counts as not reported.

    Zero is a cost only of a free model. Otherwise it means unknown if tokens were used or are unknown, or if
    the call failed.
    """
    if cost_usd > _MAX_COST_USD:
        return NOT_REPORTED
    if cost_usd == 0 and not is_free and (failed or usage.input_tokens != 0 or usage.output_tokens):
        return NOT_REPORTED
    # By the float's shortest decimal, which is the number that the sender wrote.
    nano_usd = int((Decimal(repr(cost_usd)) * _NANO).to_integral_value(ROUND_HALF_EVEN))
    return ReportedCost(estimate_nano_usd=nano_usd) if is_estimate else ReportedCost(nano_usd)
