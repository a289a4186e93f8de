"""`pulse serve` on PostgreSQL: crashes of Pulse and of PostgreSQL under load, and repeated reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.load import Load, send_again
from tests.server.serving import free_ports, serving
from tests.storage.recount import recount
from tests.support.postgres import Server, execute, own_server
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with own_server() as server:
        yield server


@pytest.mark.slow
def test_kill_9_under_load_loses_and_doubles_no_acknowledged_span(postgres: Server, tmp_path: Path) -> None:
    execute(postgres.url(), "CREATE DATABASE pulse")
    url = postgres.url("pulse").replace("postgres@", "postgres:secret@")
    data_dir, ports = tmp_path / "data", free_ports()
    with serving(data_dir, ports, DATABASE_URL=url) as server:
        load = Load(ports, server.key, seed=3)
        load.wait_until_acknowledged()
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


@pytest.mark.slow
def test_crash_of_postgres_under_load_responds_503_and_loses_nothing(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.store("crashed")
    ports = free_ports()
    with serving(tmp_path / "data", ports, DATABASE_URL=url) as server:
        load = Load(ports, server.key, seed=4)
        load.wait_until_acknowledged()
        postgres.stop("immediate")
        wait_until(lambda: load.sent.refused)
        postgres.start()
        before = len(load.sent.acknowledged)
        load.wait_until_acknowledged(before + 1)
        sent = load.stop()
        # The gRPC thread ends at its first refusal.
        assert set(sent.refused) == {"HTTP 503"}
        stored = server.stored_spans()
        assert sent.acknowledged <= set(stored)
        assert len(stored) == len(set(stored))
        send_again(ports, server.key, sent)
        assert sorted(server.stored_spans()) == sorted({key for keys, _ in sent.requests for key in keys})
        assert server.stop() == 0
    recount(lambda sql: execute(url, sql))


def test_repeated_reads_of_every_kind_respond(postgres: Server, tmp_path: Path) -> None:
    """An earlier reader ended the process by SIGSEGV within the first lists (ADR 0017)."""
    with serving(tmp_path / "data", DATABASE_URL=postgres.store("lists")) as server:
        load = Load(server.ports, server.key, seed=5)
        load.wait_until_acknowledged()
        for _ in range(5):
            for name in ("session_id", "user_id", "tag", "service", "environment", "model", "q"):
                assert server.get("/v1/traces", **{name: "some"})["traces"] == []
            assert server.get("/v1/sessions/some")["traces"] == []
            assert server.get("/v1/traces")["traces"]
        load.stop()
        assert server.stop() == 0
