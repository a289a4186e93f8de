"""Explains the cost of a stored row: its buckets of tokens and prices, or why it has none."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import orjson

from pulse_collector.dialects import MODEL_OPERATIONS
from pulse_collector.explain.reasons import cost_reason
from pulse_collector.facts.usage import Usage
from pulse_collector.pricing import Cost, Prices
from pulse_collector.pricing.breakdown import Bucket, buckets_of
from pulse_collector.pricing.price_book import PriceBook
from pulse_storage.rows import TraceRecord
from pulse_storage.trace_json import NANO_USD_PER_CENT, cents

Answer = dict[str, object]

_DIGITS = 80
_REPORTED = "The sender or the provider reported this cost as one amount, so it has no buckets."
_OVERLAP = "Parts of the tokens overlap (cached audio or images), so they have no separate buckets."
_OTHER_RECORD = (
    "The cost comes from another record of the same call, with other tokens or another model than this row."
)


class CostReader:
    """Explains costs of rows with the prices of their project."""

    def __init__(self, prices: PriceBook) -> None:
        self._prices = prices

    async def cost(self, record: TraceRecord) -> Answer:
        """Return the JSON object of `GET /v1/traces/{trace_id}/cost`. Raises StoreUnavailable."""
        return explain_cost(record, await self._prices.of(record.project_id))


def explain_cost(record: TraceRecord, prices: Prices) -> Answer:
    """Return cost, source and buckets of a row.

    It has buckets only if these prices give the stored cost to the nano-dollar; else `note` has the reason.
    """
    # Enough digits for every product and quotient to be exact.
    with localcontext(prec=_DIGITS):
        buckets, note = _buckets(record, prices)
        shown = [_object(bucket) for bucket in buckets]
    return {
        "cost_cents": None if record.cost_nano_usd is None else cents(record.cost_nano_usd),
        "source": record.cost_source,
        "price_version": record.price_version,
        "buckets": shown,
        "adds_up": note is None,
        "note": note,
    }


def _buckets(record: TraceRecord, prices: Prices) -> tuple[Sequence[Bucket], str | None]:
    """Return the buckets and None, or no buckets and the reason."""
    if record.cost_nano_usd is None:
        return (), _unknown(record)
    if record.cost_source == "reported":
        return (), _REPORTED
    usage = Usage(*(getattr(record, name) for name in Usage._fields))
    models = (record.model_used, record.model_requested)
    now = prices.price(
        provider=record.provider,
        models=models,
        usage=usage,
        start_ns=record.start_ns,
        failed=record.status == "error",
        service_tier=record.service_tier,
    )
    if now.nano_usd != record.cost_nano_usd:
        return (), _other_prices(record, now)
    rates = prices.rates(
        provider=record.provider,
        models=models,
        start_ns=record.start_ns,
        service_tier=record.service_tier,
        unlisted=None,
    )
    buckets = None if rates is None else buckets_of(rates, usage)
    if buckets is None:
        return (), _OVERLAP
    total = sum((bucket.cost_nano_usd for bucket in buckets), Decimal(0))
    if total.to_integral_value(ROUND_HALF_EVEN) != record.cost_nano_usd:
        return (), _OTHER_RECORD
    return buckets, None


def _unknown(record: TraceRecord) -> str:
    """Return why a row has no cost."""
    has_tokens = record.input_tokens is not None or record.output_tokens is not None
    if record.operation not in MODEL_OPERATIONS and not has_tokens:
        return "Only model calls have a cost; this span is not one."
    reason = cost_reason(record)
    return f"{reason[:1].upper()}{reason[1:]}."


def _other_prices(record: TraceRecord, now: Cost) -> str:
    """Return why the prices in force give another cost."""
    if now.version == record.price_version:
        return _OTHER_RECORD
    computed = record.price_version or "earlier prices"
    if now.nano_usd is None:
        return f"Computed by {computed}; the prices in force have none for this call."
    amount = _text(Decimal(now.nano_usd) / NANO_USD_PER_CENT)
    return (
        f"Computed by {computed}; the prices in force ({now.version}) give {amount} cents."
        " To apply them to stored calls, run pulse reprice."
    )


def _object(bucket: Bucket) -> Answer:
    return {
        "name": bucket.name,
        "tokens": bucket.tokens,
        "usd_per_million": None if bucket.usd_per_million is None else _number(bucket.usd_per_million),
        "cost_cents": _number(bucket.cost_nano_usd / NANO_USD_PER_CENT),
    }


def _number(value: Decimal) -> orjson.Fragment:
    """Return a decimal as a JSON number with all its digits."""
    return orjson.Fragment(_text(value))


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"
