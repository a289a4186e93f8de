"""Terms of billing under which the list price does not apply to a call."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_collector.facts.cost_names import BillingTerm
from pulse_collector.facts.span_facts import clean_text
from pulse_storage.rows import BILLED_BY_PREFIX, SEVERAL_MODELS_PREFIX

#: Values for which the list price applies. `auto` and `standard_only` are values of requests. Groq's usual
#: tier is `on_demand`. Anthropic reports `not_available` for models with one price for all regions.
_LISTED: dict[BillingTerm, frozenset[str]] = {
    "service_tier": frozenset(
        {"default", "standard", "standard_only", "auto", "on_demand", "on-demand", "ondemand", "none", "null"}
    ),
    "speed": frozenset({"standard", "default", "normal"}),
    "inference_geo": frozenset({"global", "default", "not_available"}),
    "other_models": frozenset(),
}


_NO_TIER = frozenset({"", "none", "null"})


def unlisted(billing: Mapping[BillingTerm, tuple[str, bool]]) -> str | None:
    """Return the `price_version` of a call to which the list price does not apply; None if it applies.

    It names the first term with a different price, which no list has: flex, priority and batch tiers, fast
    mode, inference in one country. Tokens of several models have no common price.
    """
    if (others := billing.get("other_models")) is not None:
        return f"{SEVERAL_MODELS_PREFIX}, also {others[0][:64]}"
    for term, (value, _) in billing.items():
        if value.strip().lower() not in _LISTED[term]:
            return f"{BILLED_BY_PREFIX}{term} {value.strip()[:64]}"
    return None


def stated_tier(billing: Mapping[BillingTerm, tuple[str, bool]]) -> str | None:
    """Return the service tier of a call in lower case; None if unknown, as after a request for any tier."""
    stated, only_requested = billing.get("service_tier", ("", False))
    tier = clean_text(stated.strip().lower()[:64])
    return None if tier in _NO_TIER or (only_requested and tier == "auto") else tier
