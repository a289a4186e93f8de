"""Log events become the content of their span, in any order and number of requests."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from tests.support.spans import START_NS, TRACE_ID, Value, any_value, key_values

from pulse_collector.mapping.events import content_of_parts, event_parts
from pulse_storage.content.bodies import unpack
from pulse_storage.rows import EventContent

NOTHING = EventContent(None, None, None, None, None, None)


def record(
    name: str,
    body: Value = None,
    *,
    attributes: dict[str, Value] | None = None,
    after_ns: int = 0,
    trace_id: bytes = TRACE_ID,
    span_id: bytes = b"spanspan",
) -> LogRecord:
    return LogRecord(
        event_name=name,
        body=any_value(body),
        attributes=key_values(attributes or {}),
        time_unix_nano=START_NS + after_ns,
        trace_id=trace_id,
        span_id=span_id,
    )


def logs(*records: LogRecord) -> ExportLogsServiceRequest:
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])])


def content(*records: LogRecord) -> EventContent:
    return content_of_parts(event_parts(logs(*records)).parts)


CONVERSATION = [
    record("gen_ai.system.message", {"content": "Be terse."}),
    record("gen_ai.user.message", {"content": "Weather?"}, after_ns=1),
    record(
        "gen_ai.choice",
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Cloudy."}},
        after_ns=2,
    ),
]


def test_messages_and_choices_make_a_request_and_a_response() -> None:
    result = content(*CONVERSATION)
    assert (result.input_preview, result.output_preview, result.finish_reason) == (
        "Weather?",
        "Cloudy.",
        "stop",
    )
    assert result.request_body is not None
    assert orjson.loads(unpack(result.request_body)) == {
        "messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Weather?"}]
    }
    assert result.response_body is not None
    assert orjson.loads(unpack(result.response_body)) == {
        "messages": [{"role": "assistant", "content": "Cloudy.", "finish_reason": "stop"}],
        "finish_reasons": ["stop"],
    }


@given(st.lists(st.sampled_from(CONVERSATION), max_size=8).map(lambda extra: [*extra, *CONVERSATION]))
def test_order_and_repetition_of_records_have_no_effect(records: list[LogRecord]) -> None:
    assert content(*records) == content(*CONVERSATION)


def test_records_of_the_same_time_are_ordered_by_role() -> None:
    answer = record("gen_ai.assistant.message", {"content": "Hello."})
    question = record("gen_ai.user.message", {"content": "Hi."})
    result = content(answer, question)
    assert result.request_body is not None
    assert [message["role"] for message in orjson.loads(unpack(result.request_body))["messages"]] == [
        "user",
        "assistant",
    ]


def test_details_event_has_all_content_in_attributes() -> None:
    result = content(
        record(
            "gen_ai.client.inference.operation.details",
            attributes={
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.finish_reasons": ["length"],
                "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi."}]}],
                "gen_ai.output.messages": '[{"role":"assistant","content":"Hello."}]',
                "server.address": "api.openai.com",
            },
        )
    )
    assert (result.input_preview, result.output_preview, result.finish_reason) == ("Hi.", "Hello.", "length")
    assert result.request_body is not None
    assert orjson.loads(unpack(result.request_body))["model"] == "gpt-4o-mini"


def test_choice_without_content_has_only_a_finish_reason() -> None:
    silent = record(
        "gen_ai.choice", {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant"}}
    )
    assert content(silent) == NOTHING._replace(finish_reason="tool_calls")


def test_event_name_may_be_an_attribute_and_the_body_json_text() -> None:
    old = record("", '{"content": "Hi."}', attributes={"event.name": "gen_ai.user.message"})
    assert content(old).input_preview == "Hi."


def test_records_without_content_of_a_span_are_counted() -> None:
    mapped = event_parts(
        logs(
            record("gen_ai.user.message", {"content": "Hi."}, trace_id=b""),
            record("gen_ai.user.message", {"content": "Hi."}, span_id=bytes(8)),
            record("gen_ai.evaluation.result"),
            record("shop.ordered", "42"),
        )
    )
    assert (mapped.parts, mapped.ignored) == ([], 4)


def test_no_parts_have_no_content() -> None:
    assert content_of_parts([]) == NOTHING


def test_bodies_of_any_shape_do_not_raise() -> None:
    odd: list[Value] = [None, "", 7, float("nan"), [1], {"message": 5}, {"message": None}, b"\xff", "text"]
    names = ["gen_ai.user.message", "gen_ai.choice", "gen_ai.client.inference.operation.details"]
    records = [record(name, body, after_ns=index) for name in names for index, body in enumerate(odd)]
    assert content(*records).input_preview == "text"


def test_litellm_has_the_event_name_in_an_attribute() -> None:
    result = content(
        record(
            "", {"role": "user", "content": "Weather?"}, attributes={"event_name": "gen_ai.content.prompt"}
        ),
        record(
            "",
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Cloudy."}},
            attributes={"event_name": "gen_ai.content.completion"},
            after_ns=1,
        ),
    )
    assert (result.input_preview, result.output_preview, result.finish_reason) == (
        "Weather?",
        "Cloudy.",
        "stop",
    )


def test_google_choices_have_content_without_a_message() -> None:
    parts = {"role": "model", "parts": [{"text": "Cloudy."}]}
    result = content(
        record("gen_ai.user.message", {"content": {"role": "user", "parts": [{"text": "Weather?"}]}}),
        record("gen_ai.choice", {"index": 0, "content": parts, "finish_reason": "STOP"}, after_ns=1),
    )
    assert (result.input_preview, result.output_preview, result.finish_reason) == (
        "Weather?",
        "Cloudy.",
        "stop",
    )
