"""A real `pulse serve` process, and what a test may ask of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

READY_WITHIN_S = 60.0

_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Ports:
    """Free ones, so that a server can be started again where its clients expect it."""

    main: int
    otlp_http: int
    otlp_grpc: int


@dataclass(slots=True)
class Serving:
    """A server that is ready, with what it printed."""

    process: subprocess.Popen[str]
    ports: Ports
    printed: list[str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.main}"

    @property
    def exports(self) -> dict[str, str]:
        """The two lines to paste, as environment variables."""
        lines = [line for line in self.printed if line.startswith("export ")]
        return dict(line.removeprefix("export ").split("=", 1) for line in lines)

    @property
    def key(self) -> str:
        return self.exports["OTEL_EXPORTER_OTLP_HEADERS"].removeprefix("authorization=Bearer%20")

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The JSON answer of a GET with the printed key. Raises HTTPError."""
        target = f"{self.url}{path}?{urlencode(query)}" if query else f"{self.url}{path}"
        request = urllib.request.Request(target, headers={"Authorization": f"Bearer {self.key}"})
        with _http.open(request, timeout=10) as answer:
            return cast(dict[str, Any], json.load(answer))

    def stored_spans(self) -> list[tuple[str, str]]:
        """OTel trace and span id of every row, page by page."""
        found: list[tuple[str, str]] = []
        query = {"limit": "1000", "operation": "all", "counted": "all"}
        path: str | None = f"/v1/traces?{urlencode(query)}"
        while path is not None:
            request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.key}"})
            with _http.open(request, timeout=10) as answer:
                rows = json.load(answer)["traces"]
                link = re.match(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
            found += [(row["otel_trace_id"], row["otel_span_id"]) for row in rows]
            path = link[1] if link else None
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


def free_ports() -> Ports:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    numbers = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return Ports(*numbers)


def environ_for(data_dir: Path, ports: Ports, **more: str) -> dict[str, str]:
    """An environment with these settings and none of the caller's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PULSE_", "OTEL_", "DATABASE_URL", "ADMIN_KEY", "PORT"))
    }
    return {
        **kept,
        "NO_PROXY": "127.0.0.1",
        "PULSE_DATA_DIR": str(data_dir),
        "PORT": str(ports.main),
        "PULSE_OTLP_HTTP_PORT": str(ports.otlp_http),
        "PULSE_OTLP_GRPC_PORT": str(ports.otlp_grpc),
        **more,
    }


@contextlib.contextmanager
def serving(data_dir: Path, ports: Ports | None = None, *options: str, **environ: str) -> Generator[Serving]:
    """`pulse serve` with these options, ready; killed at the end unless it has ended before."""
    ports = ports or free_ports()
    log = data_dir.parent / f"{data_dir.name}.log"
    with log.open("a") as log_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "pulse_server", "serve", *options],
            env=environ_for(data_dir, ports, **environ),
            stdout=subprocess.PIPE,
            stderr=log_file,
            text=True,
        )
    try:
        yield Serving(process, ports, _printed_until_ready(process, log), log)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def run_pulse(
    *arguments: str, environ: dict[str, str], timeout_s: float = 90
) -> subprocess.CompletedProcess[str]:
    """One `pulse` command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "pulse_server", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def _printed_until_ready(process: subprocess.Popen[str], log: Path) -> list[str]:
    """What it prints up to the last line of the banner; its own word is what tells that it is ready."""
    assert process.stdout is not None
    overdue = threading.Timer(READY_WITHIN_S, process.kill)
    overdue.start()
    printed: list[str] = []
    try:
        for line in process.stdout:
            printed.append(line.rstrip("\n"))
            if printed[-1] == "Ctrl-C stops it.":
                break
        else:
            raise AssertionError(f"pulse serve ended before it was ready:\n{log.read_text()}")
    finally:
        overdue.cancel()
    return printed
