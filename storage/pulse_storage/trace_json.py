"""The JSON object of a stored row, which all routes return.

Objects are for `orjson.dumps`: ids stay UUIDs, and stored JSON is inserted without being parsed.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from operator import itemgetter

import orjson

from pulse_storage.rows import TraceRecord

#: One cent in nano-dollars.
NANO_USD_PER_CENT = 10_000_000

_EPOCH = date(1970, 1, 1)


#: Fields of a record that the JSON object shows under another name, in another form, or not in lists.
_CONVERTED = {
    "start_ns": "timestamp",
    "cost_nano_usd": "cost_cents",
    "error_type": "error",
    "error_message": None,
    "request_body": None,
    "response_body": None,
}
_SHOWN = [name for name in TraceRecord._fields if _CONVERTED.get(name, name) is not None]
#: The fields of a row in a list; a single trace has `request_body` and `response_body` as well.
JSON_FIELDS = tuple(_CONVERTED.get(name) or name for name in _SHOWN)
_shown_values = itemgetter(*map(TraceRecord._fields.index, _SHOWN))


def trace_object(record: TraceRecord, *, bodies: bool) -> dict[str, object]:
    """Return the JSON object of a row; without `bodies` the fields of the two bodies are absent."""
    row: dict[str, object] = dict(zip(JSON_FIELDS, _shown_values(record), strict=True))
    row["timestamp"] = rfc3339(record.start_ns)
    row["latency_ms"] = to_nanoseconds(record.latency_ms)
    row["time_to_first_token_ms"] = to_nanoseconds(record.time_to_first_token_ms)
    row["cost_cents"] = None if record.cost_nano_usd is None else cents(record.cost_nano_usd)
    row["metadata"] = None if record.metadata is None else orjson.Fragment(record.metadata)
    row["otel_trace_id"] = record.otel_trace_id.hex()
    row["otel_span_id"] = record.otel_span_id.hex()
    row["parent_span_id"] = None if record.parent_span_id is None else record.parent_span_id.hex()
    failed = record.error_type is not None or record.error_message is not None
    row["error"] = {"type": record.error_type, "message": record.error_message} if failed else None
    if bodies:
        row["request_body"] = _document(record.request_body)
        row["response_body"] = _document(record.response_body)
    return row


def rfc3339(time_ns: int) -> str:
    """Format Unix nanoseconds (any int64) as RFC 3339 in UTC, cut to microseconds."""
    day, day_us = divmod(time_ns // 1000, 86_400_000_000)
    seconds, us = divmod(day_us, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_date(day)}T{hour:02}:{minute:02}:{second:02}.{us:06}Z"


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    """Format a day since 1970. Cached: rows of a list share few days; halves the time of a row."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def cents(cost_nano_usd: int) -> float | orjson.Fragment:
    """Convert nano-dollars to an exact JSON number of cents: 13 500 is 0.00135.

    A double has 15 exact digits, and orjson writes numbers from 1e-5 on without an exponent; other amounts
    are formatted here.
    """
    if cost_nano_usd == 0 or 100 <= cost_nano_usd < 10**15:
        return cost_nano_usd / NANO_USD_PER_CENT
    whole, fraction = divmod(abs(cost_nano_usd), NANO_USD_PER_CENT)
    sign = "-" if cost_nano_usd < 0 else ""
    return orjson.Fragment(f"{sign}{whole}.{f'{fraction:07d}'.rstrip('0') or '0'}")


def to_nanoseconds(duration_ms: float | None) -> float | None:
    """Round milliseconds to six decimal places: further digits are rounding errors of conversions."""
    return None if duration_ms is None else round(duration_ms, 6)


def _document(stored: bytes | None) -> orjson.Fragment | None:
    return None if stored is None else orjson.Fragment(stored)
