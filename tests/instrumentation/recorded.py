"""Ended spans as plain values, so that a test compares a complete span with one literal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from pulse_instrumentation.recording.abandoned import end_abandoned

_JSON = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
)
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"


@dataclass(frozen=True)
class SpanValue:
    """The compared values of a span: with JSON attributes decoded and measured times replaced."""

    name: str
    attributes: dict[str, Any]
    status: StatusCode = StatusCode.UNSET
    message: str | None = None
    kind: SpanKind = SpanKind.CLIENT
    parent: int | None = None
    events: int = 0


@dataclass(frozen=True)
class Recorded:
    """A tracer provider and the spans that ended on it."""

    provider: TracerProvider
    exporter: InMemorySpanExporter

    @property
    def raw(self) -> list[ReadableSpan]:
        """The ended spans, after abandoned ones have been ended."""
        end_abandoned()
        return list(self.exporter.get_finished_spans())

    @property
    def spans(self) -> list[SpanValue]:
        """The spans as values."""
        return [span_value(span) for span in self.raw]

    @property
    def only(self) -> SpanValue:
        """The only span; fails if there are several."""
        (span,) = self.spans
        return span

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the only span."""
        return self.only.attributes


def recording_provider() -> Recorded:
    """Return a new provider that keeps its spans in memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Recorded(provider, exporter)


def span_value(span: ReadableSpan) -> SpanValue:
    """Return a span as a value, with a plausible time to the first chunk replaced by True."""
    attributes: dict[str, Any] = dict(span.attributes or {})
    for key in _JSON:
        if key in attributes:
            attributes[key] = json.loads(cast("str", attributes[key]))
    if FIRST_CHUNK in attributes:
        seconds = attributes[FIRST_CHUNK]
        attributes[FIRST_CHUNK] = isinstance(seconds, float) and 0 <= seconds < 60
    return SpanValue(
        name=span.name,
        attributes=attributes,
        status=span.status.status_code,
        message=span.status.description,
        kind=span.kind,
        parent=span.parent.span_id if span.parent else None,
        events=len(span.events),
    )
