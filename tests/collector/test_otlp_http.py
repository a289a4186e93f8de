"""OTLP/HTTP: what is stored, the responses, and that the server survives invalid requests."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncGenerator, Generator
from typing import Any

import httpx2
import orjson
import pytest
import zstandard
from google.rpc.status_pb2 import Status  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from tests.support.lasting import Lasting
from tests.support.receiver import (
    JSON,
    NOW_NS,
    PROTOBUF,
    Receiver,
    chat_span,
    post,
    request_of,
    running_receiver,
)

from pulse_storage.keys import key_record, new_key


@pytest.fixture
def receiver(lasting: Lasting) -> Generator[Receiver]:
    with running_receiver(lasting) as receiver:
        yield receiver


def stored_names(receiver: Receiver) -> list[str]:
    return [row.name for row in receiver.rows()]


def test_protobuf_is_stored_before_it_is_acknowledged(receiver: Receiver) -> None:
    answer = post(receiver, request_of(chat_span(1), chat_span(2)).SerializeToString())
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert [row.input_tokens for row in receiver.rows()] == [10, 10]


def test_json_is_answered_in_json(receiver: Receiver) -> None:
    span = {
        "traceId": "0AF7651916CD43DD8448EB211C80319C",
        "spanId": "b7ad6b7169203331",
        "name": "chat",
        "startTimeUnixNano": "1795392000000000000",
        "endTimeUnixNano": 1795392001000000000,
        "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}],
    }
    document = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    answer = post(receiver, orjson.dumps(document), {"content-type": "application/json; charset=utf-8"})
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert answer.headers["content-type"] == "application/json"
    [row] = receiver.rows()
    assert row.otel_trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert row.latency_ms == 1000.0


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("zstd", zstandard.compress),
    ],
)
def test_compressed_bodies_are_accepted(receiver: Receiver, encoding: str, compress: Any) -> None:
    body = compress(request_of(chat_span(1)).SerializeToString())
    assert post(receiver, body, PROTOBUF | {"content-encoding": encoding}).status_code == 200
    assert len(receiver.rows()) == 1


def test_chunked_bodies_need_no_length(receiver: Receiver) -> None:
    body = request_of(chat_span(1)).SerializeToString()

    async def chunks() -> AsyncGenerator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    assert post(receiver, chunks()).status_code == 200
    assert len(receiver.rows()) == 1


@pytest.mark.parametrize(
    "body", [b"", ExportTraceServiceRequest(resource_spans=[ResourceSpans()]).SerializeToString()]
)
def test_empty_requests_succeed(receiver: Receiver, body: bytes) -> None:
    answer = post(receiver, body)
    assert (answer.status_code, answer.content) == (200, b"")


def test_metrics_succeed_with_a_warning(receiver: Receiver) -> None:
    answer = post(receiver, b"{}", JSON, "/v1/metrics")
    assert answer.status_code == 200
    assert "dropped" in orjson.loads(answer.content)["partialSuccess"]["errorMessage"]


def log_record(number: int, name: str, body: Any) -> dict[str, Any]:
    content = {"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": body}}]}}
    return {
        "timeUnixNano": str(NOW_NS + number),
        "eventName": name,
        "body": content,
        "traceId": (1).to_bytes(16, "big").hex(),
        "spanId": (1).to_bytes(8, "big").hex(),
    }


@pytest.mark.parametrize("events_first", [True, False])
def test_gen_ai_events_complete_their_span(receiver: Receiver, events_first: bool) -> None:
    records = [log_record(1, "gen_ai.user.message", "How warm is it?"), log_record(2, "app.event", "?")]
    logs = orjson.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})
    span = request_of(chat_span(1)).SerializeToString()
    if not events_first:
        post(receiver, span)
    answer = post(receiver, logs, JSON, "/v1/logs")
    if events_first:
        post(receiver, span)
    partial = orjson.loads(answer.content)["partialSuccess"]
    assert (answer.status_code, partial["rejectedLogRecords"]) == (200, "1")
    assert [row.input_preview for row in receiver.rows()] == ["How warm is it?"]
    [row] = receiver.rows()
    record = receiver.run(receiver.storage.get_trace(receiver.project_id, row.trace_id))
    assert record is not None
    assert b"How warm is it?" in (record.request_body or b"")
    assert receiver.metric("pulse_log_records_total", outcome="stored") == 1


def test_events_that_report_calls_are_stored_as_calls(receiver: Receiver) -> None:
    attributes = {
        "event.name": "api_request",
        "session.id": "s1",
        "model": "claude-sonnet-4-5-20250929",
        "input_tokens": "4",
        "output_tokens": "310",
    }
    pairs = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    record = {
        "timeUnixNano": str(NOW_NS),
        "body": {"stringValue": "claude_code.api_request"},
        "attributes": pairs,
    }
    logs = orjson.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
    for _ in range(2):
        assert post(receiver, logs, JSON, "/v1/logs").content == b"{}"
    assert [(row.input_tokens, row.session_id, row.counted) for row in receiver.rows()] == [(4, "s1", True)]
    assert receiver.metric("pulse_log_records_total", outcome="ignored") in (None, 0)


def test_log_records_without_gen_ai_events_are_declined_with_a_count(receiver: Receiver) -> None:
    logs = orjson.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{}, {}, {}]}]}]})
    answer = post(receiver, logs, JSON, "/v1/logs")
    assert answer.status_code == 200
    assert orjson.loads(answer.content)["partialSuccess"]["rejectedLogRecords"] == "3"
    assert post(receiver, b"", path="/v1/logs").content == b""


def test_trailing_slash_is_tolerated(receiver: Receiver) -> None:
    assert post(receiver, b"", path="/v1/traces/").status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(receiver: Receiver, method: str) -> None:
    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(receiver.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://pulse") as client:
            return await client.request(method, "/v1/traces")

    answer = receiver.run(send())
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("trace_id", "span_id", "reason"),
    [
        (b"", b"s" * 8, "trace id"),
        (b"t" * 16, b"", "span id"),
        (b"t" * 3, b"s" * 8, "trace id"),
        (b"t" * 16, b"s" * 3, "span id"),
        (bytes(16), b"s" * 8, "trace id"),
        (b"t" * 16, bytes(8), "span id"),
    ],
)
def test_span_without_good_ids_is_counted_and_its_neighbour_stored(
    receiver: Receiver, trace_id: bytes, span_id: bytes, reason: str
) -> None:
    bad = chat_span(2)
    bad.trace_id, bad.span_id = trace_id, span_id
    answer = post(receiver, request_of(chat_span(1), bad).SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)
    assert reason in partial.error_message
    assert len(receiver.rows()) == 1


def test_same_batch_again_changes_nothing(receiver: Receiver) -> None:
    body = request_of(chat_span(1), chat_span(2)).SerializeToString()
    for _ in range(3):
        assert post(receiver, body).content == b""
    assert len(receiver.rows()) == 2
    assert receiver.metric("pulse_spans_received_total", transport="http") == 6
    assert receiver.metric("pulse_spans_stored_total") == 2
    assert receiver.metric("pulse_spans_duplicate_total") == 4


@pytest.mark.parametrize(
    "span",
    [
        chat_span(1, x="nul \0 inside"),
        chat_span(1, x=2**63 - 1),
    ],
)
def test_extreme_values_do_not_affect_the_neighbour(receiver: Receiver, span: Any) -> None:
    span.name = "nul \0 name"
    span.start_time_unix_nano = 2**64 - 1
    span.end_time_unix_nano = 2**64 - 1
    span.attributes.append(KeyValue(key="nan", value=AnyValue(double_value=float("nan"))))
    assert post(receiver, request_of(span, chat_span(2)).SerializeToString()).content == b""
    assert len(receiver.rows()) == 2


def test_text_that_is_not_utf8_is_corrected(receiver: Receiver) -> None:
    span = chat_span(1)
    span.name = "caf@"
    body = request_of(span, chat_span(2)).SerializeToString().replace(b"caf@", b"caf\xe9")
    assert post(receiver, body).content == b""
    assert "caf�" in stored_names(receiver)


def varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def nested(levels: int) -> bytes:
    """Return encoded spans by hand: protobuf refuses to build what it cannot parse."""
    value = AnyValue(string_value="core").SerializeToString()
    for _ in range(levels):
        array = b"\x0a" + varint(len(value)) + value
        value = b"\x2a" + varint(len(array)) + array
    attribute = b"\x0a\x04deep\x12" + varint(len(value)) + value
    span = chat_span(1).SerializeToString() + b"\x4a" + varint(len(attribute)) + attribute
    scope_spans = b"\x12" + varint(len(span)) + span
    resource_spans = b"\x12" + varint(len(scope_spans)) + scope_spans
    return b"\x0a" + varint(len(resource_spans)) + resource_spans


def test_deep_nesting_is_stored_or_refused(receiver: Receiver) -> None:
    assert post(receiver, nested(40)).status_code == 200
    assert len(receiver.rows()) == 1
    assert post(receiver, nested(90)).status_code == 400


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (PROTOBUF, b"\xff\xfe", 400),
        (PROTOBUF, b"\x0a\x10abc", 400),
        (JSON, b"{", 400),
        (JSON, b"[]", 400),
        (JSON, b"[" * 2000, 400),
        (JSON, b'{"resourceSpans": 3}', 400),
        (JSON, b'{"resourceSpans": NaN}', 400),
        (PROTOBUF | {"content-encoding": "gzip"}, b"plain", 400),
        (PROTOBUF | {"content-encoding": "gzip"}, gzip.compress(b"x" * 99, mtime=0)[:-4], 400),
        (PROTOBUF | {"content-encoding": "snappy"}, b"", 415),
        ({"content-type": "text/plain"}, b"", 415),
        ({}, b"", 415),
    ],
)
def test_bad_input_is_answered_with_a_status(
    receiver: Receiver, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = post(receiver, body, headers)
    assert answer.status_code == status
    if answer.headers["content-type"] == "application/json":
        error = orjson.loads(answer.content)
        code, message = error["code"], error["message"]
    else:
        read = Status.FromString(answer.content)
        code, message = read.code, read.message
    assert code == {400: 3, 415: 12}[status]
    assert len(message) > 20
    assert post(receiver, request_of(chat_span(1)).SerializeToString()).status_code == 200


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer pulse_sk_11111111-1111-4111-8111-111111111111"},
        {"authorization": "Basic !!!"},
        {"authorization": "Digest x"},
        {"x-api-key": "pulse_sk_x"},
    ],
)
def test_unknown_keys_get_the_same_answer_for_every_body(receiver: Receiver, auth: dict[str, str]) -> None:
    answer = post(receiver, b"\xff garbage", auth=auth)
    known = post(receiver, b"", auth={"authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.content == known.content
    assert Status.FromString(answer.content).code == 16


def test_basic_with_the_key_as_password_is_a_key(receiver: Receiver) -> None:
    header = httpx2.BasicAuth("pulse", receiver.key)._auth_header  # pyright: ignore[reportPrivateUsage]
    assert post(receiver, b"", auth={"authorization": header}).status_code == 200


def test_key_without_the_ingest_scope_is_forbidden(receiver: Receiver) -> None:
    key = new_key()
    record = key_record(key, receiver.project_id, scopes={"read"}, created_ns=1)
    receiver.run(receiver.storage.create_key(record))
    answer = post(receiver, b"", JSON, auth={"authorization": f"Bearer {key}"})
    assert answer.status_code == 403
    assert orjson.loads(answer.content)["code"] == 7


def test_key_is_checked_before_the_body_is_read(receiver: Receiver) -> None:
    read: list[int] = []

    async def send() -> int:
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/v1/traces",
            "headers": [(b"content-type", b"application/x-protobuf")],
        }
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            read.append(1)
            return {"type": "http.request", "body": b""}

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await receiver.app(scope, receive, answer)
        return statuses[0]

    assert receiver.run(send()) == 401
    assert not read


def test_spans_that_are_not_gen_ai_are_left_out_without_a_gen_ai_trace(receiver: Receiver) -> None:
    lone, parent, call = chat_span(1), chat_span(2), chat_span(3)
    del lone.attributes[:]
    del parent.attributes[:]
    call.trace_id, call.parent_span_id = parent.trace_id, parent.span_id
    lone.name, parent.name = "GET /", "handle checkout"
    assert post(receiver, request_of(call, parent, lone).SerializeToString()).content == b""
    assert sorted(stored_names(receiver)) == ["chat gpt-4o-mini", "handle checkout"]
    assert receiver.metric("pulse_spans_left_out_total") == 1


def test_every_span_is_stored_with_keep_all(lasting: Lasting) -> None:
    with running_receiver(lasting, keep="all") as receiver:
        lone = chat_span(1)
        del lone.attributes[:]
        post(receiver, request_of(lone).SerializeToString())
        assert len(receiver.rows()) == 1


def test_payload_cannot_choose_a_project(receiver: Receiver) -> None:
    span = chat_span(1, project__id="other", pulse__project_id="other")
    post(receiver, request_of(span).SerializeToString())
    assert [row.project_id for row in receiver.rows()] == [receiver.project_id]
