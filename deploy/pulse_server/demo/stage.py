"""The processes of the demo: a server on an empty store, the provider beside it, and the program."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from pulse_server.arguments import CommandFailed
from pulse_server.demo.provider import Ledger, provider_app
from pulse_server.http_server import HttpServer
from pulse_server.listen import listen, port_of

_READY_WITHIN_S = 30.0
_STOPPED_WITHIN_S = 12.0
_PROGRAM_WITHIN_S = 40.0

_ENDPOINT = re.compile(r"^export OTEL_EXPORTER_OTLP_ENDPOINT=(\S+)$")
_KEY = re.compile(r"^export OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20(\S+)$")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A `pulse serve` that is ready."""

    url: str
    key: str


@contextlib.contextmanager
def running_server(data_dir: Path) -> Generator[RunningServer]:
    """`pulse serve` in a process of its own, on a free port; its log lies in the data directory."""
    environ = _clean_environ({"PULSE_DATA_DIR": str(data_dir), "PORT": "0", "PULSE_LOG_FORMAT": "text"})
    environ |= {"PULSE_OTLP_HTTP_PORT": "0", "PULSE_OTLP_GRPC_PORT": "0"}
    log = data_dir / "serve.log"
    with log.open("w") as log_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "pulse_server", "serve"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log_file,
            text=True,
            # Ctrl-C is for the demo, which then stops the server in its own order.
            start_new_session=True,
        )
    try:
        yield _ready(process, log)
    finally:
        _stop(process)


@contextlib.contextmanager
def running_provider() -> Generator[tuple[str, Ledger]]:
    """The bundled provider on a free port of loopback: its address, and what it has served."""
    ledger = Ledger()
    sock = listen("PORT", "127.0.0.1", 0)
    server = HttpServer(provider_app(ledger), sock, grace_s=1, lifespan=False)
    thread = threading.Thread(target=lambda: asyncio.run(server.run_until_stopped()), name="demo-provider")
    thread.start()
    try:
        yield f"http://127.0.0.1:{port_of(sock)}", ledger
    finally:
        server.stop()
        thread.join()


def run_program(server: RunningServer, provider_url: str) -> Iterator[str]:
    """Run the program against both; yields each of its steps as it is done."""
    environ = _clean_environ(
        {"PULSE_API_URL": server.url, "PULSE_API_KEY": server.key, "DEMO_PROVIDER_URL": provider_url}
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pulse_server.demo.program"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    overdue = threading.Timer(_PROGRAM_WITHIN_S, process.kill)
    overdue.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            yield line.strip()
        _, errors = process.communicate()
    finally:
        overdue.cancel()
        process.kill()
        process.wait()
    if process.returncode != 0:
        last = errors.strip().splitlines()[-1:] or ["it was killed for taking too long"]
        raise CommandFailed(f"the demo's program failed: {last[0]}")


def _clean_environ(added: dict[str, str]) -> dict[str, str]:
    """The environment without the caller's own telemetry, providers and proxies: the demo talks to itself."""
    foreign = ("PULSE_", "OTEL_", "OPENAI_", "ANTHROPIC_", "DATABASE_URL", "ADMIN_KEY", "PORT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **added}


def _ready(process: subprocess.Popen[str], log: Path) -> RunningServer:
    """Read what `pulse serve` prints up to the two lines that every exporter needs."""
    assert process.stdout is not None
    overdue = threading.Timer(_READY_WITHIN_S, process.kill)
    overdue.start()
    endpoint = ""
    try:
        for line in process.stdout:
            if found := _ENDPOINT.match(line):
                endpoint = found[1]
            elif found := _KEY.match(line):
                return RunningServer(endpoint, found[1])
    finally:
        overdue.cancel()
    last = log.read_text().strip().splitlines()[-1:] or ["it said nothing"]
    raise CommandFailed(f"the demo's server did not start: {last[0]}")


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
