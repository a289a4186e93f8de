"""Maps an OTLP logs request: events that are content of a span, and events that report a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from pulse_collector.mapping.event_calls import call_spans
from pulse_collector.mapping.events import MappedEvents, event_parts
from pulse_collector.mapping.spans import MappedSpans, map_spans
from pulse_collector.pricing import Prices


@dataclass(slots=True)
class MappedLogs:
    """What a request of log records has for the store."""

    events: MappedEvents
    #: Calls that coding agents report in events.
    calls: MappedSpans
    #: Records that are neither.
    ignored: int
    #: Records in addition to those that a request may have, or too large to be decoded.
    over_limit: int = 0

    def add(self, more: MappedLogs) -> None:
        """Add what another part of the same request has."""
        self.events.parts.extend(more.events.parts)
        self.events.ignored += more.events.ignored
        self.calls.add(more.calls)
        self.ignored += more.ignored


def map_logs(
    project_id: str,
    request: ExportLogsServiceRequest,
    received_ns: int,
    prices: Prices,
    give_way: Callable[[], object],
) -> MappedLogs:
    """Return the content and the calls in a request. No message makes this raise."""
    events = event_parts(request)
    spans, found = call_spans(request)
    calls = map_spans(project_id, spans, received_ns, prices, give_way)
    return MappedLogs(events, calls, max(events.ignored - found, 0))
