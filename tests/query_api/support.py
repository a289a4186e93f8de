"""Rows, a clock-free test project and answers read back, for the tests of the query API."""

from __future__ import annotations

from typing import Any, cast

import orjson

from pulse_storage.bodies import pack
from pulse_storage.rows import SpanRow

#: 2026-11-23T00:00:00Z.
DAY_NS = 1_795_392_000_000_000_000
HOUR_NS = 3_600_000_000_000
SECOND_NS = 1_000_000_000

_CALL = SpanRow(
    project_id="",
    otel_trace_id=bytes(16),
    otel_span_id=bytes(8),
    parent_span_id=None,
    start_ns=DAY_NS,
    latency_ms=120.5,
    model_call=True,
    gen_ai=True,
    operation="chat",
    name="chat gpt-5-mini",
    provider="openai",
    model_requested="gpt-5-mini",
    model_used="gpt-5-mini-2026-08-07",
    provider_request_id=None,
    dialect="otel-genai",
    scope="opentelemetry.instrumentation.openai_v2",
    input_tokens=1000,
    output_tokens=20,
    cache_read_tokens=None,
    cache_write_tokens=None,
    reasoning_tokens=None,
    usage_source="reported",
    cost_nano_usd=13_500,
    cost_source="computed",
    price_version="2026-11-01",
    status="success",
    error_type=None,
    error_message=None,
    finish_reason="stop",
    time_to_first_token_ms=None,
    session_id=None,
    user_id=None,
    tags=(),
    service=None,
    environment=None,
    release=None,
    input_preview="What is a pulse?",
    output_preview="A beat.",
    metadata=None,
    output_text=None,
    request_body=None,
    response_body=None,
    partner_key=None,
)


def call(number: int, project_id: str, **facts: Any) -> SpanRow:
    """A model call in an OTel trace of its own; `number` tells calls of a project apart."""
    ids = {"otel_trace_id": number.to_bytes(16, "big"), "otel_span_id": number.to_bytes(8, "big")}
    return _CALL._replace(project_id=project_id, **(ids | facts))


def document(content: object) -> bytes:
    """A stored body."""
    return pack(orjson.dumps(content))


def decoded(body: bytes) -> dict[str, Any]:
    """An answer's JSON object."""
    return cast("dict[str, Any]", orjson.loads(body))
