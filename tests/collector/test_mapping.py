"""What every span becomes in any dialect, and with any error in it."""

from __future__ import annotations

import logging
from dataclasses import replace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from tests.support.captures import captures
from tests.support.examples import examples
from tests.support.spans import (
    CHAT,
    RECEIVED_NS,
    START_NS,
    Value,
    any_value,
    chat_span,
    event,
    known_columns,
    row_of,
    span,
    trace_request,
)

from pulse_collector import dialects
from pulse_collector.mapping import read_span
from pulse_collector.mapping.read_span import Reading, read_columns, read_content, read_values
from pulse_collector.mapping.spans import MappedSpans, SpanMapper, map_spans
from pulse_collector.pricing import LIST_PRICES
from pulse_storage.content.bodies import unpack
from pulse_storage.content.documents import unpack_document
from pulse_storage.rows import PREVIEW_CHARS

MAX_INT64 = (1 << 63) - 1
NOWHERE = {"gen_ai.operation.name": "chat"}


def metadata_of(attributes: dict[str, Value], **resource: Value) -> dict[str, Value]:
    row = row_of(span(attributes), resource={key.replace("_", "."): value for key, value in resource.items()})
    assert row.metadata is not None
    return orjson.loads(row.metadata)


def test_an_empty_request_has_no_rows() -> None:
    assert map_spans("p1", ExportTraceServiceRequest(), RECEIVED_NS) == MappedSpans([], [])


def test_a_span_without_proper_ids_is_rejected_alone() -> None:
    good = [chat_span(span_id=1), chat_span(span_id=2)]
    bad = [span(CHAT, trace_id=b"short"), span(CHAT, trace_id=bytes(16)), span(CHAT, span_id=0)]
    mapped = map_spans("p1", trace_request(good[0], *bad, good[1]), RECEIVED_NS)
    assert [row.otel_span_id for row in mapped.rows] == [one.span_id for one in good]
    assert mapped.rejected == [
        "trace id '73686f7274': must be 16 bytes that are not all zero",
        f"trace id '{'00' * 16}': must be 16 bytes that are not all zero",
        f"span id '{'00' * 8}': must be 8 bytes that are not all zero",
    ]


def test_mapper_calls_the_checkpoint_at_least_once_for_each_span() -> None:
    calls: list[None] = []
    spans = [chat_span(span_id=number) for number in range(1, 101)]
    mapper = SpanMapper(lambda: calls.append(None))
    mapped = mapper.map_spans("p1", trace_request(*spans), RECEIVED_NS, LIST_PRICES)
    assert len(mapped.rows) == 100
    assert len(calls) >= 100


@pytest.mark.parametrize("parent_id", [b"", b"short", bytes(8)])
def test_invalid_parent_is_none(parent_id: bytes) -> None:
    orphan = chat_span()
    orphan.parent_span_id = parent_id
    assert row_of(orphan).parent_span_id is None


def test_span_without_a_dialect_is_stored_with_session_user_and_tags() -> None:
    web = span({"http.route": "/chat", "session.id": "s1", "user.id": "u1"}, name="POST /chat")
    assert known_columns(row_of(web, scope="shop.web", resource={"service.name": "shop"})) == {
        "model_call": False,
        "gen_ai": False,
        "name": "POST /chat",
        "scope": "shop.web",
        "session_id": "s1",
        "user_id": "u1",
        "service": "shop",
        "metadata": {
            "attributes": {"http.route": "/chat"},
            "resource": {"service.name": "shop"},
            "scope": {"name": "shop.web"},
        },
    }


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "expected"),
    [
        (START_NS, START_NS + 1_500_000, (START_NS, 1.5, None)),
        (START_NS, 0, (START_NS, None, None)),
        (START_NS, START_NS - 1, (START_NS, None, "ended before it began: latency unknown")),
        (0, 5, (RECEIVED_NS, None, "no start time: time of arrival used")),
        (17, 18, (RECEIVED_NS, None, "impossible start time 17 ns: time of arrival used")),
        (
            2**64 - 1,
            2**64 - 1,
            (RECEIVED_NS, None, f"impossible start time {2**64 - 1} ns: time of arrival used"),
        ),
        (
            START_NS,
            2**64 - 1,
            (START_NS, None, f"impossible end time {2**64 - 1} ns: latency unknown"),
        ),
    ],
)
def test_impossible_times_are_corrected_and_noted(
    start_ns: int, end_ns: int, expected: tuple[int, float | None, str | None]
) -> None:
    timed = span(NOWHERE)
    timed.start_time_unix_nano, timed.end_time_unix_nano = start_ns, end_ns
    row = row_of(timed)
    notes = orjson.loads(row.metadata or "").get("notes")
    assert (row.start_ns, row.latency_ms, notes and notes[0]) == expected


def test_attributes_keep_their_dotted_names() -> None:
    attributes: dict[str, Value] = {**NOWHERE, "shop.cart": 1, "shop.cart.total": 2.5, "a..b": True, "": "x"}
    assert metadata_of(attributes)["attributes"] == {
        "shop.cart": 1,
        "shop.cart.total": 2.5,
        "a..b": True,
        "": "x",
    }


def test_values_that_json_cannot_represent_become_text() -> None:
    odd: dict[str, Value] = {
        "nan": float("nan"),
        "infinite": float("-inf"),
        "nul": "a\x00b",
        "bytes": b"\xff\xfe",
        "utf8": "é".encode(),
        "list": [1, None, {"deep": b"x"}],
        "big": MAX_INT64,
        "unset": None,
    }
    assert metadata_of({**NOWHERE, **odd})["attributes"] == {
        "nan": "NaN",
        "infinite": "-Infinity",
        "nul": "a\ufffdb",
        "bytes": "//4=",
        "utf8": "é",
        "list": [1, None, {"deep": "x"}],
        "big": MAX_INT64,
        "unset": None,
    }


def test_credentials_and_settings_are_dropped() -> None:
    secret: dict[str, Value] = {
        "langsmith.metadata.LANGSMITH_API_KEY": "x",
        "http.request.header.authorization": "Bearer x",
        "ai.request.headers.x-api-key": "x",
        "metadata.user_api_key_hash": "x",
        "app.password": "x",
    }
    metadata = metadata_of({**NOWHERE, **secret}, process_command_args=["--token", "x"], host_name="h")
    assert metadata == {"resource": {"host.name": "h"}}


def test_metadata_is_bounded_and_has_a_note() -> None:
    many: dict[str, Value] = {f"key.{index}": "x" * 3000 for index in range(200)}
    row = row_of(span({**NOWHERE, **many, "huge": "y" * 1_000_000}))
    assert row.metadata is not None
    assert len(row.metadata) <= 64 * 1024
    assert "its largest members were left out" in orjson.loads(row.metadata)["notes"][0]


def test_application_metadata_is_at_the_top_level() -> None:
    own: dict[str, Value] = {"pulse.metadata.plan": "pro", "pulse.metadata.resource": "mine"}
    assert metadata_of({**NOWHERE, **own}, service_name="shop") == {
        "plan": "pro",
        "attributes": {"resource": "mine"},
        "resource": {"service.name": "shop"},
    }


def test_dropped_attributes_are_noted() -> None:
    cut = chat_span()
    cut.dropped_attributes_count = 7
    notes = orjson.loads(row_of(cut).metadata or "")["notes"]
    assert notes == ["the sender dropped 7 attributes"]


@pytest.mark.parametrize(
    ("status", "attributes", "raised", "expected"),
    [
        (Status.STATUS_CODE_UNSET, {}, None, ("success", None, None)),
        (Status.STATUS_CODE_ERROR, {}, None, ("error", "RateLimitError", "RateLimitError: slow")),
        (
            Status.STATUS_CODE_UNSET,
            {"error.type": "429"},
            None,
            ("error", "429", "RateLimitError: slow"),
        ),
        (Status.STATUS_CODE_UNSET, {}, "ValueError", ("error", "ValueError", "no")),
        (Status.STATUS_CODE_OK, {}, "ValueError", ("success", None, None)),
    ],
)
def test_outcome(
    status: int,
    attributes: dict[str, Value],
    raised: str | None,
    expected: tuple[str, str | None, str | None],
) -> None:
    events = [event("exception", {"exception.type": raised, "exception.message": "no"})] if raised else []
    one = span({**NOWHERE, **attributes}, status=status, message="RateLimitError: slow", events=events)
    row = row_of(one)
    assert (row.status, row.error_type, row.error_message) == expected


def test_events_are_kept_with_their_time_but_for_content() -> None:
    events = [
        event("exception", {"exception.type": "E", "exception.stacktrace": "at line 1"}, after_ms=2.5),
        event("gen_ai.content.completion.chunk", after_ms=1.0),
    ]
    kept = orjson.loads(row_of(span(NOWHERE, events=events)).metadata or "")["events"]
    assert kept == [
        {
            "name": "exception",
            "after_ms": 2.5,
            "attributes": {"exception.type": "E", "exception.stacktrace": "at line 1"},
        }
    ]


def test_long_texts_are_cut_in_previews_and_stored_in_full() -> None:
    question, answer = "q" * 600, "a" * 600
    messages = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
    answers = [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
    row = row_of(span({**NOWHERE, "gen_ai.input.messages": messages, "gen_ai.output.messages": answers}))
    assert row.input_preview == question[:PREVIEW_CHARS]
    assert row.output_preview == answer[:PREVIEW_CHARS]
    assert row.output_text is not None
    assert unpack(row.output_text).decode() == answer


def test_truncated_content_is_stored_raw() -> None:
    row = row_of(span({**NOWHERE, "gen_ai.input.messages": '[{"role":"user","parts":[{"ty'}))
    assert row.request_body is not None
    assert orjson.loads(unpack_document(row.request_body)) == {
        "messages": {"_raw": '[{"role":"user","parts":[{"ty'}
    }


def test_lone_surrogates_and_nul_in_content_are_replaced() -> None:
    row = row_of(
        span({**NOWHERE, "gen_ai.output.messages": r'[{"role":"assistant","content":"\ud800 \u0000"}]'})
    )
    assert row.output_preview == "\ufffd \ufffd"
    assert row.response_body is not None
    assert orjson.loads(unpack_document(row.response_body))["messages"][0]["content"] == "\ufffd \x00"


def test_impossible_tokens_are_unknown_and_stay_in_the_metadata() -> None:
    odd: dict[str, Value] = {"gen_ai.usage.input_tokens": -1, "gen_ai.usage.output_tokens": "12"}
    row = row_of(span({**NOWHERE, **odd}))
    assert (row.input_tokens, row.output_tokens) == (None, 12)
    assert orjson.loads(row.metadata or "")["attributes"] == {"gen_ai.usage.input_tokens": -1}


def test_unknown_operation_with_a_provider_response_is_a_model_call() -> None:
    answered: dict[str, Value] = {
        "gen_ai.operation.name": "dream",
        "gen_ai.response.id": "r1",
        "gen_ai.usage.input_tokens": 1,
    }
    assert row_of(span(answered)).model_call
    assert not row_of(span({"gen_ai.operation.name": "dream"})).model_call
    assert not row_of(span({**answered, "gen_ai.operation.name": "invoke_agent"})).model_call


def test_error_in_reading_content_loses_only_the_content(caplog: pytest.LogCaptureFixture) -> None:
    def fail(facts: object) -> None:
        raise ZeroDivisionError

    spoken = dialects.dialect_of_scope("pulse.instrumentation")
    assert spoken is not None
    faulty = spoken._replace(dialect=replace(spoken.dialect, name="faulty", read=fail))
    readings = [Reading(chat_span(span_id=1)), Reading(chat_span(span_id=2))]
    with caplog.at_level(logging.ERROR):
        for reading in readings:
            read_values(reading)
            read_columns(reading, None, faulty, RECEIVED_NS)
            read_content(reading)
    assert [reading.facts.counts["input"] for reading in readings] == [42, 42]
    assert readings[0].facts.notes == ["Pulse failed to read the content"]
    assert len(caplog.records) == 1


def test_error_in_mapping_rejects_only_its_span(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(facts: object, status: Status) -> None:
        if status.message == "bad":
            raise ZeroDivisionError

    monkeypatch.setattr(read_span, "read_outcome", fail)
    spans = [chat_span(span_id=1), span(CHAT, span_id=2, message="bad"), chat_span(span_id=3)]
    mapped = map_spans("p1", trace_request(*spans), RECEIVED_NS)
    assert [row.otel_span_id[-1] for row in mapped.rows] == [1, 3]
    assert mapped.rejected == ["span 0000000000000002: Pulse failed to map it, see its log"]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), MAX_INT64)
    | st.floats()
    | st.binary(max_size=8)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["null", "[]", '{"a":', '"\\ud800"', '[{"role":null}]', '{"choices":[null]}', "NaN"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "parts", "text", "type", "message", "usage", "choices", "a.b"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
CAPTURED = [capture.request for capture in captures()]
KEYS = sorted(
    {
        pair.key
        for request in CAPTURED
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for one in scope_spans.spans
        for pair in one.attributes
    }
)


@settings(max_examples=examples(150), deadline=None)
@given(
    captured=st.sampled_from(CAPTURED),
    changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=12),
)
def test_no_value_of_any_attribute_loses_a_span(
    captured: ExportTraceServiceRequest, changes: dict[str, Value]
) -> None:
    request = ExportTraceServiceRequest()
    request.CopyFrom(captured)
    count = 0
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for one in scope_spans.spans:
                count += 1
                for pair in one.attributes:
                    if pair.key in changes:
                        pair.value.CopyFrom(any_value(changes[pair.key]))
    mapped = map_spans("p1", request, RECEIVED_NS)
    assert mapped.rejected == []
    assert len(mapped.rows) == count
    for row in mapped.rows:
        assert isinstance(orjson.loads(row.metadata or ""), dict)
        for body in (row.request_body, row.response_body):
            assert body is None or isinstance(orjson.loads(unpack_document(body)), dict)
        for column in row:
            if isinstance(column, str):
                assert "\x00" not in column
                assert column != ""
            elif isinstance(column, int):
                assert -MAX_INT64 - 1 <= column <= MAX_INT64


def test_span_with_deeply_nested_metadata_is_stored() -> None:
    deep = '{"a":' * 600 + "1" + "}" * 600
    row = row_of(span({"openinference.span.kind": "LLM", "metadata": deep, "llm.token_count.prompt": 3}))
    assert row.input_tokens == 3


def test_indices_of_flattened_messages_may_be_sparse_or_invalid() -> None:
    flattened: dict[str, Value] = {
        "gen_ai.prompt.999999999.role": "user",
        "gen_ai.prompt.999999999.content": "last",
        "gen_ai.prompt.3.role": "user",
        "gen_ai.prompt.3.content": "first",
        f"gen_ai.prompt.{'9' * 5000}.content": "nonsense",
        "gen_ai.prompt.x.content": "no index",
    }
    row = row_of(span({**NOWHERE, **flattened}))
    assert row.input_preview == "last"
    assert row.request_body is not None
    assert orjson.loads(unpack_document(row.request_body)) == {
        "messages": [{"role": "user", "content": "first"}, {"role": "user", "content": "last"}]
    }
