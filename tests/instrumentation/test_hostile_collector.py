"""A collector with invalid, endless or slow answers: the sender reads a bounded part of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from pulse_instrumentation.delivery.sender import MAX_ANSWER_BYTES, Sender


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Generator[str]:
    """Run a server that reads a request and then calls `answer` with its connection."""
    server = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    answer(connection)
                except OSError:
                    # The sender has closed the connection, as expected for most of these answers.
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        stopped.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def _flood(status: str) -> tuple[Callable[[socket.socket], None], list[int]]:
    """Announce a gigabyte, and count the bytes that could be sent."""
    sent: list[int] = []

    def answer(connection: socket.socket) -> None:
        connection.settimeout(30)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {2**30}\r\n\r\n".encode())
        for _ in range(1024):
            connection.sendall(bytes(2**20))
            sent.append(2**20)

    return answer, sent


@pytest.mark.parametrize(
    ("status", "verdict"), [("200 OK", "sent"), ("500 Oops", "refused"), ("503 Busy", "retry")]
)
def test_endless_answer_is_not_read_completely(status: str, verdict: str) -> None:
    answer, sent = _flood(status)
    with answering(answer) as url:
        assert Sender(url, "k").send(b"spans", 10).verdict == verdict
    # At most the size of the buffers of two sockets.
    assert sum(sent) < 64 * 2**20


def test_slow_answer_is_abandoned_at_the_deadline() -> None:
    released = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {MAX_ANSWER_BYTES}\r\n\r\n".encode())
        while not released.wait(0.05):
            connection.sendall(b"x")

    with answering(drip) as url:
        outcome = Sender(url, "k").send(b"spans", 0.5)
        released.set()
    # The status reported success, so the spans are not sent again.
    assert outcome.verdict == "sent"


@pytest.mark.parametrize(("lie", "believed"), [(10**12, 10**12), (-5, 0), (0, 0)])
def test_negative_count_of_rejected_spans_is_zero(lie: int, believed: int) -> None:
    reply = ExportTraceServiceResponse()
    reply.partial_success.rejected_spans = lie
    body = reply.SerializeToString()

    def answer(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    with answering(answer) as url:
        assert Sender(url, "k").send(b"spans", 10).rejected == believed


@pytest.mark.parametrize(
    ("retry_after", "waited_s"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("nan", 0.0),
        ("1e9", 300.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(retry_after: str, waited_s: float | None) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(
            f"HTTP/1.1 503 Busy\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\n\r\n".encode()
        )

    with answering(answer) as url:
        assert Sender(url, "k").send(b"spans", 10).retry_after_s == waited_s


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff" * 50, b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_answer_that_is_not_http_is_retried(garbage: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(garbage)

    with answering(answer) as url:
        assert Sender(url, "k").send(b"spans", 10).verdict == "retry"
