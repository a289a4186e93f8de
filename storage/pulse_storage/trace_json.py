"""The JSON object that every answer shows of a stored row.

Objects are meant for `orjson.dumps`: ids stay UUIDs, and what is stored as JSON is spliced in unparsed.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import orjson

from pulse_storage.rows import TraceRecord

#: One cent in nano-dollars.
NANO_USD_PER_CENT = 10_000_000

_EPOCH = date(1970, 1, 1)


def trace_object(record: TraceRecord, *, bodies: bool) -> dict[str, object]:
    """A trace row as the contract names its fields; without `bodies` the two body fields are absent."""
    error: dict[str, str | None] | None = None
    if record.error_type is not None or record.error_message is not None:
        error = {"type": record.error_type, "message": record.error_message}
    row: dict[str, object] = {
        "trace_id": record.trace_id,
        "project_id": record.project_id,
        "session_id": record.session_id,
        "timestamp": rfc3339(record.start_ns),
        "latency_ms": to_nanoseconds(record.latency_ms),
        "provider": record.provider,
        "model_requested": record.model_requested,
        "model_used": record.model_used,
        "provider_request_id": record.provider_request_id,
        "input_tokens": record.input_tokens,
        "output_tokens": record.output_tokens,
        "output_text": record.output_text,
        "finish_reason": record.finish_reason,
        "status": record.status,
        "error": error,
        "cost_cents": None if record.cost_nano_usd is None else cents(record.cost_nano_usd),
        "metadata": None if record.metadata is None else orjson.Fragment(record.metadata),
        "operation": record.operation,
        "name": record.name,
        "otel_trace_id": record.otel_trace_id.hex(),
        "otel_span_id": record.otel_span_id.hex(),
        "parent_span_id": None if record.parent_span_id is None else record.parent_span_id.hex(),
        "user_id": record.user_id,
        "tags": record.tags,
        "service": record.service,
        "environment": record.environment,
        "release": record.release,
        "cache_read_tokens": record.cache_read_tokens,
        "cache_write_tokens": record.cache_write_tokens,
        "reasoning_tokens": record.reasoning_tokens,
        "time_to_first_token_ms": to_nanoseconds(record.time_to_first_token_ms),
        "cost_source": record.cost_source,
        "price_version": record.price_version,
        "usage_source": record.usage_source,
        "input_preview": record.input_preview,
        "output_preview": record.output_preview,
        "dialect": record.dialect,
        "counted": record.counted,
        "cache_write_1h_tokens": record.cache_write_1h_tokens,
        "input_audio_tokens": record.input_audio_tokens,
        "input_image_tokens": record.input_image_tokens,
        "output_audio_tokens": record.output_audio_tokens,
        "output_image_tokens": record.output_image_tokens,
    }
    if bodies:
        row["request_body"] = _document(record.request_body)
        row["response_body"] = _document(record.response_body)
    return row


def rfc3339(time_ns: int) -> str:
    """Unix nanoseconds as RFC 3339 in UTC, cut to microseconds; any int64 fits."""
    day, day_us = divmod(time_ns // 1000, 86_400_000_000)
    seconds, us = divmod(day_us, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_date(day)}T{hour:02}:{minute:02}:{second:02}.{us:06}Z"


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    """Calendars are slow, and the rows of a list share few days: this halves the time of a row."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def cents(cost_nano_usd: int) -> float | orjson.Fragment:
    """Nano-dollars as a JSON number of cents, digit for digit: 13 500 is 0.00135.

    A double holds 15 digits exactly, and orjson writes those down to 1e-5 without an exponent; amounts
    beyond either bound are written out here.
    """
    if cost_nano_usd == 0 or 100 <= cost_nano_usd < 10**15:
        return cost_nano_usd / NANO_USD_PER_CENT
    whole, fraction = divmod(abs(cost_nano_usd), NANO_USD_PER_CENT)
    sign = "-" if cost_nano_usd < 0 else ""
    return orjson.Fragment(f"{sign}{whole}.{f'{fraction:07d}'.rstrip('0') or '0'}")


def to_nanoseconds(duration_ms: float | None) -> float | None:
    """Round milliseconds to six places: clocks are no finer, further digits are noise of conversions."""
    return None if duration_ms is None else round(duration_ms, 6)


def _document(stored: bytes | None) -> orjson.Fragment | None:
    return None if stored is None else orjson.Fragment(stored)
