"""Maps an OTLP trace request to rows: pure, and never stopped by a bad span."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from pulse_collector.dialects import dialect_of_scope
from pulse_collector.mapping.resource import read_resource, read_scope
from pulse_collector.mapping.span_row import span_row
from pulse_storage.rows import SpanRow

_log = logging.getLogger(__name__)

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)


@dataclass(frozen=True, slots=True)
class MappedSpans:
    """The rows of a request, in its order, and one reason for each span that cannot be a row."""

    rows: list[SpanRow]
    rejected: list[str]


def map_spans(project_id: str, request: ExportTraceServiceRequest, received_ns: int) -> MappedSpans:
    """Rows for all spans that have proper ids; the others are rejected, each with its reason.

    `received_ns` (Unix time) stands in for start times that cannot be. No message makes this raise.
    """
    mapped = MappedSpans([], [])
    for resource_spans in request.resource_spans:
        _map_resource(project_id, resource_spans, received_ns, mapped)
    return mapped


def _map_resource(
    project_id: str, resource_spans: ResourceSpans, received_ns: int, mapped: MappedSpans
) -> None:
    resource = read_resource(resource_spans.resource)
    for scope_spans in resource_spans.scope_spans:
        scope = read_scope(scope_spans.scope)
        spoken = dialect_of_scope(scope.name) if scope.name else None
        for span in scope_spans.spans:
            reason = _refusal(span)
            if reason is None:
                try:
                    mapped.rows.append(span_row(project_id, span, resource, scope, spoken, received_ns))
                    continue
                except Exception:
                    # A bad span must not take its neighbours along, whatever we failed to foresee.
                    _log.exception("span %s: mapping failed", span.span_id.hex())
                    reason = f"span {span.span_id.hex()}: Pulse failed to map it, see its log"
            mapped.rejected.append(reason)


def _refusal(span: Span) -> str | None:
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return f"trace id {trace_id[:32].hex()!r}: must be 16 bytes that are not all zero"
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return f"span id {span_id[:32].hex()!r}: must be 8 bytes that are not all zero"
    return None
