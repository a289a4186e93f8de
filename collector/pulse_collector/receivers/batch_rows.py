"""Builds the rows of the batch route from calls in the seed's schema."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, cast

from pulse_collector.facts.finish_reasons import finish_reason
from pulse_collector.facts.json_text import Json, dump_json
from pulse_collector.facts.messages import last_user_text
from pulse_collector.facts.usage import Usage
from pulse_collector.pricing import LIST_PRICES, NOT_REPORTED, Prices, ReportedCost
from pulse_collector.receivers.batch_schema import BatchTrace
from pulse_storage.content.bodies import pack
from pulse_storage.content.documents import pack_document
from pulse_storage.ids import batch_span_id
from pulse_storage.rows import BATCH_DIALECT, BLANK_ROW, PREVIEW_CHARS, SpanRow

_NANO_USD_PER_CENT = 10_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def batch_row(project_id: str, trace: BatchTrace, prices: Prices = LIST_PRICES) -> SpanRow:
    """Return the row of one call of a batch.

    Its UUID becomes the OTel trace id, and remains the visible id.
    """
    start_ns = _unix_ns(trace.timestamp)
    reported = _reported(trace)
    cost = prices.price(
        provider=trace.provider,
        models=(trace.model_used, trace.model_requested),
        usage=Usage(input_tokens=trace.input_tokens, output_tokens=trace.output_tokens),
        start_ns=start_ns,
        reported=reported,
        failed=trace.status == "error",
    )
    error = trace.error or {}
    output_text = _cleaned(trace.output_text) or None
    has_usage = trace.input_tokens is not None or trace.output_tokens is not None
    return BLANK_ROW._replace(
        project_id=project_id,
        otel_trace_id=trace.trace_id.bytes,
        # Any nonzero span id derived from the trace id alone; zeros would mean none.
        otel_span_id=batch_span_id(trace.trace_id.bytes),
        start_ns=start_ns,
        latency_ms=trace.latency_ms,
        model_call=True,
        gen_ai=True,
        operation=_operation(trace),
        name=_clean(f"{trace.provider} {trace.model_requested}"),
        provider=trace.provider,
        model_requested=_clean(trace.model_requested),
        model_used=_cleaned(trace.model_used),
        provider_request_id=_cleaned(trace.provider_request_id),
        dialect=BATCH_DIALECT,
        input_tokens=trace.input_tokens,
        output_tokens=trace.output_tokens,
        usage_source="reported" if has_usage else None,
        cost_nano_usd=cost.nano_usd,
        cost_source=cost.source,
        price_version=cost.version,
        reported_cost_nano_usd=reported.nano_usd,
        status=trace.status,
        error_type=_text(error.get("type") or error.get("name") or error.get("code")),
        error_message=_text(error.get("message")) or (_text(error) if error else None),
        finish_reason=finish_reason(_cleaned(trace.finish_reason)),
        session_id=_cleaned(trace.session_id),
        input_preview=_preview(last_user_text(_messages(trace.request_body))),
        output_preview=_preview(output_text),
        metadata=dump_json(_metadata(trace)).decode(),
        output_text=pack(output_text.encode()) if output_text and len(output_text) > PREVIEW_CHARS else None,
        request_body=pack_document(dump_json(trace.request_body), project_id, start_ns),
        response_body=None if trace.response_body is None else pack(dump_json(trace.response_body)),
    )


def _unix_ns(moment: datetime) -> int:
    """Return Unix time in ns, computed in integers; a time without a zone is UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND * 1000


def _operation(trace: BatchTrace) -> str:
    """Return the operation: only embeddings have an `input`. The seed's clients send chat and embeddings."""
    is_embedding = "input" in trace.request_body and "embed" in trace.model_requested.lower()
    return "embeddings" if is_embedding else "chat"


def _reported(trace: BatchTrace) -> ReportedCost:
    if trace.cost_cents is None:
        return NOT_REPORTED
    # By the float's shortest decimal, which is the number that the sender wrote.
    nano_usd = (Decimal(repr(trace.cost_cents)) * _NANO_USD_PER_CENT).to_integral_value(ROUND_HALF_EVEN)
    return ReportedCost(nano_usd=int(nano_usd))


def _messages(request_body: dict[str, Any]) -> Json:
    for key in ("messages", "input", "prompt"):
        if request_body.get(key):
            return cast(Json, request_body[key])
    return None


def _metadata(trace: BatchTrace) -> dict[str, Any]:
    return {**(trace.model_extra or {}), **(trace.metadata or {})}


def _cleaned(text: str | None) -> str | None:
    return None if text is None else _clean(text)


def _clean(text: str) -> str:
    """Replace NUL and lone surrogates, which not every store can hold, by U+FFFD."""
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return _clean(value if isinstance(value, str) else dump_json(cast(Json, value)).decode())


def _preview(text: str | None) -> str | None:
    return _clean(text[:PREVIEW_CHARS]) if text else None
