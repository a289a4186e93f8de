"""`pulse serve` as a process: its start, its output, and its one-line errors."""

from __future__ import annotations

import json
import random
import socket
import stat
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.server.load import Sent, export_request, send_again
from tests.server.serving import environ_for, free_ports, run_pulse, serving
from tests.storage.sql_backends import SqlBackend

_KEY = "pulse_sk_01234567-89ab-cdef-0123-456789abcdef"


def test_first_start_creates_a_key_that_later_starts_use(
    tmp_path: Path, database_url: str, backend: SqlBackend
) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, DATABASE_URL=database_url) as server:
        key = server.key
        assert server.get("/v1/traces")["total"] == 0
        assert server.stop() == 0
    assert (data_dir / "default.key").read_text() == f"{key}\n"
    assert {path.name: stat.filemode(path.stat().st_mode) for path in (data_dir, *data_dir.iterdir())} == {
        "data": "drwx------",
        "default.key": "-rw-------",
        **({"pulse.db": "-rw-------"} if backend.name == "sqlite" else {}),
    }
    with serving(data_dir, DATABASE_URL=database_url) as server:
        assert server.key == key
        assert server.get("/v1/traces")["total"] == 0


def test_configured_key_works_and_is_not_printed(tmp_path: Path, database_url: str) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir, DATABASE_URL=database_url, PULSE_API_KEY=_KEY) as server:
        assert server.key == "$PULSE_API_KEY"
        request = urllib.request.Request(
            f"{server.url}/v1/traces", headers={"Authorization": f"Bearer {_KEY}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["total"] == 0
    assert not (data_dir / "default.key").exists()
    assert not any(_KEY.encode() in path.read_bytes() for path in data_dir.iterdir())


def test_listener_with_port_0_is_off(tmp_path: Path) -> None:
    with serving(tmp_path / "data", PULSE_OTLP_HTTP_PORT="0", PULSE_OTLP_GRPC_PORT="0") as server:
        # The printed endpoint is the main port, which accepts OTLP too.
        assert server.exports["OTEL_EXPORTER_OTLP_ENDPOINT"] == server.url
        for port in (server.ports.otlp_http, server.ports.otlp_grpc):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))


@pytest.mark.slow
def test_collector_and_query_api_run_as_two_processes(tmp_path: Path, database_url: str) -> None:
    data_dir = tmp_path / "data"
    with (
        serving(data_dir, None, "--only", "collector", DATABASE_URL=database_url) as collector,
        serving(data_dir, None, "--only", "query", DATABASE_URL=database_url) as query,
    ):
        assert not query.exports
        request = urllib.request.Request(
            f"{collector.url}/v1/traces/batch",
            data=json.dumps([_TRACE]).encode(),
            headers={"Authorization": f"Bearer {collector.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 202
        asked = urllib.request.Request(
            f"{query.url}/v1/traces/{_TRACE['trace_id']}",
            headers={"Authorization": f"Bearer {collector.key}"},
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert json.load(answer)["model_requested"] == "gpt-4o-mini"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{collector.url}/v1/analytics", timeout=10)
        for server in (collector, query):
            with urllib.request.urlopen(f"{server.url}/ready", timeout=10) as answer:
                assert answer.status == 200


@pytest.mark.slow
def test_two_servers_on_one_store_store_a_span_once(tmp_path: Path, database_url: str) -> None:
    data_dir = tmp_path / "data"
    dice = random.Random(1)
    sent = Sent(requests=[export_request(dice, 20) for _ in range(10)])
    with (
        serving(data_dir, DATABASE_URL=database_url) as first,
        serving(data_dir, DATABASE_URL=database_url) as second,
    ):
        assert first.key == second.key
        senders = [
            threading.Thread(target=send_again, args=(server.ports, first.key, sent))
            for server in (first, second)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        keys = sorted(key for keys, _ in sent.requests for key in keys)
        assert sorted(first.stored_spans()) == sorted(second.stored_spans()) == keys
        assert first.get("/v1/traces")["total"] == len(keys)


@pytest.mark.parametrize("name", ["PORT", "PULSE_OTLP_HTTP_PORT", "PULSE_OTLP_GRPC_PORT"])
def test_port_in_use_is_a_one_line_error_with_the_setting(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environ = environ_for(tmp_path / "data", free_ports(), **{name: str(port)})
        ended = run_pulse("serve", environ=environ)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"pulse: {name}: port {port} is in use on 127.0.0.1; stop the process that uses it"
        " or set another port\n"
    )


def test_unusable_data_directory_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = run_pulse("serve", environ=environ_for(tmp_path / "file" / "data", free_ports()))
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith("pulse: PULSE_DATA_DIR: cannot write to ")


def test_invalid_setting_is_a_one_line_error(tmp_path: Path) -> None:
    environ = environ_for(tmp_path / "data", free_ports(), ADMIN_KEY="short")
    ended = run_pulse("serve", environ=environ)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.startswith("pulse: ADMIN_KEY: too short")
    assert not (tmp_path / "data").exists()


def test_file_that_is_not_a_store_is_refused_and_unchanged(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    garbage = b"this is not a database\n" * 1000
    (data_dir / "pulse.db").write_bytes(garbage)
    ended = run_pulse("serve", environ=environ_for(data_dir, free_ports()))
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert str(data_dir / "pulse.db") in ended.stderr
    assert (data_dir / "pulse.db").read_bytes() == garbage
    assert sorted(path.name for path in data_dir.iterdir()) == ["pulse.db"]


_TRACE: dict[str, object] = {
    "trace_id": "6f9619ff-8b86-4011-b42d-00cf4fc964ff",
    "timestamp": "2026-11-23T00:00:00Z",
    "provider": "openai",
    "model_requested": "gpt-4o-mini",
    "request_body": {"messages": []},
    "status": "success",
    "latency_ms": 12.5,
}
