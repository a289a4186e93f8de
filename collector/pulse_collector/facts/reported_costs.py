"""Reads the cost of a call in dollars from usage objects and from parts of a cost."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_collector.facts.attributes import AttributeValue, add_dollars, as_number
from pulse_collector.facts.cost_names import CostPart
from pulse_collector.facts.json_text import Json, JsonObject
from pulse_collector.facts.span_facts import SpanFacts

#: Operations whose whole cost is the cost of their input.
_WITHOUT_OUTPUT = frozenset({"embeddings", "rerank"})


def read_reported_cost(facts: SpanFacts, usage: Json) -> None:
    """Set the cost in dollars that a usage object reports, as those of OpenRouter, Perplexity and xAI do."""
    if not isinstance(usage, dict):
        return
    dollars = _charged(usage)
    if dollars is None and has_own_key(usage):
        # OpenRouter's fee alone is not the cost of the call. An attribute may repeat it.
        facts.numbers.pop("cost_usd", None)
    elif dollars:
        facts.numbers["cost_usd"] = dollars
        facts.cost_is_estimate = False
    elif dollars is not None:
        facts.numbers.setdefault("cost_usd", dollars)


def _charged(usage: JsonObject) -> float | None:
    cost = usage.get("cost")
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    if cost is None and (ticks := as_number(_scalar(usage.get("cost_in_usd_ticks")))) is not None:
        return ticks / _TICKS_PER_USD
    dollars = as_number(_scalar(cost))
    if dollars is None or not has_own_key(usage):
        return dollars
    # With the user's own key this is OpenRouter's fee only: the provider charges the user too.
    details = usage.get("cost_details") or usage.get("costDetails")
    details = details if isinstance(details, dict) else {}
    upstream = details.get("upstream_inference_cost", details.get("upstreamInferenceCost"))
    charged = as_number(_scalar(upstream))
    return None if charged is None else add_dollars(dollars, charged)


def fill_stated_cost(facts: SpanFacts, costs: JsonObject) -> None:
    """Set the cost from an object of costs in dollars: its total, else the sum of its parts."""
    named = {name: as_number(_scalar(value)) for name, value in costs.items()}
    known = {name: dollars for name, dollars in named.items() if dollars is not None}
    total = known.pop("total", known.pop("total_cost", None))
    if total is None and known:
        total = add_dollars(*known.values())
    if total is not None:
        facts.numbers.setdefault("cost_usd", total)


def fill_cost_of_parts(facts: SpanFacts, parts: Mapping[CostPart, AttributeValue]) -> None:
    """Set the cost if it is not set: the total in `parts`, else the sum of input and output cost.

    With the user's own key at OpenRouter, add the provider's charge, or remove the cost if it is unknown.
    Input cost alone suffices only for operations without output.
    """
    numbers = facts.numbers
    total = as_number(parts.get("total"))
    if total is not None:
        numbers.setdefault("cost_usd", total)
    input_usd, output_usd = as_number(parts.get("input")), as_number(parts.get("output"))
    # The input cost is the whole cost only of operations without output.
    is_whole = output_usd is not None or facts.operation in _WITHOUT_OUTPUT
    if "cost_usd" not in numbers and input_usd is not None and is_whole:
        numbers["cost_usd"] = add_dollars(input_usd, output_usd or 0.0)
    if parts.get("own_key") not in (True, "true", "True") or "cost_usd" not in numbers:
        return
    upstream = as_number(parts.get("upstream"))
    fee = numbers.pop("cost_usd")
    if upstream is not None:
        numbers["cost_usd"] = add_dollars(fee, upstream)


def has_own_key(usage: JsonObject) -> bool:
    """Return whether OpenRouter used the user's own key of a provider."""
    return usage.get("is_byok") is True or usage.get("isByok") is True


#: docs.x.ai/developers/cost-tracking: one dollar is 10^10 ticks.
_TICKS_PER_USD = 10**10


def _scalar(value: Json) -> str | int | float | None:
    return value if isinstance(value, str | int | float) else None
