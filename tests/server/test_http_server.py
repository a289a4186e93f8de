"""Deadlines and limits of connections that uvicorn does not have, tested over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tests.support.waiting import wait_until

from pulse_server import http_protocol
from pulse_server.http_server import HttpServer
from pulse_server.listen import listen, port_of

_REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n"


#: The first request of a connection of Java's HttpClient.
_UPGRADE = (
    b"POST /echo HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 5\r\nHost: x\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n\r\nhello"
)
#: More than the buffers of both ends of a connection on loopback.
_LARGE = b"x" * (32 << 20)


async def _get(request: Request) -> Response:
    return PlainTextResponse("ok")


async def _get_large(request: Request) -> Response:
    return Response(_LARGE)


async def _post_echo(request: Request) -> Response:
    return Response(await request.body())


#: Set at the start of a request, and when its client has disconnected.
_started, _disconnected = threading.Event(), threading.Event()


async def _get_until_disconnected(request: Request) -> Response:
    _started.set()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    _disconnected.set()
    return PlainTextResponse("too late")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """Run a server with short deadlines."""
    monkeypatch.setattr(http_protocol, "HEADER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(http_protocol, "WRITE_TIMEOUT_S", 0.3)
    sock = listen("PORT", "127.0.0.1", 0)
    app = Starlette(
        routes=[
            Route("/", _get),
            Route("/large", _get_large),
            Route("/left", _get_until_disconnected),
            Route("/echo", _post_echo, methods=["POST"]),
        ]
    )
    server = HttpServer(app, sock, grace_s=1, lifespan=False)
    thread = threading.Thread(target=lambda: asyncio.run(server.run_until_stopped()))
    thread.start()
    yield server
    server.stop()
    thread.join()


@pytest.fixture
def address(server: HttpServer) -> tuple[str, int]:
    """Return the address of the server."""
    return "127.0.0.1", port_of(server.sock)


def test_silent_connection_is_closed(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as client:
        assert client.recv(100) == b""


def test_headers_that_never_end_are_cut_off(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(_REQUEST)
        assert client.recv(100) == b""


def test_headers_of_a_second_request_have_a_deadline(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as client:
        assert _request(client).startswith(b"HTTP/1.1 200 ")
        client.sendall(_REQUEST)
        assert client.recv(100) == b""


def test_idle_connection_is_kept_for_a_later_request(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as client:
        for _ in range(2):
            assert _request(client).startswith(b"HTTP/1.1 200 ")
            # Longer than the deadline for headers, which must not apply between requests.
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.recv(100)
            client.settimeout(10)


def test_pipelined_request_is_notified_of_a_disconnect(address: tuple[str, int]) -> None:
    _started.clear()
    _disconnected.clear()
    with socket.create_connection(address, timeout=10) as client:
        pipelined = [b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in (b"/large", b"/left", b"/")]
        client.sendall(b"".join(pipelined))
        # The response to the first request fills the buffers, so the second one runs and the third one waits.
        assert _started.wait(10)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert _disconnected.wait(10)


def test_headers_over_the_size_limit_are_refused(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(_REQUEST + b"X-Filler: " + b"x" * (2 * http_protocol.MAX_HEADER_BYTES))
        assert client.recv(100).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, len(_UPGRADE)])
@pytest.mark.parametrize("before", [b"", _REQUEST + b"\r\n"])
def test_upgrade_request_keeps_its_body(address: tuple[str, int], pieces: int, before: bytes) -> None:
    size = -(-len(_UPGRADE) // pieces)
    with socket.create_connection(address, timeout=10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if before:
            assert _request(client).startswith(b"HTTP/1.1 200 ")
        for start in range(0, len(_UPGRADE), size):
            client.sendall(_UPGRADE[start : start + size])
        answer = b""
        while not answer.endswith(b"\r\n\r\nhello"):
            received = client.recv(1000)
            assert received, f"closed after {answer!r}"
            answer += received
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert _request(client).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        _REQUEST + b"\r\n" + _UPGRADE,
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
    ],
)
def test_pipelined_upgrade_and_connect_are_refused(address: tuple[str, int], request_bytes: bytes) -> None:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(request_bytes)
        answer = b""
        while received := client.recv(1000):
            answer += received
        assert b"HTTP/1.1 400 " in answer
        assert b"hello" not in answer


def test_unread_response_is_aborted(server: HttpServer, address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        # Read only after the server has closed the connection.
        wait_until(lambda: server.server_state.connections)
        wait_until(lambda: not server.server_state.connections)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while chunk := client.recv(1 << 20):
                received += len(chunk)
        assert 0 < received < len(_LARGE)


def test_response_has_no_server_header(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as client:
        assert b"\r\nserver:" not in _request(client).lower()


def _request(client: socket.socket) -> bytes:
    """Send a request and return its complete response."""
    client.sendall(_REQUEST + b"\r\n")
    answer = b""
    while not answer.endswith(b"\r\n\r\nok"):
        received = client.recv(1000)
        assert received, f"closed after {answer!r}"
        answer += received
    return answer
