"""`pulse serve` on PostgreSQL, from the exporter to the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.load import Load, send_again
from tests.server.serving import free_ports, serving
from tests.support.postgres import Server, execute, own_server


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with own_server() as server:
        yield server


def test_kill_9_under_load_loses_nothing_acknowledged_and_doubles_nothing(
    postgres: Server, tmp_path: Path
) -> None:
    execute(postgres.url(), "CREATE DATABASE pulse")
    url = postgres.url("pulse").replace("postgres@", "postgres:secret@")
    data_dir, ports = tmp_path / "data", free_ports()
    with serving(data_dir, ports, DATABASE_URL=url) as server:
        load = Load(ports, server.key, seed=3)
        assert load.flowing.wait(20)
        server.process.kill()
        server.process.wait()
        sent = load.stop()
    with serving(data_dir, ports, DATABASE_URL=url) as server:
        stored = server.stored_spans()
        assert sent.acknowledged <= set(stored)
        assert len(stored) == len(set(stored))
        send_again(ports, server.key, sent)
        assert sorted(server.stored_spans()) == sorted({key for keys, _ in sent.requests for key in keys})
        assert server.stop() == 0
        assert "secret" not in server.log.read_text()
    assert not (data_dir / "pulse.db").exists()
