"""What clients can occupy of the gRPC server, with and without a key."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from tests.storage.sql_backends import SqlBackend, SqliteBackend
from tests.support.lasting import Lasting
from tests.support.receiver import NOW_NS, Receiver, chat_span, request_of, running_receiver

from pulse_collector.receivers import otlp_grpc
from pulse_collector.receivers.grpc_calls import Slots
from pulse_collector.receivers.otlp_grpc import GrpcServer, serve_otlp_grpc
from pulse_collector.refusals import Refusal
from pulse_storage.keys import key_record, new_key
from pulse_storage.rows import Project

_TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_STRANGER = "pulse_sk_11111111-1111-4111-8111-111111111111"


@pytest.fixture(scope="session")
def backend() -> SqlBackend:
    """Return one engine: the requests are refused before they reach the store."""
    return SqliteBackend()


@pytest.fixture
def receiver(lasting: Lasting) -> Generator[Receiver]:
    with running_receiver(lasting) as receiver:
        yield receiver


@pytest.fixture
def target(receiver: Receiver) -> Generator[str]:
    async def start() -> GrpcServer:
        return serve_otlp_grpc(receiver.collector, "127.0.0.1", 0)

    server = receiver.run(start())
    yield f"127.0.0.1:{server.port}"
    server.stop(0)


@contextlib.contextmanager
def _channel(target: str) -> Generator[grpc.Channel]:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(target, options) as channel:
        yield channel


def _metadata(key: str | None) -> tuple[tuple[str, str], ...]:
    return () if key is None else (("authorization", f"Bearer {key}"),)


def _export(target: str, key: str, number: int = 1) -> bytes:
    with _channel(target) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_TRACES)
        body = request_of(chat_span(number)).SerializeToString()
        return call(body, metadata=_metadata(key), timeout=20)


@contextlib.contextmanager
def _silent_calls(target: str, key: str | None, count: int) -> Generator[list[Any]]:
    """Open calls that send headers and no message."""
    over = threading.Event()

    def never() -> Iterator[bytes]:
        over.wait()
        yield from ()

    with _channel(target) as channel:
        call: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(_TRACES)
        calls = [call.future(never(), metadata=_metadata(key)) for _ in range(count)]
        try:
            yield calls
        finally:
            over.set()
            for one in calls:
                one.cancel()


def _code(call: Any) -> grpc.StatusCode:
    """Return the status code of the error with which a call ends."""
    return call.exception(timeout=20).code()


def _other_project(receiver: Receiver) -> str:
    key = new_key()
    project = Project(str(uuid4()), "other", NOW_NS)
    receiver.run(receiver.storage.create_project(project, key_record(key, project.id, created_ns=NOW_NS)))
    return key


@pytest.mark.parametrize("key", [None, "wrong", _STRANGER])
def test_calls_without_a_key_are_answered_before_their_message(target: str, key: str | None) -> None:
    with _silent_calls(target, key, 100) as calls:
        assert {_code(call) for call in calls} == {grpc.StatusCode.UNAUTHENTICATED}


def test_messages_of_calls_without_a_key_are_not_read(target: str) -> None:
    body = bytes(19 << 20)
    with _channel(target) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_TRACES)
        calls = [call.future(body, timeout=20) for _ in range(20)]
        assert {_code(one) for one in calls} == {grpc.StatusCode.UNAUTHENTICATED}


@pytest.mark.parametrize("count", [20, 120])
def test_silent_calls_of_one_project_do_not_block_another(
    receiver: Receiver, target: str, count: int
) -> None:
    other = _other_project(receiver)
    _export(target, receiver.key)
    with _silent_calls(target, other, count) as calls:
        assert _export(target, receiver.key, 2) == b""
        # Those beyond what may wait have an answer, which says to try again.
        answered = [call for call in calls if call.done()]
        assert {call.code() for call in answered} <= {grpc.StatusCode.UNAVAILABLE}
    assert _export(target, other) == b""


def test_message_that_does_not_arrive_is_cancelled(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_grpc, "MESSAGE_DEADLINE_S", 0.2)

    async def start() -> GrpcServer:
        return serve_otlp_grpc(receiver.collector, "127.0.0.1", 0)

    server = receiver.run(start())
    target = f"127.0.0.1:{server.port}"
    with _silent_calls(target, receiver.key, 3) as calls:
        assert {_code(call) for call in calls} == {grpc.StatusCode.CANCELLED}
    assert _export(target, receiver.key) == b""
    server.stop(0)


def test_calls_beyond_the_maximum_are_refused(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_grpc, "_MAX_CALLS", 3)

    async def start() -> GrpcServer:
        return serve_otlp_grpc(receiver.collector, "127.0.0.1", 0)

    server = receiver.run(start())
    target = f"127.0.0.1:{server.port}"
    ended = threading.Event()

    def note_end(_: object) -> None:
        ended.set()

    with _silent_calls(target, receiver.key, 4) as calls:
        for call in calls:
            call.add_done_callback(note_end)
        assert ended.wait(20)
        assert [call.code() for call in calls if call.done()] == [grpc.StatusCode.RESOURCE_EXHAUSTED]
    server.stop(0)


def test_memory_error_is_unavailable(
    receiver: Receiver, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise MemoryError

    _export(target, receiver.key)
    with monkeypatch.context() as patched:
        patched.setattr("orjson.dumps", fail)
        with pytest.raises(grpc.RpcError) as caught:
            _export(target, receiver.key, 2)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert _export(target, receiver.key, 2) == b""


def test_a_call_without_a_message_is_invalid(receiver: Receiver, target: str) -> None:
    with _channel(target) as channel:
        call: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(_TRACES)
        with pytest.raises(grpc.RpcError) as caught:
            call(iter(()), metadata=_metadata(receiver.key), timeout=20)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_slots_are_limited_per_project() -> None:
    slots = Slots(3, 2, "run")
    with slots.slot("a"), slots.slot("a"):
        with pytest.raises(Refusal, match="Too many calls run already"):
            slots.slot("a").__enter__()
        with slots.slot("b"), pytest.raises(Refusal):
            slots.slot("b", 0.01).__enter__()
    with slots.slot("a"), slots.slot("b"):
        pass
