"""OTLP over gRPC: the same promises as over HTTP, in gRPC's codes and trailers."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # pyright: ignore[reportMissingTypeStubs]
from google.rpc.status_pb2 import Status  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from tests.support.lasting import Lasting
from tests.support.receiver import Receiver, chat_span, request_of, running_receiver

from pulse_collector.receivers.otlp_grpc import GrpcServer, serve_otlp_grpc
from pulse_storage.keys import key_record, new_key

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"


@pytest.fixture
def receiver(lasting: Lasting) -> Generator[Receiver]:
    with running_receiver(lasting, max_body_bytes=6 << 20, max_inflight_bytes=8 << 20) as receiver:
        yield receiver


async def started(receiver: Receiver) -> GrpcServer:
    return serve_otlp_grpc(receiver.collector, "127.0.0.1", 0)


@pytest.fixture
def channel(receiver: Receiver) -> Generator[grpc.Channel]:
    server = receiver.run(started(receiver))
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", options) as channel:
        yield channel
    server.stop(1)


def export(
    channel: grpc.Channel,
    key: str | None,
    body: bytes,
    method: str = TRACES,
    compression: grpc.Compression | None = None,
) -> bytes:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    metadata = () if key is None else (("authorization", f"Bearer {key}"),)
    return call(body, metadata=metadata, timeout=20, compression=compression)


def refused(channel: grpc.Channel, key: str | None, body: bytes, **options: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        export(channel, key, body, **options)
    return caught.value


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_spans_are_stored_before_the_answer(
    receiver: Receiver, channel: grpc.Channel, compression: grpc.Compression | None
) -> None:
    body = request_of(chat_span(1), chat_span(2)).SerializeToString()
    assert export(channel, receiver.key, body, compression=compression) == b""
    assert len(receiver.rows()) == 2


def test_empty_request_succeeds(receiver: Receiver, channel: grpc.Channel) -> None:
    assert export(channel, receiver.key, b"") == b""


def test_bad_span_is_counted_and_its_neighbour_stored(receiver: Receiver, channel: grpc.Channel) -> None:
    bad = chat_span(2)
    bad.span_id = b""
    answer = export(channel, receiver.key, request_of(chat_span(1), bad).SerializeToString())
    assert ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans == 1
    assert receiver.collector.rejected_spans.of(receiver.project_id)[0] == 1
    assert len(receiver.rows()) == 1


def test_metrics_succeed_with_a_warning(receiver: Receiver, channel: grpc.Channel) -> None:
    assert b"dropped" in export(channel, receiver.key, b"", METRICS)


def test_gen_ai_events_complete_their_span(receiver: Receiver, channel: grpc.Channel) -> None:
    span = chat_span(1)
    record = LogRecord(
        trace_id=span.trace_id,
        span_id=span.span_id,
        event_name="gen_ai.user.message",
        body=AnyValue(string_value="How warm is it?"),
    )
    scope_logs = ScopeLogs(log_records=[record, LogRecord()])
    logs = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[scope_logs])])
    answer = export(channel, receiver.key, logs.SerializeToString(), LOGS)
    assert ExportLogsServiceResponse.FromString(answer).partial_success.rejected_log_records == 1
    export(channel, receiver.key, request_of(span).SerializeToString())
    assert [row.input_preview for row in receiver.rows()] == ["How warm is it?"]


def test_garbage_is_an_invalid_argument_with_details(receiver: Receiver, channel: grpc.Channel) -> None:
    error = refused(channel, receiver.key, b"\xff\xff\xff")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert Status.FromString(details).code == 3
    assert export(channel, receiver.key, b"") == b""


@pytest.mark.parametrize("key", [None, "wrong", "pulse_sk_11111111-1111-4111-8111-111111111111"])
def test_unknown_keys_are_refused_repeatedly(
    receiver: Receiver, channel: grpc.Channel, key: str | None
) -> None:
    for _ in range(3):
        assert refused(channel, key, b"\xff").code() is grpc.StatusCode.UNAUTHENTICATED


def test_key_without_the_ingest_scope_is_forbidden(receiver: Receiver, channel: grpc.Channel) -> None:
    key = new_key()
    record = key_record(key, receiver.project_id, scopes={"read"}, created_ns=1)
    receiver.run(receiver.storage.create_key(record))
    assert refused(channel, key, b"").code() is grpc.StatusCode.PERMISSION_DENIED


def test_unknown_service_is_unimplemented(receiver: Receiver, channel: grpc.Channel) -> None:
    method = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"
    error = refused(channel, receiver.key, b"", method=method)
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_batch_of_the_sdks_default_size_with_content_is_accepted(
    receiver: Receiver, channel: grpc.Channel
) -> None:
    spans = [chat_span(n + 1, gen_ai__input__messages="x" * 10_000) for n in range(500)]
    assert export(channel, receiver.key, request_of(*spans).SerializeToString()) == b""
    assert len(receiver.rows()) == 500


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_message_over_the_limit_is_final(
    receiver: Receiver, channel: grpc.Channel, compression: grpc.Compression | None
) -> None:
    error = refused(channel, receiver.key, bytes(7 << 20), compression=compression)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(error.trailing_metadata())


def test_closed_store_is_unavailable_with_both_retry_trailers(
    receiver: Receiver, channel: grpc.Channel
) -> None:
    export(channel, receiver.key, b"")
    receiver.run(receiver.storage.close())
    error = refused(channel, receiver.key, request_of(chat_span(1)).SerializeToString())
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    trailers = dict(error.trailing_metadata())
    assert RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"]).retry_delay.seconds == 1
    [detail] = Status.FromString(trailers["grpc-status-details-bin"]).details
    assert detail.type_url.endswith("google.rpc.RetryInfo")


def test_budget_spent_is_unavailable(receiver: Receiver, channel: grpc.Channel) -> None:
    with receiver.collector.budget.reservation() as others:
        others.take(8 << 20)
        error = refused(channel, receiver.key, request_of(chat_span(1)).SerializeToString())
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert export(channel, receiver.key, request_of(chat_span(1)).SerializeToString()) == b""


def test_concurrent_calls_are_all_committed(receiver: Receiver, channel: grpc.Channel) -> None:
    bodies = [request_of(chat_span(n + 1)).SerializeToString() for n in range(200)]
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(partial(export, channel, receiver.key), bodies)) == {b""}
    assert len(receiver.rows()) == 200


def test_port_in_use_is_an_os_error(receiver: Receiver) -> None:
    server = receiver.run(started(receiver))

    async def again() -> GrpcServer:
        return serve_otlp_grpc(receiver.collector, "127.0.0.1", server.port)

    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{server.port}"):
        receiver.run(again())
    server.stop(1)
