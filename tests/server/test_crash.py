"""Acknowledged spans are stored exactly once after kill -9 and SIGTERM, and the process ends in time."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from pathlib import Path

import pytest
from tests.server.load import Load, export_request, send_again
from tests.server.serving import Serving, free_ports, serving

_ROUNDS = 3


@pytest.mark.slow
def test_kill_9_under_load_loses_and_doubles_no_acknowledged_span(tmp_path: Path) -> None:
    seed = int(os.environ.get("PULSE_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"PULSE_TEST_SEED={seed}")
    dice = random.Random(seed)
    data_dir, ports = tmp_path / "data", free_ports()
    acknowledged: set[tuple[str, str]] = set()
    sent_keys: set[tuple[str, str]] = set()
    for round_number in range(_ROUNDS):
        with serving(data_dir, ports) as server:
            load = Load(ports, server.key, seed + round_number)
            load.wait_until_acknowledged(dice.randrange(50, 1_000))
            server.process.kill()
            server.process.wait()
            sent = load.stop()
        acknowledged |= sent.acknowledged
        sent_keys |= {key for keys, _ in sent.requests for key in keys}
        with serving(data_dir, ports) as server:
            stored = server.stored_spans()
            assert acknowledged <= set(stored)
            assert len(stored) == len(set(stored))
            send_again(ports, server.key, sent)
            stored = server.stored_spans()
            assert sorted(stored) == sorted(sent_keys)
            assert server.stop() == 0


@pytest.mark.slow
def test_sigterm_under_load_finishes_accepted_requests_and_exits_0(tmp_path: Path, database_url: str) -> None:
    data_dir, ports = tmp_path / "data", free_ports()
    with serving(data_dir, ports, DATABASE_URL=database_url) as server:
        load = Load(ports, server.key, seed=1)
        load.wait_until_acknowledged()
        asked_s = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - asked_s < 10
        sent = load.stop()
    with serving(data_dir, ports, DATABASE_URL=database_url) as server:
        stored = server.stored_spans()
        assert sent.acknowledged <= set(stored)
        assert len(stored) == len(set(stored))


def test_request_in_progress_at_sigterm_is_finished(tmp_path: Path, database_url: str) -> None:
    data_dir = tmp_path / "data"
    (key,), body = export_request(random.Random(1), 1)
    with (
        serving(data_dir, DATABASE_URL=database_url) as server,
        _unfinished_request(server, len(body)) as client,
    ):
        server.process.send_signal(signal.SIGTERM)
        _wait_for_log(server, "SIGTERM received")
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(10) == 0
    with serving(data_dir, DATABASE_URL=database_url) as server:
        assert server.stored_spans() == [key]


@pytest.mark.slow
def test_unfinished_request_does_not_prevent_the_exit(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server, _unfinished_request(server):
        asked_s = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - asked_s < 10


def test_second_signal_ends_the_process_at_once(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server, _unfinished_request(server):
        server.process.send_signal(signal.SIGTERM)
        _wait_for_log(server, "SIGTERM received")
        asked_s = time.monotonic()
        assert server.stop(signal.SIGINT) == 1
        # Well below the time that the first signal alone gives the request.
        assert time.monotonic() - asked_s < 4


def _unfinished_request(server: Serving, body_bytes: int = 100) -> socket.socket:
    """Send a request without its body; return when the server waits for the body."""
    client = socket.create_connection(("127.0.0.1", server.ports.otlp_http), timeout=30)
    client.sendall(
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        b"Content-Length: %d\r\nExpect: 100-continue\r\nAuthorization: Bearer %s\r\n\r\n"
        % (body_bytes, server.key.encode())
    )
    assert client.recv(100).startswith(b"HTTP/1.1 100")
    return client


def _wait_for_log(server: Serving, text: str) -> None:
    while text not in server.log.read_text():
        assert server.process.poll() is None
