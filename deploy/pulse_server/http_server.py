"""uvicorn on a socket and in an event loop of ours."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Generator

from starlette.types import ASGIApp
from uvicorn import Config, Server

from pulse_server.http_protocol import limited_protocol

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
                # It counts connections by itself: uvicorn would answer 503 while idle ones could be closed.
                http=limited_protocol(connection_limit()),
                ws="none",
                lifespan="on" if lifespan else "off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
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
        """Begin to stop: `run_until_stopped` returns once that is done. Safe from any thread."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's, which tells nobody that it is over."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """uvicorn would take the signals from us, and raise them again at the end."""
        yield


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
