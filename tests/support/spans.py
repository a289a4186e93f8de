"""Builders of OTLP spans: a test gives only the values that it tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from pulse_collector.mapping.spans import map_spans
from pulse_collector.pricing.price_list import PRICE_VERSION
from pulse_storage.content.bodies import unpack
from pulse_storage.content.documents import unpack_document
from pulse_storage.rows import SpanRow

Value: TypeAlias = "str | int | float | bool | bytes | Sequence[Value] | Mapping[str, Value] | None"

#: 2026-11-23T02:00:00Z: when spans of these builders start, and when they are received a second later.
START_NS = 1_795_399_200_000_000_000
RECEIVED_NS = START_NS + 1_000_000_000
TRACE_ID = bytes.fromhex("0102030405060708090a0b0c0d0e0f10")


def span(
    attributes: Mapping[str, Value] | None = None,
    *,
    name: str = "chat gpt-4o-mini",
    trace_id: bytes = TRACE_ID,
    span_id: int = 1,
    parent_id: int = 0,
    start_ns: int = START_NS,
    duration_ms: float = 250.0,
    status: int = Status.STATUS_CODE_UNSET,
    message: str = "",
    events: Sequence[Span.Event] = (),
) -> Span:
    """Return a span that starts at START_NS and takes 250 ms by default."""
    return Span(
        trace_id=trace_id,
        span_id=span_id.to_bytes(8, "big"),
        parent_span_id=parent_id.to_bytes(8, "big") if parent_id else b"",
        name=name,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + round(duration_ms * 1e6),
        attributes=key_values(attributes or {}),
        status=Status(code=Status.StatusCode.ValueType(status), message=message),
        events=events,
    )


def chat_span(*, span_id: int = 1, **attributes: Value) -> Span:
    """Return a chat span of OpenTelemetry's instrumentors without content; keywords add attributes."""
    return span({**CHAT, **attributes}, span_id=span_id)


#: Attributes of a usual call.
CHAT: dict[str, Value] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.top_p": 0.9,
    "gen_ai.request.max_tokens": 64,
    "gen_ai.request.stream": True,
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.time_to_first_chunk": 0.125,
    "gen_ai.usage.input_tokens": 42,
    "gen_ai.usage.output_tokens": 12,
    "gen_ai.usage.cache_read.input_tokens": 32,
    "gen_ai.conversation.id": "session-1",
    "server.address": "api.openai.com",
    "server.port": 443,
    "user.id": "user-1",
}


def event(name: str, attributes: Mapping[str, Value] | None = None, *, after_ms: float = 0.0) -> Span.Event:
    """An event so long after START_NS."""
    return Span.Event(
        name=name,
        time_unix_nano=START_NS + round(after_ms * 1e6),
        attributes=key_values(attributes or {}),
    )


def trace_request(
    *spans: Span,
    scope: str = "opentelemetry.instrumentation.genai.openai",
    version: str = "1.0",
    resource: Mapping[str, Value] | None = None,
) -> ExportTraceServiceRequest:
    """Return a request with one resource and one scope."""
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=key_values(resource or {})),
                scope_spans=[
                    ScopeSpans(scope=InstrumentationScope(name=scope, version=version), spans=spans)
                ],
            )
        ]
    )


def row_of(single: Span, *, scope: str = "", resource: Mapping[str, Value] | None = None) -> SpanRow:
    """Return the row of the only span of a request."""
    mapped = map_spans("p1", trace_request(single, scope=scope, version="", resource=resource), RECEIVED_NS)
    assert not mapped.rejected
    (row,) = mapped.rows
    return row


def key_values(attributes: Mapping[str, Value]) -> list[KeyValue]:
    """Return attributes in OTLP's form."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def any_value(value: Value) -> AnyValue:
    """Return a value in OTLP's form; None is a value that is not set."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case Mapping():
            return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
        case _:
            return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))


def known_columns(row: SpanRow) -> dict[str, Value]:
    """All that a row says: its columns that are not None or empty, bodies as JSON, without the builders' ids.

    Columns with the value that nearly every test would repeat are left out: the project, the trace, the
    start at START_NS, the quarter of a second, `gen_ai`, the usage source and the price list's version; so is
    the partner key, which has tests of its own.
    """
    usual = {
        "project_id": "p1",
        "otel_trace_id": TRACE_ID,
        "otel_span_id": (1).to_bytes(8, "big"),
        "start_ns": START_NS,
        "latency_ms": 250.0,
        "gen_ai": True,
        "status": "success",
        "usage_source": "reported",
        "price_version": PRICE_VERSION,
    }
    said: dict[str, Value] = {}
    for column, value in row._asdict().items():
        if value is None or value == () or column == "partner_key" or usual.get(column, object()) == value:
            continue
        if column in ("request_body", "response_body"):
            value = orjson.loads(unpack_document(value))
        elif column == "output_text":
            value = unpack(value).decode()
        elif column == "metadata":
            value = orjson.loads(value)
        said[column] = value
    return said


def as_json(document: Value) -> str:
    """Return a document as JSON text for an attribute."""
    return orjson.dumps(document).decode()
