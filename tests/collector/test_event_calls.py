"""Calls that coding agents report in log events become rows, and count once if they have spans too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import TypeAlias

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from tests.storage.backends import lasting_store
from tests.storage.model import anonymous, new_project
from tests.storage.sql_backends import BACKENDS
from tests.support.spans import (
    RECEIVED_NS,
    START_NS,
    TRACE_ID,
    Value,
    any_value,
    key_values,
    known_columns,
    span,
    trace_request,
)

from pulse_collector.explain.attribution import Budget
from pulse_collector.explain.explanation import explain
from pulse_collector.mapping.logs import MappedLogs, map_logs
from pulse_collector.mapping.spans import SpanMapper, map_spans
from pulse_collector.pricing import LIST_PRICES
from pulse_storage import Store, TraceRecord

Request: TypeAlias = "ExportLogsServiceRequest | ExportTraceServiceRequest"

END_NS = START_NS + 250_000_000
CLAUDE = "com.anthropic.claude_code.events"
USED: dict[str, Value] = {
    "input_tokens": "4",
    "output_tokens": "310",
    "cache_read_tokens": "12000",
    "cache_creation_tokens": "900",
}
API_REQUEST: dict[str, Value] = {
    "event.name": "api_request",
    "event.timestamp": "2026-11-23T02:00:00.250Z",
    "event.sequence": 7,
    "session.id": "s1",
    "user.id": "u1",
    "prompt.id": "p1",
    "model": "claude-sonnet-4-5-20250929",
    "cost_usd": "0.5",
    "duration_ms": "250",
    "request_id": "req_011A",
    **USED,
}
CODEX: dict[str, Value] = {
    "event.name": "codex.sse_event",
    "event.kind": "response.completed",
    "event.timestamp": "2026-11-23T02:00:00.250Z",
    "conversation.id": "c1",
    "model": "gpt-5-codex",
    "input_token_count": "9000",
    "output_token_count": "400",
    "cached_token_count": "7000",
    "reasoning_token_count": "120",
    "tool_token_count": "9400",
}
GEMINI: dict[str, Value] = {
    "event.name": "gemini_cli.api_response",
    "event.timestamp": "2026-11-23T02:00:00.250Z",
    "session.id": "g1",
    "model": "gemini-2.5-flash",
    "status_code": 200,
    "duration_ms": 250,
    "input_token_count": 500,
    "output_token_count": 40,
    "cached_content_token_count": 100,
    "thoughts_token_count": 25,
    "tool_token_count": 10,
    "total_token_count": 575,
    "prompt_id": "g1########1",
    "finish_reasons": ["STOP"],
}


def record(
    attributes: dict[str, Value],
    body: str = "",
    *,
    trace_id: bytes = b"",
    span_id: bytes = b"",
    name: str = "",
) -> LogRecord:
    return LogRecord(
        event_name=name,
        body=any_value(body),
        attributes=key_values(attributes),
        time_unix_nano=END_NS,
        trace_id=trace_id,
        span_id=span_id,
    )


def logs(*records: LogRecord, scope: str = "", service: str = "agent") -> ExportLogsServiceRequest:
    scope_logs = ScopeLogs(scope=InstrumentationScope(name=scope), log_records=records)
    resource = Resource(attributes=key_values({"service.name": service}))
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=resource, scope_logs=[scope_logs])])


def mapped(request: ExportLogsServiceRequest) -> MappedLogs:
    return map_logs(SpanMapper(), "p1", request, RECEIVED_NS, LIST_PRICES)


def row_of(request: ExportLogsServiceRequest) -> dict[str, Value]:
    (row,) = mapped(request).calls.rows
    said = known_columns(
        row._replace(otel_trace_id=TRACE_ID, otel_span_id=(1).to_bytes(8, "big"), partner_key=None)
    )
    del said["metadata"]
    return said


def test_an_api_request_of_claude_code_is_a_call() -> None:
    assert row_of(logs(record(API_REQUEST, "claude_code.api_request"), scope=CLAUDE)) == {
        "model_call": True,
        "operation": "chat",
        "name": "claude_code.api_request",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5-20250929",
        "provider_request_id": "req_011A",
        "dialect": "claude-code",
        "scope": CLAUDE,
        "input_tokens": 12904,
        "output_tokens": 310,
        "cache_read_tokens": 12000,
        "cache_write_tokens": 900,
        "cost_nano_usd": 11_637_000,
        "cost_source": "computed",
        "estimated_cost_nano_usd": 500_000_000,
        "session_id": "s1",
        "user_id": "u1",
        "service": "agent",
    }


def test_an_api_error_of_claude_code_is_a_failed_call() -> None:
    attributes: dict[str, Value] = {
        "event.name": "api_error",
        "session.id": "s1",
        "model": "claude-sonnet-4-5-20250929",
        "error": "overloaded",
        "status_code": "529",
        "duration_ms": 250,
        "attempt": 3,
    }
    assert row_of(logs(record(attributes), scope=CLAUDE)) == {
        "model_call": True,
        "operation": "chat",
        "name": "claude_code.api_error",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5-20250929",
        "dialect": "claude-code",
        "scope": CLAUDE,
        "status": "error",
        "error_type": "529",
        "error_message": "overloaded",
        "session_id": "s1",
        "service": "agent",
    }


def test_the_end_of_a_response_of_codex_is_a_call_of_unknown_duration() -> None:
    said = row_of(logs(record(CODEX)))
    cost = said.pop("cost_nano_usd")
    assert isinstance(cost, int)
    assert said == {
        "start_ns": END_NS,
        "model_call": True,
        "operation": "chat",
        "name": "codex.sse_event",
        "provider": "openai",
        "model_requested": "gpt-5-codex",
        "dialect": "codex",
        "scope": "codex.sse_event",
        "input_tokens": 9000,
        "output_tokens": 400,
        "cache_read_tokens": 7000,
        "reasoning_tokens": 120,
        "cost_source": "computed",
        "session_id": "c1",
        "service": "agent",
    }


def test_thoughts_and_tools_of_gemini_cli_are_added() -> None:
    said = row_of(logs(record(GEMINI)))
    cost = said.pop("cost_nano_usd")
    assert isinstance(cost, int)
    assert said == {
        "model_call": True,
        "operation": "chat",
        "name": "gemini_cli.api_response",
        "provider": "google",
        "model_requested": "gemini-2.5-flash",
        "dialect": "gemini-cli",
        "scope": "gemini-cli.events",
        "input_tokens": 510,
        "output_tokens": 65,
        "cache_read_tokens": 100,
        "reasoning_tokens": 25,
        "cost_source": "computed",
        "finish_reason": "stop",
        "session_id": "g1",
        "service": "agent",
    }


def test_parts_of_streams_and_other_events_are_not_calls() -> None:
    request = logs(
        record({"event.name": "codex.sse_event", "event.kind": "response.output_text.delta"}),
        record({"event.name": "codex.tool_result"}),
        record({"event.name": "user_prompt", "prompt": "Hi"}, "claude_code.user_prompt"),
        record({"event.name": "api_request"}),
        LogRecord(),
    )
    assert mapped(request).calls.rows == []
    assert mapped(request).ignored == 5


def test_copies_of_an_event_are_one_span() -> None:
    twin = record({**CODEX, "user.email": "a@b.c"})
    request = logs(record(CODEX), twin)
    (row,) = mapped(request).calls.rows
    (alone,) = mapped(logs(twin)).calls.rows
    assert (row.otel_trace_id, row.otel_span_id) == (alone.otel_trace_id, alone.otel_span_id)
    assert mapped(request).ignored == 0


def test_explain_shows_the_calls_of_events() -> None:
    budget = Budget(1000, 1 << 24)
    request = logs(record(CODEX), record({"event.name": "codex.tool_result"}))
    explained = explain(None, request, received_ns=RECEIVED_NS, budget=budget)
    assert [one.declined for one in explained.logs] == [None, "it is not a known gen-ai event"]
    assert [one.name for one in explained.spans] == ["codex.sse_event"]


def test_calls_of_one_prompt_share_a_trace() -> None:
    again = {**API_REQUEST, "event.sequence": 8, "event.timestamp": "2026-11-23T02:00:09Z"}
    other = {**again, "event.sequence": 9, "prompt.id": "p2"}
    rows = mapped(logs(*(record(one, "claude_code.api_request") for one in (API_REQUEST, again, other))))
    traces = [row.otel_trace_id for row in rows.calls.rows]
    assert traces[0] == traces[1] != traces[2]
    assert len({row.otel_span_id for row in rows.calls.rows}) == 3


@pytest.mark.parametrize(
    ("event", "scope", "name", "attributes"),
    [
        (
            API_REQUEST,
            "com.anthropic.claude_code.tracing",
            "claude_code.llm_request",
            {"session.id": "s1", "gen_ai.request.model": "claude-sonnet-4-5-20250929", **USED},
        ),
        (
            API_REQUEST,
            "com.anthropic.claude_code.tracing",
            "claude_code.llm_request",
            {
                "session.id": "s1",
                "gen_ai.request.model": "claude-sonnet-4-5-20250929",
                "request_id": "req_011A",
                "gen_ai.response.id": "msg_011A",
                **USED,
            },
        ),
        (
            CODEX,
            "codex_exec",
            "handle_responses",
            {
                "gen_ai.usage.input_tokens": 9000,
                "gen_ai.usage.cache_read.input_tokens": 7000,
                "gen_ai.usage.output_tokens": 400,
                "codex.usage.reasoning_output_tokens": 120,
            },
        ),
        (
            GEMINI,
            "gemini-cli",
            "llm_call",
            {
                "gen_ai.operation.name": "llm_call",
                "gen_ai.request.model": "gemini-2.5-flash",
                "gen_ai.usage.input_tokens": 500,
                "gen_ai.usage.output_tokens": 40,
            },
        ),
    ],
    ids=["claude_code", "claude_code_ids", "codex", "gemini_cli"],
)
@pytest.mark.parametrize("context", ["none", "the call's span", "the span above"])
def test_a_call_with_span_and_event_counts_once(
    store: Store,
    context: str,
    event: dict[str, Value],
    scope: str,
    name: str,
    attributes: dict[str, Value],
) -> None:
    own = span(attributes, name=name, span_id=2, parent_id=1)
    in_trace = context != "none"
    log_record = record(
        event,
        f"claude_code.{event['event.name']}",
        trace_id=TRACE_ID if in_trace else b"",
        span_id=(2 if context == "the call's span" else 1).to_bytes(8, "big") if in_trace else b"",
    )
    traces = trace_request(own, scope=scope)
    events = logs(log_record, scope=CLAUDE if scope.startswith("com.anthropic") else "")
    for order in permutations((traces, events, events)):
        rows = _stored(store, order)
        counted = [row for row in rows if row.counted]
        assert len(rows) == 2
        assert len(counted) == 1
        assert counted[0].session_id is not None
        assert counted[0].model_requested == event["model"]


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="session")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield from lasting_store(request.param, tmp_path_factory.mktemp("events"))


def _stored(storage: Store, requests: Sequence[Request]) -> list[TraceRecord]:
    async def deliver() -> list[TraceRecord]:
        project = await new_project(storage)
        for request in requests:
            if isinstance(request, ExportLogsServiceRequest):
                rows = map_logs(SpanMapper(), project, request, RECEIVED_NS, LIST_PRICES).calls.rows
            else:
                rows = map_spans(project, request, RECEIVED_NS).rows
            await storage.ingest(rows)
        return await anonymous(storage, project)

    return asyncio.run(deliver())
