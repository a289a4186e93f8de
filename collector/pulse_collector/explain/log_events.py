"""Explains log records: content of a span, the report of a call, or the reason why a record is declined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from pulse_collector.facts.attributes import as_text, read_attributes
from pulse_collector.mapping.event_calls import call_spans
from pulse_collector.mapping.events import content_of_parts, event_parts
from pulse_storage.reconciliation.skeletons import ContentSkeleton, SpanKey, content_skeleton
from pulse_storage.rows import EventPart

_TRACE_ID = b"\x01" * 16
_SPAN_ID = b"\x01" * 8


@dataclass(frozen=True, slots=True)
class ExplainedLog:
    """One log record: its span, its event, and the reason if it is not stored."""

    otel_trace_id: str
    otel_span_id: str
    event: str
    #: Why the record is not stored; None if it is content of its span or reports a call.
    declined: str | None


def explain_logs(request: ExportLogsServiceRequest) -> list[ExplainedLog]:
    """Return the explanation of each record, in the order of the request."""
    return [
        ExplainedLog(record.trace_id.hex(), record.span_id.hex(), _name(record), _declined(scope, record))
        for scope, record in _records(request)
    ]


def contents_of(request: ExportLogsServiceRequest) -> list[ContentSkeleton]:
    """Return the content of each span in the records, with the fields that `reconcile` needs."""
    parts: dict[SpanKey, list[EventPart]] = defaultdict(list)
    for part in event_parts(request).parts:
        parts[part.otel_trace_id, part.otel_span_id].append(part)
    return [
        content_skeleton(of_span[0].digest, key, content_of_parts(of_span)) for key, of_span in parts.items()
    ]


def _records(request: ExportLogsServiceRequest) -> Iterator[tuple[InstrumentationScope, LogRecord]]:
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                yield scope_logs.scope, record


def _declined(scope: InstrumentationScope, record: LogRecord) -> str | None:
    if _is_taken(record) or call_spans(_alone(record, scope))[1]:
        return None
    placed = LogRecord()
    placed.CopyFrom(record)
    placed.trace_id, placed.span_id = _TRACE_ID, _SPAN_ID
    if _is_taken(placed):
        return "it belongs to no span: trace id and span id are missing or all zero"
    return "it is not a known gen-ai event"


def _is_taken(record: LogRecord) -> bool:
    return bool(event_parts(_alone(record)).parts)


def _alone(record: LogRecord, scope: InstrumentationScope | None = None) -> ExportLogsServiceRequest:
    scope_logs = ScopeLogs(scope=scope, log_records=[record])
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[scope_logs])])


def _name(record: LogRecord) -> str:
    attributes = read_attributes(record.attributes)
    return record.event_name or as_text(attributes.get("event.name") or attributes.get("event_name")) or ""
