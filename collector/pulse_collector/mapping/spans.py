"""Maps an OTLP trace request to rows: pure, and never stopped by a bad span."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from pulse_collector.dialects import dialect_of_scope
from pulse_collector.mapping.read_span import Reading, pack_content, read_columns, read_content, read_values
from pulse_collector.mapping.resource import ResourceFacts, read_resource, read_scope
from pulse_collector.mapping.span_row import span_row
from pulse_collector.pricing import LIST_PRICES, Prices
from pulse_storage.rows import SpanRow

_log = logging.getLogger(__name__)

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)
#: Spans that take each step together: the processor's caches then hold the step's code, a fifth of its time.
_CHUNK = 32


@dataclass(slots=True)
class MappedSpans:
    """The rows of a request, in its order, and one reason for each span that cannot be a row."""

    rows: list[SpanRow]
    rejected: list[str]
    #: For each span that has some: names of attributes that look like usage or messages and are not read.
    unread: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    #: Spans in addition to those that a request may have.
    over_limit: int = 0

    def add(self, more: MappedSpans) -> None:
        """Add what another part of the same request has."""
        self.rows.extend(more.rows)
        self.rejected.extend(more.rejected)
        self.unread.extend(more.unread)


def map_spans(
    project_id: str,
    request: ExportTraceServiceRequest,
    received_ns: int,
    prices: Prices = LIST_PRICES,
    give_way: Callable[[], object] = lambda: None,
) -> MappedSpans:
    """Rows for all spans that have proper ids; the others are rejected, each with its reason.

    `received_ns` (Unix time) stands in for start times that cannot be, `prices` are those in force for the
    project. `give_way` is called often, to let others go first. No message makes this raise.
    """
    mapped = MappedSpans([], [])
    for resource_spans in request.resource_spans:
        resource = read_resource(resource_spans.resource)
        for scope_spans in resource_spans.scope_spans:
            _map_scope(project_id, resource, scope_spans, received_ns, prices, give_way, mapped)
    return mapped


def _map_scope(
    project_id: str,
    resource: ResourceFacts,
    scope_spans: ScopeSpans,
    received_ns: int,
    prices: Prices,
    give_way: Callable[[], object],
    mapped: MappedSpans,
) -> None:
    scope = read_scope(scope_spans.scope)
    spoken = dialect_of_scope(scope.name) if scope.name else None

    def add_row(reading: Reading) -> None:
        mapped.rows.append(span_row(project_id, reading, resource, scope, prices))
        if reading.facts.unread:
            mapped.unread.append(reading.facts.unread)

    steps: tuple[Callable[[Reading], object], ...] = (
        read_values,
        lambda reading: read_columns(reading, scope.name, spoken, received_ns),
        read_content,
        lambda reading: pack_content(reading, project_id),
        add_row,
    )
    chunk: list[Reading] = []
    for span in scope_spans.spans:
        reason = _refusal(span)
        if reason is not None:
            mapped.rejected.append(reason)
            continue
        chunk.append(Reading(span))
        if len(chunk) == _CHUNK:
            _take(steps, chunk, give_way, mapped.rejected)
            chunk = []
    _take(steps, chunk, give_way, mapped.rejected)


def _take(
    steps: Sequence[Callable[[Reading], object]],
    chunk: Sequence[Reading],
    give_way: Callable[[], object],
    rejected: list[str],
) -> None:
    """Take each step with all spans before the next; a span that makes one fail is rejected alone."""
    for step in steps:
        failed: list[Reading] = []
        for reading in chunk:
            give_way()
            try:
                step(reading)
            except MemoryError:
                # That says nothing about the span: the client shall send all of them again.
                raise
            except Exception:
                # A bad span must not take its neighbours along, whatever we failed to foresee.
                span_id = reading.span.span_id.hex()
                _log.exception("span %s: mapping failed", span_id)
                rejected.append(f"span {span_id}: Pulse failed to map it, see its log")
                failed.append(reading)
        if failed:
            chunk = [reading for reading in chunk if reading not in failed]


def _refusal(span: Span) -> str | None:
    trace_id, span_id = span.trace_id, span.span_id
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return f"trace id {trace_id[:32].hex()!r}: must be 16 bytes that are not all zero"
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return f"span id {span_id[:32].hex()!r}: must be 8 bytes that are not all zero"
    return None
