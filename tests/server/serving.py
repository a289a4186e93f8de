"""Run `pulse serve` and other commands as processes, and query the server."""

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
    """Return fixed free ports, so that a restarted server has the ports that its clients use."""

    main: int
    otlp_http: int
    otlp_grpc: int


@dataclass(slots=True)
class Serving:
    """A server process that is ready, and its output."""

    process: subprocess.Popen[str]
    ports: Ports
    printed: list[str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.main}"

    @property
    def exports(self) -> dict[str, str]:
        """Return the environment variables of the printed `export` lines."""
        lines = [line for line in self.printed if line.startswith("export ")]
        return dict(line.removeprefix("export ").split("=", 1) for line in lines)

    @property
    def key(self) -> str:
        return self.exports["OTEL_EXPORTER_OTLP_HEADERS"].removeprefix("authorization=Bearer%20")

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Send a GET request with the printed key and return its JSON. Raises HTTPError."""
        target = f"{self.url}{path}?{urlencode(query)}" if query else f"{self.url}{path}"
        request = urllib.request.Request(target, headers={"Authorization": f"Bearer {self.key}"})
        with _http.open(request, timeout=10) as answer:
            return cast(dict[str, Any], json.load(answer))

    def stored_spans(self) -> list[tuple[str, str]]:
        """Return the OTel trace and span ids of all rows."""
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
        """Send a signal, wait for the end of the process, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


def free_ports() -> Ports:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    numbers = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return Ports(*numbers)


def environ_for(data_dir: Path, ports: Ports, **more: str) -> dict[str, str]:
    """Return an environment with the given settings and without settings of this process."""
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
    """Run `pulse serve` with the given options; yield when it is ready, and kill it at the end."""
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
    """Run a `pulse` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "pulse_server", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def _printed_until_ready(process: subprocess.Popen[str], log: Path) -> list[str]:
    """Read the output up to the last line of the banner, which is printed when the server is ready."""
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
