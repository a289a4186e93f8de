"""Maps OTLP trace requests to rows, without I/O; a span that cannot be mapped is rejected alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from pulse_collector.dialects import dialect_of_scope
from pulse_collector.mapping.read_span import Reading, pack_content, read_columns, read_content, read_values
from pulse_collector.mapping.resource import ResourceFacts, ScopeFacts, read_resource, read_scope
from pulse_collector.mapping.span_row import span_row
from pulse_collector.pricing import LIST_PRICES, Prices
from pulse_storage.rows import SpanRow

_log = logging.getLogger(__name__)

_Step = Callable[[Reading], object]

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)
#: Spans that go through each step together, so that a step's code stays in the processor's caches: mapping
#: one span at a time takes a fifth longer.
_CHUNK = 32


@dataclass(slots=True)
class MappedSpans:
    """The rows of a request, in its order, and one reason for each rejected span."""

    rows: list[SpanRow]
    rejected: list[str]
    #: One tuple for each span with attributes that look like usage or messages and that no dialect reads: the
    #: names of these attributes.
    unread: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    #: The number of spans above the limit of a request.
    over_limit: int = 0

    def add(self, more: MappedSpans) -> None:
        """Append rows, reasons and names of another part of the same request."""
        self.rows.extend(more.rows)
        self.rejected.extend(more.rejected)
        self.unread.extend(more.unread)


def no_checkpoint() -> None:
    """Do nothing between spans."""


class SpanMapper:
    """Maps requests. Calls `checkpoint` between spans, which may wait for reads (ADR 0015). Thread-safe."""

    def __init__(self, checkpoint: Callable[[], None] = no_checkpoint) -> None:
        self._checkpoint = checkpoint

    def map_spans(
        self, project_id: str, request: ExportTraceServiceRequest, received_ns: int, prices: Prices
    ) -> MappedSpans:
        """Return rows for all spans with valid ids, and a reason for each other span.

        `received_ns` (Unix time) replaces impossible start times; `prices` are those of the project. No
        message makes this raise.
        """
        mapped = MappedSpans([], [])
        for resource_spans in request.resource_spans:
            resource = read_resource(resource_spans.resource)
            for scope_spans in resource_spans.scope_spans:
                scope = read_scope(scope_spans.scope)
                steps = _steps(project_id, resource, scope, received_ns, prices, mapped)
                self._map_scope(scope_spans, steps, mapped.rejected)
        return mapped

    def _map_scope(self, scope_spans: ScopeSpans, steps: Sequence[_Step], rejected: list[str]) -> None:
        chunk: list[Reading] = []
        for span in scope_spans.spans:
            reason = _refusal(span)
            if reason is not None:
                rejected.append(reason)
                continue
            chunk.append(Reading(span))
            if len(chunk) == _CHUNK:
                self._run_steps(steps, chunk, rejected)
                chunk = []
        self._run_steps(steps, chunk, rejected)

    def _run_steps(self, steps: Sequence[_Step], chunk: Sequence[Reading], rejected: list[str]) -> None:
        """Run each step for all spans of the chunk before the next step; reject only spans that fail."""
        checkpoint = self._checkpoint
        for step in steps:
            failed: list[Reading] = []
            for reading in chunk:
                checkpoint()
                try:
                    step(reading)
                except MemoryError:
                    # Not an error of the span: the request is answered 503 and sent again.
                    raise
                except Exception:
                    # An unforeseen error of one span must not reject its neighbours.
                    span_id = reading.span.span_id.hex()
                    _log.exception("span %s: mapping failed", span_id)
                    rejected.append(f"span {span_id}: Pulse failed to map it, see its log")
                    failed.append(reading)
            if failed:
                chunk = [reading for reading in chunk if reading not in failed]


def map_spans(
    project_id: str,
    request: ExportTraceServiceRequest,
    received_ns: int,
    prices: Prices = LIST_PRICES,
) -> MappedSpans:
    """Map a request as `SpanMapper.map_spans` does, without a checkpoint."""
    return SpanMapper().map_spans(project_id, request, received_ns, prices)


def _steps(
    project_id: str,
    resource: ResourceFacts,
    scope: ScopeFacts,
    received_ns: int,
    prices: Prices,
    mapped: MappedSpans,
) -> tuple[_Step, ...]:
    """Return the steps from a span of a scope to its row; the last one appends the row to `mapped`."""
    dialect = dialect_of_scope(scope.name) if scope.name else None

    def add_row(reading: Reading) -> None:
        mapped.rows.append(span_row(project_id, reading, resource, scope, prices))
        if reading.facts.unread:
            mapped.unread.append(reading.facts.unread)

    return (
        read_values,
        lambda reading: read_columns(reading, scope.name, dialect, received_ns),
        read_content,
        lambda reading: pack_content(reading, project_id),
        add_row,
    )


def _refusal(span: Span) -> str | None:
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return f"trace id {trace_id[:32].hex()!r}: must be 16 bytes that are not all zero"
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return f"span id {span_id[:32].hex()!r}: must be 8 bytes that are not all zero"
    return None
