"""Limits of a decoded request: spans, parts, memory. What is within the limits is stored."""

from __future__ import annotations

import gzip
from collections.abc import Generator

import pytest
from google.rpc.status_pb2 import Status  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from tests.storage.sql_backends import SqlBackend, SqliteBackend
from tests.support.lasting import Lasting
from tests.support.receiver import JSON, PROTOBUF, Receiver, chat_span, post, request_of, running_receiver

from pulse_collector.admission import ByteBudget
from pulse_collector.refusals import Refusal

_MAX_SPANS = 20


@pytest.fixture(scope="session")
def backend() -> SqlBackend:
    """Return one engine: the requests are refused before they reach the store."""
    return SqliteBackend()


@pytest.fixture
def receiver(lasting: Lasting) -> Generator[Receiver]:
    with running_receiver(lasting, max_inflight_bytes=16 << 20, max_spans=_MAX_SPANS) as receiver:
        yield receiver


@pytest.mark.parametrize("text_bytes", [1, 20_000])
def test_spans_beyond_the_limit_are_rejected_and_counted(receiver: Receiver, text_bytes: int) -> None:
    spans = [chat_span(n, gen_ai__input__messages="x" * text_bytes) for n in range(1, 51)]
    answer = post(receiver, request_of(*spans).SerializeToString())
    assert answer.status_code == 200
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 30
    assert "PULSE_MAX_SPANS_PER_REQUEST" in partial.error_message
    assert len(receiver.rows()) == _MAX_SPANS
    assert receiver.metric("pulse_spans_received_total", transport="http") == 50
    assert receiver.metric("pulse_spans_stored_total") == _MAX_SPANS
    assert receiver.metric("pulse_spans_rejected_total", reason="limit") == 30
    assert receiver.collector.rejected_spans.of(receiver.project_id)[0] == 30
    assert receiver.collector.rejected_spans.of("other")[0] == 0


def test_spans_in_json_have_the_same_limit(receiver: Receiver) -> None:
    chat = '[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}}]'
    span = '{"traceId":"%032x","spanId":"%016x","attributes":' + chat + "}"
    spans = ",".join(span % (n, n) for n in range(1, 51))
    body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}'
    answer = post(receiver, body.encode(), JSON)
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "30"
    assert len(receiver.rows()) == _MAX_SPANS


def test_log_records_have_the_same_limit(receiver: Receiver) -> None:
    records = [
        LogRecord(
            trace_id=chat_span(n).trace_id,
            span_id=chat_span(n).span_id,
            event_name="gen_ai.user.message",
            body=AnyValue(string_value="Hello"),
        )
        for n in range(1, 51)
    ]
    logs = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])])
    answer = post(receiver, logs.SerializeToString(), path="/v1/logs")
    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_log_records == 30
    assert "PULSE_MAX_SPANS_PER_REQUEST" in partial.error_message


def test_rows_are_charged_to_the_budget(lasting: Lasting) -> None:
    with running_receiver(lasting, max_body_bytes=1 << 20, max_inflight_bytes=1 << 20) as receiver:
        spans = [chat_span(n) for n in range(1, 2_001)]
        answer = post(receiver, request_of(*spans).SerializeToString())
        assert answer.status_code == 413
        assert "PULSE_MAX_INFLIGHT_MIB" in Status.FromString(answer.content).message
        assert receiver.collector.budget.held_bytes == 0
        assert post(receiver, request_of(*spans[:200]).SerializeToString()).status_code == 200


def test_full_budget_is_503_and_exceeded_budget_is_413() -> None:
    budget = ByteBudget(100)
    with budget.reservation() as one, budget.reservation() as other:
        one.take(60)
        with pytest.raises(Refusal) as refused:
            other.take(60)
        assert (refused.value.http_status, refused.value.retry_after_s) == (503, 1)
        with pytest.raises(Refusal) as refused:
            one.take(60)
        assert (refused.value.http_status, refused.value.retry_after_s) == (413, None)


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics", "/v1/explain"])
@pytest.mark.parametrize(
    ("body", "headers"), [(b"\x0a\x00" * 4_000_000, PROTOBUF), (b'{"x":[' + b"{}," * 700_000 + b"{}]}", JSON)]
)
def test_many_parts_in_few_bytes_are_too_large(
    receiver: Receiver, path: str, body: bytes, headers: dict[str, str]
) -> None:
    sent = gzip.compress(body)
    assert len(sent) < 100_000
    answer = post(receiver, sent, headers | {"content-encoding": "gzip"}, path)
    assert answer.status_code == 413
    assert receiver.collector.budget.held_bytes == 0


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/traces/batch", "/v1/explain"])
def test_memory_error_is_answered_503(receiver: Receiver, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(wbits: int) -> object:
        raise MemoryError

    monkeypatch.setattr("isal.isal_zlib.decompressobj", fail)
    answer = post(receiver, gzip.compress(b"{}"), JSON | {"content-encoding": "gzip"}, path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
