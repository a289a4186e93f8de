"""`pulse copy` from a store under load: killed, repeated, and the copy served."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.load import Load
from tests.server.serving import environ_for, free_ports, run_pulse, serving
from tests.support.postgres import Server, execute, own_server
from tests.support.waiting import wait_until

from pulse_storage.engines import engine_of

#: Rows in the source when the copy begins: several pages.
_ROWS = 2_500


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with own_server() as server:
        yield server


@pytest.mark.parametrize("to_postgres", [True, False], ids=["sqlite to postgres", "postgres to sqlite"])
@pytest.mark.slow
def test_killed_copy_of_a_store_in_use_continues_and_is_equal(
    postgres: Server, tmp_path: Path, to_postgres: bool
) -> None:
    name = "target" if to_postgres else "source"
    sides = [postgres.store(name), f"sqlite:///{tmp_path / 'store.db'}"]
    target, source = sides if to_postgres else sides[::-1]
    engine_of(target).apply(target)
    data_dir, ports = tmp_path / "data", free_ports()
    environ = environ_for(data_dir, ports)
    with serving(data_dir, ports, DATABASE_URL=source) as server:
        load = Load(ports, server.key, seed=11)
        load.wait_until_acknowledged(_ROWS)
        copying = subprocess.Popen(
            [sys.executable, "-m", "pulse_server", "copy", source, target], env=environ, text=True
        )
        wait_until(lambda: _rows(target) > 0)
        copying.kill()
        copying.wait()
        carried = _rows(target)
        sent = load.stop()
        # The lease of the killed process would last ten seconds.
        for url in (source, target):
            _run(url, "UPDATE leases SET until_ns = 0")
        copied = run_pulse("copy", source, target, "--json", environ=environ)
        assert copied.returncode == 0, copied.stderr
        assert server.stop() == 0
        stored = {key for keys, _ in sent.requests for key in keys}
        assert sent.acknowledged <= stored
        [project] = json.loads(copied.stdout)["projects"]
        rows = project["source"]["rows"]
        assert 0 < carried < rows
        assert (project["verified"], project["target"]) == (True, project["source"])
        assert project["rowsCarried"] <= rows - carried
    with serving(data_dir, ports, DATABASE_URL=target) as server:
        found = server.stored_spans()
        assert len(found) == len(set(found)) == rows
        assert sent.acknowledged <= set(found) <= stored
        # The copy has no span twice, and its sums equal those of the source.
        day = {"date_from": "2020-01-01T00:00:00Z", "date_to": "2100-01-01T00:00:00Z", "group_by": "model"}
        [of_model] = server.get("/v1/analytics", **day)["costOverTime"]
        assert (of_model["calls"], of_model["tokens"]) == (rows, 110 * rows)


def _rows(url: str) -> int:
    [(count,)] = _run(url, "SELECT count(*) FROM spans")
    return int(str(count))


def _run(url: str, sql: str) -> list[tuple[object, ...]]:
    if not url.startswith("sqlite:"):
        return execute(url, sql)
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        return connection.execute(sql).fetchall()
