"""Invented traces for tests of the trace page, as OTLP requests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

_MS_NS = 1_000_000
_PER_REQUEST = 5_000


class TraceBuilder:
    """Builds the spans of one trace; times are milliseconds from its start."""

    def __init__(self, trace_id: str, *, minutes_ago: float = 5) -> None:
        self.trace_id = trace_id
        self.spans: list[Span] = []
        self._start_ns = time.time_ns() - int(minutes_ago * 60_000) * _MS_NS

    def add(
        self,
        name: str,
        start_ms: float,
        end_ms: float,
        parent: str | None = None,
        *,
        error: tuple[str, str] | None = None,
        attributes: Mapping[str, str | int] | None = None,
    ) -> str:
        """Add a span and return its id. `error` is the type and the message of a failure."""
        span = Span(
            trace_id=bytes.fromhex(self.trace_id),
            span_id=bytes.fromhex(f"{self.trace_id[:4]}{len(self.spans) + 1:012x}"),
            parent_span_id=bytes.fromhex(parent or ""),
            name=name,
            start_time_unix_nano=self._start_ns + int(start_ms * _MS_NS),
            end_time_unix_nano=self._start_ns + int(end_ms * _MS_NS),
        )
        values: dict[str, str | int] = {"gen_ai.operation.name": name.split()[0], **(attributes or {})}
        if error is not None:
            span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=error[1]))
            values["error.type"] = error[0]
        for key, value in values.items():
            known = AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)
            span.attributes.add(key=key, value=known)
        self.spans.append(span)
        return span.span_id.hex()

    def chat(
        self,
        start_ms: float,
        end_ms: float,
        parent: str | None,
        *,
        name: str = "chat gpt-5-mini",
        tokens: tuple[int, int] = (1000, 100),
        question: str | None = None,
        answer: str = "On its way.",
        response_id: str | None = None,
    ) -> str:
        """Add a model call and return its id."""
        attributes: dict[str, str | int] = {
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5-mini",
            "gen_ai.usage.input_tokens": tokens[0],
            "gen_ai.usage.output_tokens": tokens[1],
        }
        if response_id is not None:
            attributes["gen_ai.response.id"] = response_id
        if question is not None:
            attributes["gen_ai.input.messages"] = _messages("user", question)
            attributes["gen_ai.output.messages"] = _messages("assistant", answer)
        return self.add(name, start_ms, end_ms, parent, attributes=attributes)

    def requests(self) -> Iterator[ExportTraceServiceRequest]:
        """Yield requests with all spans."""
        for first in range(0, len(self.spans), _PER_REQUEST):
            request = ExportTraceServiceRequest()
            resource = request.resource_spans.add()
            resource.resource.attributes.add(
                key="service.name", value=AnyValue(string_value="shop-assistant")
            )
            resource.scope_spans.add().spans.extend(self.spans[first : first + _PER_REQUEST])
            yield request


def _messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])
