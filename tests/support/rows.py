"""Builders of rows: a test names only the columns that it tests."""

from __future__ import annotations

from uuid import UUID

from pulse_storage.keys import key_record, new_key
from pulse_storage.rows import BLANK_ROW, ApiKey, Project, SpanRow

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
#: 2025-06-15 12:00 UTC.
NOON_NS = 1_749_988_800 * SECOND_NS

_CHAT = BLANK_ROW._replace(
    project_id="p",
    otel_trace_id=bytes(16),
    otel_span_id=bytes(8),
    start_ns=NOON_NS,
    latency_ms=250.0,
    model_call=True,
    gen_ai=True,
    operation="chat",
    name="chat gpt-5",
    provider="openai",
    model_requested="gpt-5",
    model_used="gpt-5-2025",
    dialect="gen-ai",
    scope="client",
    input_tokens=100,
    output_tokens=20,
    usage_source="reported",
    cost_nano_usd=1_000_000,
    cost_source="computed",
    price_version="1",
    status="success",
    finish_reason="stop",
)


def span(
    number: int = 1, *, trace: int | None = None, parent: int | None = None, **columns: object
) -> SpanRow:
    """Return a chat call, by default the only span of its trace, `number` seconds after noon."""
    return _CHAT._replace(
        otel_trace_id=(number if trace is None else trace).to_bytes(16, "big"),
        otel_span_id=number.to_bytes(8, "big"),
        parent_span_id=None if parent is None else parent.to_bytes(8, "big"),
        start_ns=NOON_NS + number * SECOND_NS,
    )._replace(**columns)


def step(number: int, *, trace: int | None = None, parent: int | None = None, **columns: object) -> SpanRow:
    """Return a gen-ai span that is not a model call: an agent, a tool, a chain."""
    no_call = {"model_call": False, "operation": "invoke_agent", "name": "invoke_agent", "model_used": None}
    return span(number, trace=trace, parent=parent, **_NO_USAGE, **no_call)._replace(**columns)


def other(number: int, *, trace: int | None = None, parent: int | None = None, **columns: object) -> SpanRow:
    """Return a span that is not gen-ai."""
    foreign = {"gen_ai": False, "operation": None, "name": "GET /", "provider": None, "model_requested": None}
    return step(number, trace=trace, parent=parent, **foreign)._replace(**columns)


_NO_USAGE = {
    "input_tokens": None,
    "output_tokens": None,
    "usage_source": None,
    "cost_nano_usd": None,
    "cost_source": None,
    "price_version": None,
    "finish_reason": None,
}


def project(id: str = "p", *, created_ns: int = NOON_NS) -> tuple[Project, ApiKey]:
    """Return a project and its first key."""
    return Project(id, f"project {id}", created_ns), key_record(new_key(), id, created_ns=created_ns)


def batch_span(id: UUID, **columns: object) -> SpanRow:
    """A row as `POST /v1/traces/batch` makes it: the client's id serves as OTel ids."""
    return _CHAT._replace(
        otel_trace_id=id.bytes, otel_span_id=id.bytes[8:], dialect="pulse-batch", start_ns=NOON_NS
    )._replace(**columns)
