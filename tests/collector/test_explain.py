"""Explanations: every statement agrees with what mapping and counting do."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from tests.support.captures import Capture, captures
from tests.support.explanations import CALL, GENAI, answer, explained
from tests.support.spans import (
    RECEIVED_NS,
    TRACE_ID,
    Value,
    any_value,
    as_json,
    chat_span,
    event,
    key_values,
    span,
    trace_request,
)

from pulse_collector.explain.answer import explanation_json
from pulse_collector.explain.attribution import Budget
from pulse_collector.explain.explanation import explain
from pulse_collector.explain.telemetry import read_telemetry
from pulse_collector.explain.text import explanation_text
from pulse_proto.errors import Unreadable


def log_record(name: str, body: Value, *, span_id: int = 1) -> LogRecord:
    return LogRecord(
        trace_id=TRACE_ID,
        span_id=span_id.to_bytes(8, "big"),
        event_name=name,
        body=any_value(body),
    )


def logs_request(*records: LogRecord) -> ExportLogsServiceRequest:
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])])


def test_each_column_has_its_source_and_the_overruled_attributes() -> None:
    (explanation,) = explained(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.prompt_tokens": 40,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.conversation.id": "chat-42",
                "session.id": "chat-43",
            }
        )
    )
    assert explanation["dialect"] == "otel-genai"
    assert explanation["recognised_by"] == f"its scope '{GENAI}'"
    columns = explanation["columns"]
    # Equal values too: the one that would follow feeds nothing.
    assert columns["provider"] == {
        "value": "openai",
        "from": ["gen_ai.provider.name"],
        "overruled": [
            {"part": "gen_ai.system", "value": "openai"},
            {"part": "gen_ai.request.model", "value": "gpt-4o-mini"},
        ],
    }
    assert columns["input_tokens"] == {
        "value": 42,
        "from": ["gen_ai.usage.input_tokens"],
        "overruled": [{"part": "gen_ai.usage.prompt_tokens", "value": 40}],
    }
    assert columns["session_id"] == {
        "value": "chat-42",
        "from": ["gen_ai.conversation.id"],
        "overruled": [{"part": "session.id", "value": "chat-43"}],
    }
    assert columns["latency_ms"] == {"value": 250.0, "from": ["span times"]}
    assert columns["operation"]["from"] == ["gen_ai.operation.name"]
    assert explanation["ignored"] == []


def test_dialect_of_an_unknown_scope_is_recognised_by_its_attribute() -> None:
    (explanation,) = explained(
        span({"openinference.span.kind": "LLM", "llm.model_name": "gpt-5"}), scope="my-app"
    )
    assert (explanation["dialect"], explanation["operation"]) == ("openinference", "chat")
    assert explanation["recognised_by"] == "its attribute 'openinference.span.kind'"
    (plain,) = explained(span({"gen_ai.request.model": "gpt-5"}), scope="my-app")
    assert plain["recognised_by"] == "neither its scope nor its attributes name another dialect"


def test_further_dialects_are_named() -> None:
    (explanation,) = explained(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": as_json([{"role": "user", "content": "Hi"}]),
                "gen_ai.output.messages": as_json([{"role": "assistant", "content": "Hello"}]),
                "openinference.span.kind": "LLM",
                "llm.token_count.prompt": 3,
                "output.value": "Hello",
            }
        )
    )
    assert explanation["dialect"] == "otel-genai"
    assert explanation["recognised_by"] == (
        f"its scope '{GENAI}'; and openinference by its attribute 'openinference.span.kind'"
    )
    assert explanation["columns"]["input_tokens"] == {"value": 3, "from": ["llm.token_count.prompt"]}
    assert {entry["part"]: entry["why"] for entry in explanation["ignored"]} == {
        "openinference.span.kind": "another attribute has the kind of the span"
    }
    assert explanation["columns"]["output_preview"] == {
        "value": "Hello",
        "from": ["gen_ai.output.messages"],
        "overruled": [{"part": "output.value", "value": "Hello"}],
    }


def test_ignored_parts_have_reasons() -> None:
    (explanation,) = explained(
        span(
            {
                "langsmith.span.kind": "llm",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-5",
                "langsmith.metadata.LANGSMITH_API_KEY": "lsv2",
                "gen_ai.usage.input_token_details": "{'cache_read': 'x'}",
                "gen_ai.usage.input_tokens": 3,
                "gen_ai.usage.cost": 0,
                "http.request.header.authorization": "Bearer x",
            }
        ),
        scope="langsmith",
    )
    assert {entry["part"]: entry["why"] for entry in explanation["ignored"]} == {
        "langsmith.metadata.LANGSMITH_API_KEY": "its name suggests a secret",
        "http.request.header.authorization": "its name suggests a secret",
        "gen_ai.usage.input_token_details": "it contains nothing about the call",
        "gen_ai.operation.name": "another attribute has the kind of the span",
        "gen_ai.usage.cost": "a cost of 0 for used tokens is ignored",
    }


def test_values_without_a_column_are_shown_as_metadata() -> None:
    (explanation,) = explained(
        span({"gen_ai.request.model": "gpt-5", "app.plan": "pro", "pulse.metadata.tier": "gold"}),
        resource={"host.name": "h1"},
    )
    metadata = explanation["metadata"]
    assert metadata["attributes.app.plan"] == ["app.plan"]
    assert metadata["tier"] == ["pulse.metadata.tier"]
    assert metadata["resource.host.name"] == ["resource host.name"]


def test_equal_values_of_two_parts_come_from_the_first() -> None:
    answer = '[{"role":"assistant","parts":[{"type":"text","content":"18."}],"finish_reason":"stop"}]'
    (explanation,) = explained(
        span({**CALL, "gen_ai.response.finish_reasons": ["stop"], "gen_ai.output.messages": answer})
    )
    body = explanation["columns"]["response_body"]
    assert "gen_ai.response.finish_reasons" in body["from"]
    assert "overruled" not in body


def test_wrapper_and_its_calls_have_reasons_for_counting() -> None:
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
    }
    wrapper, first, second = explained(
        span(chat, span_id=1),
        span({**chat, "gen_ai.response.id": "a"}, span_id=2, parent_id=1),
        span({**chat, "gen_ai.response.id": "b"}, span_id=3, parent_id=1),
    )
    assert (wrapper["counted"], wrapper["why"]) == (False, "it repeats 2 calls below it, which count")
    assert wrapper["same_call"] == [first["otel_span_id"], second["otel_span_id"]]
    assert first["counted"]
    assert first["why"] == "it is a model call that no other span describes"


def test_two_spans_of_one_call_name_each_other_and_what_is_completed() -> None:
    chat = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.response.id": "r1"}
    outer, inner = explained(
        span({**chat, "session.id": "chat-42"}, span_id=1),
        span(
            {**chat, "gen_ai.usage.input_tokens": 5, "gen_ai.request.model": "gpt-5"}, span_id=2, parent_id=1
        ),
    )
    assert (outer["counted"], outer["counted_by"]) == (False, inner["otel_span_id"])
    assert (inner["counted"], inner["same_call"]) == (True, [outer["otel_span_id"]])
    assert inner["why"] == (
        "2 spans describe the same call (one is below the other, and no other call below it matches); "
        "this one counts, since it reports tokens"
    )
    assert inner["completed"]["session_id"] == {
        "own": None,
        "shown": "chat-42",
        "from": outer["otel_span_id"],
    }


def test_log_records_complete_their_span_or_have_a_reason() -> None:
    nameless = log_record("gen_ai.user.message", {"content": "Weather?"})
    nameless.span_id = b""
    explanation = answer(
        trace_request(chat_span(), scope=GENAI),
        logs_request(
            log_record("gen_ai.user.message", {"content": "Weather in Paris?"}),
            log_record("http.access", {"path": "/"}),
            nameless,
        ),
    )
    assert [record["declined"] for record in explanation["logs"]] == [
        None,
        "it is not a known gen-ai event",
        "it belongs to no span: trace id and span id are missing or all zero",
    ]
    assert explanation["spans"][0]["completed"]["input_preview"] == {
        "own": None,
        "shown": "Weather in Paris?",
        "from": "log events",
    }


def test_events_of_a_span_are_sources_of_columns() -> None:
    (explanation,) = explained(
        span(
            {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5"},
            events=[event("gen_ai.user.message", {"content": "Weather?"})],
        )
    )
    assert explanation["columns"]["input_preview"] == {
        "value": "Weather?",
        "from": ["event gen_ai.user.message"],
    }


def test_flattened_lists_are_one_part() -> None:
    (explanation,) = explained(
        span(
            {
                "gen_ai.request.model": "gpt-4",
                "gen_ai.prompt.0.role": "user",
                "gen_ai.prompt.0.content": "Weather?",
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": "In Paris.",
            }
        ),
        scope="opentelemetry.instrumentation.openai.v1",
    )
    assert explanation["columns"]["input_preview"]["from"] == ["gen_ai.prompt.N"]


def test_refused_and_left_out_spans_have_reasons() -> None:
    broken = span({"gen_ai.request.model": "gpt-5"}, span_id=2)
    broken.span_id = b"12"
    first, second = explained(broken, span({"http.method": "GET"}, name="GET /"), scope="http")
    assert first["refused"].startswith("span id '3132'")
    assert second["left_out"] is not None
    assert (
        second["why"] == "the span does not describe a model call; it is stored for trees, sessions and users"
    )


def test_work_is_bounded_and_notes_name_what_was_not_examined() -> None:
    request = trace_request(*(chat_span(span_id=number) for number in range(1, 51)), scope=GENAI)
    budget = Budget(600, 1 << 30)
    explanation = explanation_json(explain(request, None, received_ns=RECEIVED_NS, budget=budget))
    assert budget.mappings >= 0
    spans: Any = explanation["spans"]
    sourced = [bool(one["columns"]["provider"]["from"]) for one in spans]
    assert 0 < sum(sourced) < 50
    # All the rest is explanation of every span.
    assert all(one["counted"] for one in spans)
    assert explanation["notes"] == [
        f"of {50 - sum(sourced)} of 50 spans the sources were not searched, since that takes too long; "
        "explain them in a separate request, or with `pulse explain` on a file"
    ]


def by_name(capture: Capture) -> str:
    return capture.name


@pytest.mark.parametrize("capture", captures()[::3], ids=by_name)
def test_explained_captures_count_the_same_calls_as_the_store(capture: Capture) -> None:
    explanation = explain(
        capture.request, capture.logs, received_ns=capture.received_ns, budget=Budget(20_000, 1 << 30)
    )
    assert not explanation.notes
    counted = sum(one.counting is not None and one.counting.counted for one in explanation.spans)
    expected = capture.expected["rows_counted"]
    allowed = expected["any"] if isinstance(expected, dict) else [expected]
    assert isinstance(allowed, list)
    assert counted in allowed
    # Whatever has a value has a part of the span that gives it.
    for one in explanation.spans:
        for name, column in one.columns.items():
            assert column.sources, f"{one.name}: {name} comes from nowhere"
    assert explanation_text(explanation).count("counted  ") == len(explanation.spans)


def test_signal_and_encoding_are_detected() -> None:
    spans = trace_request(chat_span(), scope=GENAI)
    logs = logs_request(log_record("gen_ai.user.message", {"content": "Weather?"}))
    assert read_telemetry(spans.SerializeToString()).spans == spans
    assert read_telemetry(logs.SerializeToString()).logs == logs
    both = read_telemetry(as_json({"resourceSpans": [], "resourceLogs": []}).encode())
    assert (both.spans.resource_spans, both.logs.resource_logs) == ([], [])
    two_lines = b'{"resourceSpans":[{"scopeSpans":[]}]}\n{"resourceLogs":[{"scopeLogs":[]}]}\n'
    telemetry = read_telemetry(two_lines)
    assert (len(telemetry.spans.resource_spans), len(telemetry.logs.resource_logs)) == (1, 1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"resourceMetrics": []}', "metrics, which Pulse does not store"),
        (b'{"spans": []}', "neither 'resourceSpans' nor 'resourceLogs'"),
        (b"{not json", "is not JSON"),
        (b"\xff\xff\xff", "protobuf"),
    ],
)
def test_bytes_that_are_not_telemetry_are_unreadable(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_telemetry(body)


def test_attributes_of_every_kind_of_value_can_be_changed() -> None:
    values: dict[str, Value] = {
        "text": "a",
        "number": 1,
        "real": 0.5,
        "flag": True,
        "bytes": b"x",
        "list": ["a", 1],
        "map": {"a": {"b": 2}},
        "json": '{"a": [1, "b", null, true]}',
        "numeral": "41",
        "nothing": None,
    }
    (explanation,) = explained(span({"gen_ai.request.model": "gpt-5", **values}))
    assert {name for name in explanation["metadata"] if name.startswith("attributes.")} == {
        f"attributes.{key}" for key in values if key != "nothing"
    }
    assert key_values(values)
