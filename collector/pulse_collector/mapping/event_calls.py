"""Converts model calls that coding agents report as log events to spans, which are mapped as all spans.

Claude Code, Codex CLI and Gemini CLI write such an event for every call, with or without a span of the same
call. The store finds out by the partner key that both describe one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from pulse_collector.facts.attributes import Attributes, AttributeValue, as_number, as_text, read_attributes
from pulse_collector.facts.json_text import to_json

_CLAUDE_CODE = "com.anthropic.claude_code"
_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)
_MAX_DURATION_MS = 86_400_000


class _CallEvent(NamedTuple):
    """The attributes in which an agent reports a call."""

    #: The scope of the resulting span: another one than that of the agent's own spans.
    scope: str
    failed: bool = False
    #: Only records with one of these attributes are calls; all others are parts of a stream.
    counts: tuple[str, ...] = ()


_CODEX_COUNTS = ("output_token_count", "gen_ai.usage.output_tokens")
_EVENTS = {
    "claude_code.api_request": _CallEvent(_CLAUDE_CODE + ".events"),
    "claude_code.api_error": _CallEvent(_CLAUDE_CODE + ".events", failed=True),
    "codex.sse_event": _CallEvent("codex.sse_event", counts=_CODEX_COUNTS),
    "codex.websocket_event": _CallEvent("codex.websocket_event", counts=_CODEX_COUNTS),
    "gemini_cli.api_response": _CallEvent("gemini-cli.events"),
    "gemini_cli.api_error": _CallEvent("gemini-cli.events", failed=True),
}
#: Claude Code's event names without their prefix, which is in the body.
_CLAUDE_CODE_EVENTS = frozenset({"api_request", "api_error"})

#: Attributes that identify a call in all copies of its event.
_IDENTITY = (
    "event.timestamp",
    "event.sequence",
    "request_id",
    "model",
    "input_tokens",
    "output_tokens",
    "input_token_count",
    "output_token_count",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
)
_SESSIONS = ("session.id", "conversation.id", "gen_ai.conversation.id")
_PROMPTS = ("prompt.id", "prompt_id", "turn.id")


def call_spans(request: ExportLogsServiceRequest) -> tuple[ExportTraceServiceRequest, int]:
    """Return the spans of the calls that these log records report, and the number of these records.

    Never raises.
    """
    calls = ExportTraceServiceRequest()
    found = 0
    seen: set[bytes] = set()
    for resource_logs in request.resource_logs:
        by_scope: dict[str, ScopeSpans] = {}
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                name = _event_name(record, scope_logs.scope.name)
                if name is None:
                    continue
                attributes = read_attributes(record.attributes)
                event = _EVENTS[name]
                if event.counts and not any(attributes.get(key) is not None for key in event.counts):
                    continue
                found += 1
                span = _span(name, event, record, attributes)
                if span.span_id in seen:
                    # Codex writes its events twice.
                    continue
                seen.add(span.span_id)
                scope_spans = by_scope.get(event.scope)
                if scope_spans is None:
                    scope_spans = ScopeSpans(scope=InstrumentationScope(name=event.scope))
                    by_scope[event.scope] = scope_spans
                scope_spans.spans.append(span)
        if by_scope:
            calls.resource_spans.append(
                ResourceSpans(resource=resource_logs.resource, scope_spans=by_scope.values())
            )
    return calls, found


def _event_name(record: LogRecord, scope: str) -> str | None:
    """Return the name of an event that reports a call: from its own field, an attribute, or the body."""
    if record.event_name in _EVENTS:
        return record.event_name
    body = record.body.string_value
    if body in _EVENTS:
        return body
    for pair in record.attributes:
        if pair.key == "event.name":
            name = pair.value.string_value
            if name in _CLAUDE_CODE_EVENTS and scope.startswith(_CLAUDE_CODE):
                name = f"claude_code.{name}"
            return name if name in _EVENTS else None
    return None


def _span(name: str, event: _CallEvent, record: LogRecord, attributes: Attributes) -> Span:
    end_ns = _time_ns(record, attributes)
    duration_ms = _duration_ms(name, attributes)
    session = _first(attributes, _SESSIONS)
    in_trace = len(record.trace_id) == 16 and record.trace_id != _NO_TRACE
    identity = [name.partition(".")[0], session, *(to_json(attributes.get(key)) for key in _IDENTITY)]
    if attributes.get("event.timestamp") is None:
        identity.append(end_ns)
    span = Span(
        trace_id=record.trace_id if in_trace else _trace_id(name, session, attributes, identity),
        span_id=_digest(identity, 8),
        name=name,
        start_time_unix_nano=end_ns - round((duration_ms or 0) * 1e6),
        # Without a duration, end and latency are unknown.
        end_time_unix_nano=end_ns if duration_ms is not None else 0,
        attributes=record.attributes,
    )
    if in_trace and len(record.span_id) == 8 and record.span_id != _NO_SPAN:
        span.parent_span_id = record.span_id
    if event.failed:
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=_error(attributes)))
        kind = _first(attributes, ("error_type", "status_code", "http.response.status_code"))
        if kind is not None:
            span.attributes.append(KeyValue(key="error.type", value=AnyValue(string_value=kind)))
    return span


def _time_ns(record: LogRecord, attributes: Attributes) -> int:
    """Return the time of the event (Unix ns). Codex writes it into an attribute only."""
    if record.time_unix_nano:
        return record.time_unix_nano
    written = attributes.get("event.timestamp")
    if isinstance(written, str):
        try:
            return round(datetime.fromisoformat(written).timestamp() * 1e6) * 1000
        except (ValueError, OverflowError):
            pass
    return record.observed_time_unix_nano


def _duration_ms(name: str, attributes: Attributes) -> float | None:
    if name.startswith("codex."):
        # The duration of the wait for one event of a stream.
        return None
    value = attributes.get("duration_ms")
    duration_ms = as_number(value) if isinstance(value, str | int | float) else None
    return duration_ms if duration_ms is not None and duration_ms <= _MAX_DURATION_MS else None


def _trace_id(name: str, session: str | None, attributes: Attributes, identity: Sequence[object]) -> bytes:
    """Return a trace id for a call without a trace: the same for all calls of one prompt."""
    prompt = _first(attributes, _PROMPTS)
    if session is None or prompt is None:
        return _digest(["trace", *identity], 16)
    return _digest([name.partition(".")[0], session, prompt], 16)


def _error(attributes: Attributes) -> str:
    return _first(attributes, ("error", "error.message", "error_message")) or ""


def _first(attributes: Mapping[str, AttributeValue], keys: tuple[str, ...]) -> str | None:
    return next((text for key in keys if (text := as_text(attributes.get(key)))), None)


def _digest(identity: Sequence[object], size: int) -> bytes:
    return blake2b(repr([*identity]).encode(errors="replace"), digest_size=size).digest()
