"""Limits on connections, memory and time of a client, tested over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pulse_server import http_protocol, http_server
from pulse_server.connections import Connections, peer_of
from pulse_server.http_server import HttpServer
from pulse_server.listen import listen, port_of

_LIMIT = 32
_GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_CHUNKED = b"POST /%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
#: More than the buffers of both ends of a connection can take.
_MANY_BYTES = 64 << 20


class _Slow:
    """A route that responds when the test sets `go`."""

    def __init__(self) -> None:
        self.waiting = threading.Semaphore(0)
        self.go = threading.Event()
        self._threads = ThreadPoolExecutor(_LIMIT)

    async def answer(self, request: Request) -> Response:
        self.waiting.release()
        await asyncio.get_running_loop().run_in_executor(self._threads, self.go.wait)
        return PlainTextResponse("ok")


async def _get(request: Request) -> Response:
    return PlainTextResponse("ok")


async def _refuse(request: Request) -> Response:
    """Respond without reading the body, like a route that finds no key."""
    return PlainTextResponse("no", 401)


async def _echo(request: Request) -> Response:
    return Response(await request.body())


@pytest.fixture
def slow() -> Iterator[_Slow]:
    slow = _Slow()
    yield slow
    slow.go.set()


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, slow: _Slow) -> Iterator[tuple[str, int]]:
    """Run a server with few connections and short deadlines; yield its address."""
    monkeypatch.setattr(http_server, "connection_limit", lambda: _LIMIT)
    monkeypatch.setattr(http_protocol, "MESSAGE_TIMEOUT_S", 0.5)
    sock = listen("PORT", "127.0.0.1", 0)
    routes = [
        Route("/", _get),
        Route("/slow", slow.answer),
        Route("/refuse", _refuse, methods=["POST"]),
        Route("/echo", _echo, methods=["POST"]),
    ]
    server = HttpServer(Starlette(routes=routes), sock, grace_s=1, lifespan=False)
    thread = threading.Thread(target=lambda: asyncio.run(server.run_until_stopped()))
    thread.start()
    yield "127.0.0.1", port_of(sock)
    slow.go.set()
    server.stop()
    thread.join()


def _connect(address: tuple[str, int], source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(address, timeout=10, source_address=(source, 0))


def _answer(client: socket.socket, request: bytes = _GET) -> bytes:
    """Send a request and return the response; empty if the connection is closed."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        client.sendall(request)
        while not _is_whole(answer) and (received := client.recv(100_000)):
            answer += received
    return answer


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
def test_idle_connections_do_not_block_another_client(address: tuple[str, int], source: str) -> None:
    with contextlib.ExitStack() as held:
        idle: list[socket.socket] = []
        for _ in range(3 * _LIMIT):
            idle.append(held.enter_context(_connect(address)))
            assert _answer(idle[-1]).startswith(b"HTTP/1.1 200 ")
        with _connect(address, source) as client:
            assert _answer(client).startswith(b"HTTP/1.1 200 ")
        # The longest idle connections are closed, the most recent ones stay open.
        assert _answer(idle[0]) == b""
        assert _answer(idle[-1]).startswith(b"HTTP/1.1 200 ")


def test_silent_connections_do_not_block_another_client(address: tuple[str, int]) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(3 * _LIMIT):
            held.enter_context(_connect(address)).sendall(b"GET / HT")
        for source in ("127.0.0.1", "127.0.0.2"):
            with _connect(address, source) as client:
                assert _answer(client).startswith(b"HTTP/1.1 200 ")


def test_idle_connections_of_many_peers_are_closed_for_new_ones(address: tuple[str, int]) -> None:
    with contextlib.ExitStack() as held:
        for number in range(3 * _LIMIT):
            client = held.enter_context(_connect(address, f"127.0.1.{1 + number % 9}"))
            assert _answer(client).startswith(b"HTTP/1.1 200 ")
        with _connect(address) as client:
            assert _answer(client).startswith(b"HTTP/1.1 200 ")


def test_busy_connections_are_not_closed_for_new_ones(address: tuple[str, int], slow: _Slow) -> None:
    with contextlib.ExitStack() as held:
        busy = [held.enter_context(_connect(address)) for _ in range(_LIMIT // 2)]
        for client in busy:
            client.sendall(_GET.replace(b"/ ", b"/slow "))
            assert slow.waiting.acquire(timeout=10)
        with _connect(address) as client:
            refused = _answer(client)
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 1\r\n" in refused
        with _connect(address, "127.0.0.2") as client:
            assert _answer(client).startswith(b"HTTP/1.1 200 ")
        slow.go.set()
        assert all(_answer(client, b"").startswith(b"HTTP/1.1 200 ") for client in busy)


@pytest.mark.parametrize(
    "endless",
    [b"X-T: " + b"a" * 8000 + b"\r\n", b"a" * 8000, b"5;" + b"a" * 8000, b"X-T: a\r\n", b"0" * 8000],
    ids=["trailers", "trailer", "chunk extension", "short trailers", "chunk length"],
)
@pytest.mark.parametrize("path", [b"refuse", b"echo"])
def test_endless_trailers_and_chunk_extensions_are_cut_off(
    address: tuple[str, int], path: bytes, endless: bytes
) -> None:
    last_chunk = b"" if endless[:1] in (b"5", b"0") else b"0\r\nX-U: " if endless[:1] == b"a" else b"0\r\n"
    with _connect(address) as client:
        client.sendall(_CHUNKED % path + last_chunk)
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < _MANY_BYTES:
                client.sendall(endless)
                sent += len(endless)
        assert sent < _MANY_BYTES


def test_trailers_are_ignored(address: tuple[str, int]) -> None:
    with _connect(address) as client:
        for _ in range(2):
            answer = _answer(client, _CHUNKED % b"echo" + b"5\r\nhello\r\n0\r\nX-T: a\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize("path", [b"refuse", b"echo"])
@pytest.mark.parametrize("begun", [b"", b"5\r\nhel", b"0\r\nX-T: a"])
def test_message_that_never_ends_is_cut_off(address: tuple[str, int], path: bytes, begun: bytes) -> None:
    with _connect(address) as client:
        client.sendall(_CHUNKED % path + begun)
        with contextlib.suppress(ConnectionError):
            while client.recv(1000):
                pass


def test_headers_in_one_read_have_a_size_limit(address: tuple[str, int]) -> None:
    with _connect(address) as client:
        filler = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 500) for n in range(300))
        assert _answer(client, _GET[:-2] + filler + b"\r\n")[:13] in (b"HTTP/1.1 431 ", b"")


def test_endless_pipelined_requests_are_cut_off(address: tuple[str, int], slow: _Slow) -> None:
    with _connect(address) as client, contextlib.suppress(ConnectionError):
        client.sendall(_GET.replace(b"/ ", b"/slow ") + _GET * 1000)
        assert client.recv(1000) == b""


def test_peer_is_an_ipv4_address_or_an_ipv6_network() -> None:
    assert peer_of(("192.0.2.1", 5)) == "192.0.2.1"
    assert peer_of(("::ffff:192.0.2.1", 5)) == "192.0.2.1"
    assert peer_of(("2001:db8::1", 5)) == peer_of(("2001:db8::2:3:4:5", 6))
    assert peer_of(("2001:db8::1", 5)) != peer_of(("2001:db8:0:1::1", 5))
    assert peer_of(("fe80::1%eth0", 5)) == "fe80::"
    assert peer_of(None) is None


def test_removed_connections_are_not_counted() -> None:
    class Idle:
        def close_idle(self) -> None:
            raise AssertionError("there is room")

    table = Connections(4)
    for _ in range(10):
        one = Idle()
        assert table.add("peer", one)
        table.set_busy("peer", one)
        table.set_idle("peer", one)
        table.remove("peer", one)
