"""Starts the servers that benchmarks measure, each in a new process on free ports of loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.waiting import wait_until

Stage = Literal["receive", "map", "store"]

#: The key of the first project of every server that is started here.
KEY = "pulse_sk_00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts connections."""

    pid: int
    main_port: int
    http_port: int
    grpc_port: int


@contextmanager
def running(stage: Stage, data_dir: Path, **settings: str) -> Generator[Running]:
    """Run `pulse serve` on this data directory, or for the earlier stages a server that stores nothing.

    `settings` are environment variables of the server.
    """
    main_port, http_port, grpc_port = _free_ports(3)
    environment = os.environ | {
        "PULSE_DATA_DIR": str(data_dir),
        "PULSE_API_KEY": KEY,
        "PORT": str(main_port),
        "PULSE_OTLP_HTTP_PORT": str(http_port),
        "PULSE_OTLP_GRPC_PORT": str(grpc_port),
        "PULSE_LOG_LEVEL": "warning",
        **settings,
    }
    if stage == "store":
        arguments, ports = ["-m", "pulse_server", "serve"], (main_port, http_port, grpc_port)
    else:
        arguments, ports = ["-m", "benchmarks.floor", stage, str(http_port)], (http_port,)
    server = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL)
    try:
        for port in ports:
            _wait_until_listening(port, server)
        yield Running(server.pid, main_port, http_port, grpc_port)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(15)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait_until_listening(port: int, server: subprocess.Popen[bytes]) -> None:
    def listens() -> bool:
        if server.poll() is not None:
            raise RuntimeError("the server did not start")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    wait_until(listens)
