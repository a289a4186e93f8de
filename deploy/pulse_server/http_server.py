"""uvicorn on an already bound socket, without its own signal handling."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Generator

from starlette.types import ASGIApp
from uvicorn import Config, Server

from pulse_server.http_protocol import limited_protocol

#: Longer than the interval between two exports of an OpenTelemetry batch processor, five seconds.
_KEEP_ALIVE_S = 75
_MAX_CONNECTIONS = 1000
#: File descriptors reserved for the store, gRPC and the second listener.
_RESERVED_FILES = 256


class HttpServer(Server):
    """A uvicorn server that leaves signals to the caller and sets the event `ready` after its start."""

    def __init__(self, app: ASGIApp, sock: socket.socket, *, grace_s: int, lifespan: bool) -> None:
        super().__init__(
            Config(
                app,
                # Limits connections instead of uvicorn, which responds 503 even if idle ones could be closed.
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
        """Serve until `stop` is called, then finish requests in progress within the grace period."""
        await self.serve(sockets=[self.sock])

    def stop(self) -> None:
        """Request a stop, after which `run_until_stopped` returns. Thread-safe."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the server and set `ready`."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Do nothing; uvicorn's method would replace the caller's signal handlers."""
        yield


def connection_limit() -> int:
    """Return the maximum number of connections of a listener: 16 to 1000, by the limit of descriptors."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(_MAX_CONNECTIONS, (files - _RESERVED_FILES) // 4))


def raise_file_limit() -> None:
    """Raise the soft limit of file descriptors, usually 1024, to the hard limit, at most 16384."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16_384 if hard == resource.RLIM_INFINITY else min(16_384, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
