"""Decodes the body of a request for an explanation: OTLP spans or log records, detected by content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pulse_proto.errors import Unreadable
from pulse_proto.json_parts import check_size
from pulse_proto.otlp import LOGS, TRACES, Encoding, decode_request
from pulse_proto.pieces import check_parts

_SPANS = ("resourceSpans", "resource_spans")
_LOGS = ("resourceLogs", "resource_logs")
_METRICS = ("resourceMetrics", "resource_metrics")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Spans and log records to explain together."""

    spans: ExportTraceServiceRequest
    logs: ExportLogsServiceRequest

    def add(self, other: Telemetry) -> None:
        """Append the spans and log records of another request."""
        self.spans.MergeFrom(other.spans)
        self.logs.MergeFrom(other.logs)


def read_telemetry(body: bytes, encoding: Encoding | None = None) -> Telemetry:
    """Decode the spans and log records in a body; detects the signal, and the encoding if it is None.

    JSON may have `resourceSpans`, `resourceLogs` or both, also one such object a line. Raises Unreadable.
    """
    if encoding is None:
        encoding = Encoding.JSON if body.lstrip()[:1] in (b"{", b"[", b"") else Encoding.PROTOBUF
    return _read_json(body) if encoding is Encoding.JSON else _read_protobuf(body)


def _read_json(body: bytes) -> Telemetry:
    telemetry = Telemetry(ExportTraceServiceRequest(), ExportLogsServiceRequest())
    for document in _documents(body):
        keys = _keys(document)
        spans, logs = not keys.isdisjoint(_SPANS), not keys.isdisjoint(_LOGS)
        if not (spans or logs):
            if not keys.isdisjoint(_METRICS):
                raise Unreadable("it contains metrics, which Pulse does not store")
            raise Unreadable("it is JSON with neither 'resourceSpans' nor 'resourceLogs'")
        if spans:
            telemetry.spans.MergeFrom(decode_request(TRACES, document, Encoding.JSON))
        if logs:
            telemetry.logs.MergeFrom(decode_request(LOGS, document, Encoding.JSON))
    return telemetry


def _documents(body: bytes) -> list[bytes]:
    """Return the lines if each is a JSON object (files of the OpenTelemetry Collector), else the body."""
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.startswith(b"{") and line.rstrip().endswith(b"}") for line in lines):
        return lines
    return [body]


def _keys(document: bytes) -> set[str]:
    check_size(document)
    try:
        parsed = cast("object", orjson.loads(document))
    except orjson.JSONDecodeError:
        # The decoder of OTLP/JSON accepts a little more, and has better error messages.
        decode_request(TRACES, document, Encoding.JSON)
        return {*_SPANS, *_LOGS}
    if not isinstance(parsed, dict):
        raise Unreadable("the body must be a JSON object")
    return set(cast("dict[str, object]", parsed))


def _read_protobuf(body: bytes) -> Telemetry:
    """Decode a protobuf body. Spans are recognised by ids of valid length: both messages look alike."""
    check_parts(TRACES.request, body)
    check_parts(LOGS.request, body)
    try:
        spans = decode_request(TRACES, body, Encoding.PROTOBUF)
    except Unreadable:
        spans = ExportTraceServiceRequest()
    if _has_ids(spans):
        return Telemetry(spans, ExportLogsServiceRequest())
    logs = decode_request(LOGS, body, Encoding.PROTOBUF)
    if any(scope_logs.log_records for one in logs.resource_logs for scope_logs in one.scope_logs):
        return Telemetry(ExportTraceServiceRequest(), logs)
    return Telemetry(spans, ExportLogsServiceRequest())


def _has_ids(request: ExportTraceServiceRequest) -> bool:
    return any(
        len(span.trace_id) == 16 and len(span.span_id) == 8
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    )
