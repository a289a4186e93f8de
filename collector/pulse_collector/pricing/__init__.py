"""Computes the cost of a call: reported, else by custom prices, else by the price list, else unknown."""

from __future__ import annotations

from pulse_collector.pricing.cost import NOT_REPORTED, UNKNOWN_COST, Cost, ReportedCost, reported_cost
from pulse_collector.pricing.prices import LIST_PRICES, Prices
from pulse_collector.pricing.terms import unlisted

__all__ = [
    "LIST_PRICES",
    "NOT_REPORTED",
    "UNKNOWN_COST",
    "Cost",
    "Prices",
    "ReportedCost",
    "reported_cost",
    "unlisted",
]
