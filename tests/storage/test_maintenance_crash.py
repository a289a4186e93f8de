"""Retention and erasure that are killed in the middle, and go on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.storage.recount import recount
from tests.storage.sql_backends import SqlBackend
from tests.support.rows import DAY_NS, NOON_NS, project, span

from pulse_storage import Store, open_storage
from pulse_storage.content.bodies import pack
from pulse_storage.queries.filters import AnalyticsQuery, TraceFilter
from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import Project

_ROWS = 4_500
_POLICY = RetentionPolicy(rows_days=1)
_NOW_NS = NOON_NS + 2 * DAY_NS
_P = Project("p", "p", 0)
_QUERY = AnalyticsQuery(from_ns=NOON_NS - DAY_NS, before_ns=NOON_NS + 2 * DAY_NS)

_RUN = """
import asyncio, sys
from tests.storage import test_maintenance_crash as here

asyncio.run(here.work(sys.argv[1], sys.argv[2]))
"""


async def work(url: str, what: str) -> None:
    """What the process does that is killed: a line for each step, and a pause that the kill will end."""
    storage = open_storage(url)

    def note(_: object) -> None:
        print("step", flush=True)

    if what == "retention":
        await storage.maintenance.apply([_P], _POLICY, _NOW_NS, note=note)
    else:
        await storage.maintenance.erase(await storage.order_erasure("p", "user_id", "ana"), note=note)


@pytest.mark.parametrize("what", ["retention", "erasure"])
def test_kill_9_in_the_middle_leaves_whole_steps_and_the_next_run_goes_on(
    backend: SqlBackend, tmp_path: Path, what: str
) -> None:
    asyncio.run(_fill(backend.open(tmp_path)))
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, backend.url(tmp_path), what], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline() == "step\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    # Kept sums and counts fit the rows at this point too.
    asyncio.run(_check(backend.open(tmp_path), sums_stay=what == "retention"))
    recount(lambda sql: backend.query(tmp_path, sql))
    # A killed process keeps its lease for ten seconds.
    backend.execute(tmp_path, "UPDATE leases SET until_ns = 0")
    asyncio.run(_finish(backend.open(tmp_path), what))
    backend.check(tmp_path)


async def _fill(storage: Store) -> None:
    await storage.create_project(*project("p"))
    await storage.ingest(
        [span(n, start_ns=NOON_NS + n, user_id="ana", request_body=pack(b"{}")) for n in range(1, _ROWS + 1)]
    )
    await storage.ingest([span(10_000, start_ns=_NOW_NS, user_id="bob")])
    await storage.close()


async def _check(storage: Store, *, sums_stay: bool) -> None:
    rows = (await storage.count_traces("p", TraceFilter())).rows
    between = await storage.count_traces("p", TraceFilter(from_ns=NOON_NS - 7, before_ns=_NOW_NS + 1))
    assert between.rows == rows
    assert 1 < rows < _ROWS + 1
    calls = (await storage.analytics("p", _QUERY)).total.calls
    assert calls == (_ROWS if sums_stay else rows - 1)
    await storage.close()


async def _finish(storage: Store, what: str) -> None:
    if what == "retention":
        await storage.maintenance.apply([_P], _POLICY, _NOW_NS)
    else:
        (ordered,) = await storage.unfinished_erasures()
        assert (await storage.maintenance.erase(ordered)).rows == _ROWS
    assert (await storage.count_traces("p", TraceFilter())).rows == 1
    assert (await storage.analytics("p", _QUERY)).total.calls == (_ROWS if what == "retention" else 0)
    await storage.close()
