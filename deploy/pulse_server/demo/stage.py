"""Run the demo's server on an empty store, its provider, and its program."""

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
    """URL and API key of a `pulse serve` process that is ready."""

    url: str
    key: str


@contextlib.contextmanager
def running_server(data_dir: Path) -> Generator[RunningServer]:
    """Run `pulse serve` in a subprocess on a free port; its log is the file `serve.log` in `data_dir`.

    Raises CommandFailed if it does not start.
    """
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
            # A Ctrl-C must reach only the demo, which stops the server after its own cleanup.
            start_new_session=True,
        )
    try:
        yield _ready(process, log)
    finally:
        _stop(process)


@contextlib.contextmanager
def running_provider() -> Generator[tuple[str, Ledger]]:
    """Run the bundled provider in a thread, on a free port of loopback; yield its URL and its ledger."""
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
    """Run the demo's program in a subprocess and yield each line that it prints.

    Raises CommandFailed if it fails or takes longer than forty seconds.
    """
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
        last = errors.strip().splitlines()[-1:] or ["it was killed because it took too long"]
        raise CommandFailed(f"the demo's program failed: {last[0]}")


def _clean_environ(added: dict[str, str]) -> dict[str, str]:
    """Return the environment with `added`, without settings of telemetry, providers, Pulse and proxies."""
    removed = ("PULSE_", "OTEL_", "OPENAI_", "ANTHROPIC_", "DATABASE_URL", "ADMIN_KEY", "PORT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(removed)}
    return {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **added}


def _ready(process: subprocess.Popen[str], log: Path) -> RunningServer:
    """Read the output of `pulse serve` up to its `export` lines; return their URL and key.

    Raises CommandFailed if the process ends or takes longer than thirty seconds.
    """
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
    last = log.read_text().strip().splitlines()[-1:] or ["its log is empty"]
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
