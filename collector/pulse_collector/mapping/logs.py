"""Maps OTLP logs requests: events with content of a span, and events that report a model call."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from pulse_collector.mapping.event_calls import call_spans
from pulse_collector.mapping.events import MappedEvents, event_parts
from pulse_collector.mapping.spans import MappedSpans, SpanMapper
from pulse_collector.pricing import Prices


@dataclass(slots=True)
class MappedLogs:
    """The content and the calls in the log records of a request."""

    events: MappedEvents
    #: Calls that coding agents report as log events.
    calls: MappedSpans
    #: The number of records that are neither content nor a call.
    ignored: int
    #: The number of records above the limit of a request, or too large to decode.
    over_limit: int = 0

    def add(self, more: MappedLogs) -> None:
        """Append content, calls and counts of another part of the same request."""
        self.events.parts.extend(more.events.parts)
        self.events.ignored += more.events.ignored
        self.calls.add(more.calls)
        self.ignored += more.ignored


def map_logs(
    mapper: SpanMapper,
    project_id: str,
    request: ExportLogsServiceRequest,
    received_ns: int,
    prices: Prices,
) -> MappedLogs:
    """Return the content and the calls in a request, its calls mapped by `mapper`. Never raises."""
    events = event_parts(request)
    spans, found = call_spans(request)
    calls = mapper.map_spans(project_id, spans, received_ns, prices)
    return MappedLogs(events, calls, max(events.ignored - found, 0))
