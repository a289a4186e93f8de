"""Prices stored spans again from their own facts."""

from __future__ import annotations

from pulse_collector.facts.usage import Usage
from pulse_collector.pricing.cost import ReportedCost
from pulse_collector.pricing.prices import Prices
from pulse_storage.reconciliation.skeletons import Skeleton
from pulse_storage.repricing import PriceSpan, SpanCost, SpanReportedCost
from pulse_storage.rows import UNLISTED_PREFIX


def span_pricing(prices: Prices) -> PriceSpan:
    """Return a function that prices a stored span as if it arrived now."""

    def price(span: Skeleton, reported: SpanReportedCost) -> SpanCost:
        usage = Usage(
            span.input_tokens,
            span.output_tokens,
            span.cache_read_tokens,
            span.cache_write_tokens,
            span.reasoning_tokens,
            span.cache_write_1h_tokens,
            span.input_audio_tokens,
            span.input_image_tokens,
            span.output_audio_tokens,
            span.output_image_tokens,
        )
        cost = prices.price(
            provider=span.provider,
            models=(span.model_used, span.model_requested),
            usage=usage,
            start_ns=span.start_ns,
            reported=ReportedCost(reported.reported_nano_usd, reported.estimated_nano_usd),
            failed=span.status == "error",
            service_tier=span.service_tier,
            unlisted=_unlisted(span),
        )
        return SpanCost(*cost)

    return price


def _unlisted(span: Skeleton) -> str | None:
    version = span.price_version
    return version if version is not None and version.startswith(UNLISTED_PREFIX) else None
