"""uvicorn, hardened: deadlines and limits for clients that are slow, silent or endless."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Generator

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: From the connection, or from the first byte of a further request, to the end of the headers.
HEADER_TIMEOUT_S = 10.0
#: How long a client may leave a full write buffer unread.
WRITE_TIMEOUT_S = 30.0
MAX_HEADER_BYTES = 64 * 1024
_HEADERS_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)
#: Longer than the five seconds between two exports of an OpenTelemetry batch processor.
_KEEP_ALIVE_S = 75
_MAX_CONNECTIONS = 1000
#: Descriptors left for the store, gRPC, and the second listener.
_RESERVED_FILES = 256


class HttpServer(Server):
    """A uvicorn server on a socket of ours, which leaves signals to us and says when it is ready."""

    def __init__(self, app: ASGIApp, sock: socket.socket, *, grace_s: int, lifespan: bool) -> None:
        super().__init__(
            Config(
                app,
                http=GuardedHttpProtocol,
                ws="none",
                lifespan="on" if lifespan else "off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=connection_limit(),
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=grace_s,
            )
        )
        self.ready = asyncio.Event()
        self.sock = sock

    async def run_until_stopped(self) -> None:
        """Serve until `stop`, then finish what is in flight within the grace."""
        await self.serve(sockets=[self.sock])

    def stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn bounds neither the time nor the size of request headers, nor how long an answer lies unread."""

    _deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None
    _in_headers = True
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Past this, even the 503 that uvicorn answers over `limit_concurrency` would cost too much.
        if len(self.connections) > 2 * (self.limit_concurrency or _MAX_CONNECTIONS):
            transport.abort()
            return
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_done()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self.transport.write(_HEADERS_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_headers()

    def on_headers_complete(self) -> None:
        self._headers_done()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None
        super().resume_writing()

    def _await_headers(self) -> None:
        if self._deadline is None:
            self._in_headers = True
            self._deadline = self.loop.call_later(HEADER_TIMEOUT_S, self.transport.close)

    def _headers_done(self) -> None:
        self._in_headers = False
        self._header_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def connection_limit() -> int:
    """Connections of one listener before it answers 503: as many as descriptors allow, a thousand at most."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(_MAX_CONNECTIONS, (files - _RESERVED_FILES) // 4))


def raise_file_limit() -> None:
    """Take as many descriptors as the system allows without asking; the usual soft limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16_384 if hard == resource.RLIM_INFINITY else min(16_384, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
