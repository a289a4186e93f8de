"""Generated telemetry of model calls that several instrumentations record at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from tests.support.spans import START_NS, Value, any_value, as_json, span


@dataclass(frozen=True, slots=True)
class Sent:
    """One span with the scope that wrote it, or one log record."""

    scope: str
    item: Span | LogRecord


@st.composite
def telemetry(draw: st.DrawFn) -> list[Sent]:
    """Draw up to five calls in one or two traces, each with one to three spans, with or without wrappers."""
    sent: list[Sent] = []
    for number in range(1, draw(st.integers(1, 5), label="calls") + 1):
        trace = draw(st.integers(1, 2), label="trace")
        wrapper = draw(st.sampled_from((0, 90, 91)), label="wrapper")
        sent += _call(draw, number, trace, wrapper)
    for trace in (1, 2):
        if draw(st.booleans(), label="has wrappers"):
            sent += _wrappers(trace)
    return sent


def requests(sent: Sequence[Sent]) -> list[ExportTraceServiceRequest | ExportLogsServiceRequest]:
    """Return one request with the spans and one with the log records."""
    spans = ExportTraceServiceRequest()
    records: list[LogRecord] = []
    for one in sent:
        if isinstance(one.item, LogRecord):
            records.append(one.item)
        else:
            scope = InstrumentationScope(name=one.scope)
            scope_spans = ScopeSpans(scope=scope, spans=[one.item])
            spans.resource_spans.append(ResourceSpans(scope_spans=[scope_spans]))
    logs = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])] if records else []
    )
    return [spans, logs]


def _call(draw: st.DrawFn, number: int, trace: int, wrapper: int) -> list[Sent]:
    """Draw the span of an instrumentor for a call, and other spans and events of the same call."""
    kind = draw(st.sampled_from(sorted(_INSTRUMENTORS)), label="instrumentor")
    scope, attributes = _INSTRUMENTORS[kind]
    response_id = f"{'msg' if kind == 'anthropic' else 'chatcmpl'}_{number}"
    attributes = {key: response_id if value == "ID" else value for key, value in attributes.items()}
    if draw(st.booleans(), label="names the session"):
        attributes = {**attributes, "session.id": f"s{trace}", "gen_ai.conversation.id": f"s{trace}"}
    trace_id, start_ns = _trace_id(trace), START_NS + number * 1_000_000_000
    has_framework = draw(st.booleans(), label="below a framework")
    parent_id = 40 + number if has_framework else wrapper
    call = span(
        attributes, span_id=number, parent_id=parent_id, name="chat", trace_id=trace_id, start_ns=start_ns
    )
    sent = [Sent(scope, call)]
    if kind == "anthropic":
        sent += _native(draw, number, trace, parent_id, response_id)
    if has_framework:
        framework = span(
            {**_CONVENTIONS, "gen_ai.provider.name": "langchain", "gen_ai.request.model": "gpt-4o-mini"},
            span_id=40 + number,
            parent_id=wrapper,
            name="ChatOpenAI.chat",
            trace_id=trace_id,
            start_ns=start_ns - 1000,
            duration_ms=300,
        )
        sent.append(Sent("opentelemetry.instrumentation.langchain", framework))
    if draw(st.booleans(), label="log events"):
        sent += _events(number, trace)
    return sent


def _native(draw: st.DrawFn, number: int, trace: int, above: int, response_id: str) -> list[Sent]:
    """Draw the Anthropic client's span: none, a child or sibling of the instrumentor's, or elsewhere."""
    place = draw(st.sampled_from(("none", "child", "sibling", "other trace")), label="native span")
    if place == "none":
        return []
    attributes: dict[str, Value] = {
        **_CONVENTIONS,
        "gen_ai.provider.name": "anthropic",
        "gen_ai.response.model": "claude-sonnet-4-5-20250929",
        "gen_ai.response.id": response_id,
        "gen_ai.usage.input_tokens": 42,
        "gen_ai.usage.output_tokens": 12,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 8,
    }
    native = span(
        attributes,
        span_id=20 + number,
        parent_id={"child": number, "sibling": above}.get(place, 0),
        name="anthropic.messages.create",
        trace_id=_trace_id(9 if place == "other trace" else trace),
        start_ns=START_NS + number * 1_000_000_000 + 500,
        duration_ms=249,
    )
    return [Sent("com.anthropic.sdk.python", native)]


def _wrappers(trace: int) -> list[Sent]:
    """Return an agent span with user and session, and its child, a wrapper with the sums of the calls."""
    agent: dict[str, Value] = {
        "gen_ai.operation.name": "invoke_agent",
        "session.id": f"s{trace}",
        "user.id": "u1",
    }
    sums: dict[str, Value] = {
        "ai.operationId": "ai.generateText",
        "ai.usage.inputTokens": 84,
        "ai.usage.outputTokens": 24,
    }
    trace_id = _trace_id(trace)
    return [
        Sent("strands.telemetry", span(agent, span_id=90, trace_id=trace_id, duration_ms=60_000)),
        Sent("ai", span(sums, span_id=91, parent_id=90, trace_id=trace_id, duration_ms=60_000)),
    ]


def _events(number: int, trace: int) -> list[Sent]:
    events: list[tuple[str, Value]] = [
        ("gen_ai.user.message", {"content": f"question {number}"}),
        ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "an answer" * 80}}),
    ]
    return [
        Sent(
            "",
            LogRecord(
                event_name=name,
                body=any_value(body),
                time_unix_nano=START_NS + rank,
                trace_id=_trace_id(trace),
                span_id=number.to_bytes(8, "big"),
            ),
        )
        for rank, (name, body) in enumerate(events)
    ]


def _trace_id(trace: int) -> bytes:
    return trace.to_bytes(16, "big")


_CONVENTIONS: dict[str, Value] = {"gen_ai.operation.name": "chat"}
_ASKED = [{"role": "user", "content": "How is the weather?"}]
_OPENAI = {
    "id": "ID",
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "Fine."}}],
    "usage": {"prompt_tokens": 42, "completion_tokens": 12, "prompt_tokens_details": {"cached_tokens": 32}},
}

#: Scope and attributes by instrumentor; "ID" stands for the response id.
_INSTRUMENTORS: dict[str, tuple[str, dict[str, Value]]] = {
    "anthropic": (
        "opentelemetry.instrumentation.anthropic",
        {
            **_CONVENTIONS,
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.response.id": "ID",
            "gen_ai.usage.input_tokens": 42,
            "gen_ai.usage.cache_read_input_tokens": 20,
            "gen_ai.input.messages": as_json(_ASKED),
        },
    ),
    "conventions": (
        "opentelemetry.instrumentation.genai.openai",
        {
            **_CONVENTIONS,
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.id": "ID",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 42,
            "gen_ai.usage.output_tokens": 12,
        },
    ),
    "openinference": (
        "openinference.instrumentation.openai",
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o-mini-2024-07-18",
            "input.value": as_json({"model": "gpt-4o-mini", "messages": _ASKED}),
            "output.value": as_json(_OPENAI).replace('"ID"', '"chatcmpl_x"'),
            "llm.token_count.prompt": 42,
            "llm.token_count.completion": 12,
        },
    ),
    "logfire": (
        "logfire.openai",
        {
            **_CONVENTIONS,
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
            "gen_ai.response.id": "ID",
            "gen_ai.usage.input_tokens": 42,
            "gen_ai.usage.output_tokens": 12,
            "request_data": as_json({"model": "gpt-4o-mini", "messages": _ASKED}),
        },
    ),
    "langfuse": (
        "langfuse-sdk",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o-mini",
            "langfuse.observation.usage_details": as_json({"input": 42, "output": 12}),
            "langfuse.observation.input": as_json(_ASKED),
            "langfuse.observation.output": "Fine.",
        },
    ),
    "failed": (
        "opentelemetry.instrumentation.openai",
        {
            **_CONVENTIONS,
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-4o",
            "error.type": "Timeout",
        },
    ),
}
