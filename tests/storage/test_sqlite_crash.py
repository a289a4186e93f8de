"""The SQLite store in processes that are killed or cannot write."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.storage.model import everything
from tests.storage.sql_backends import SqliteBackend

from pulse_storage import open_storage

_ROOT = Path(__file__).parents[2]

_WRITE = """
import asyncio, sys
from pulse_storage import open_storage
from tests.support.rows import project, span

async def main(url: str, first: int) -> None:
    storage = open_storage(url)
    await storage.create_first_project(*project())
    number = first
    while True:
        rows = [span(number + index, trace=number) for index in range(20)]
        await storage.ingest(rows)
        # Said only once it is acknowledged.
        print(number, flush=True)
        number += 20

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pulse.db'}"
    acknowledged: set[int] = set()
    for kill in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITE, url, str(1 + kill * 100_000)], cwd=_ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(10 + 7 * kill):
            first = int(process.stdout.readline())
            acknowledged |= set(range(first, first + 20))
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        for line in rest.splitlines(keepends=True):
            if line.endswith(b"\n"):
                acknowledged |= set(range(int(line), int(line) + 20))
    stored = asyncio.run(_numbers(url))
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored)
    # Of a commit that was cut short, all of it or nothing is there.
    assert len(stored) % 20 == 0
    SqliteBackend().check(tmp_path)


async def _numbers(url: str) -> list[int]:
    storage = open_storage(url)
    rows = await everything(storage, "p")
    await storage.close()
    return [int.from_bytes(row.otel_span_id, "big") for row in rows]


_FAIL = """
import asyncio, os, resource, sys
from pathlib import Path
from pulse_storage import StoreUnavailable, open_storage
from pulse_storage.queries.filters import TraceFilter
from tests.support.rows import project, span

async def main(path: Path) -> None:
    storage = open_storage(f"sqlite:///{path}")
    await storage.create_first_project(*project())
    await storage.ingest([span(1)])
    written = Path(f"{path}-wal").stat().st_size
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # From here on every write beyond what is there fails with an I/O error.
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, hard))
    for number in range(2, 5):
        try:
            await storage.ingest([span(number, metadata=os.urandom(100_000).hex())])
            raise SystemExit("it was acknowledged")
        except StoreUnavailable:
            pass
        try:
            await storage.check_writable()
            raise SystemExit("it says that it takes writes")
        except StoreUnavailable:
            pass
        assert (await storage.count_traces("p", TraceFilter())).rows == 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert (await storage.ingest([span(number) for number in range(1, 5)])).stored == 3
    await storage.check_writable()
    await storage.close()

asyncio.run(main(Path(sys.argv[1])))
"""


def test_failing_disk_is_reported_and_the_store_heals(tmp_path: Path) -> None:
    path = tmp_path / "pulse.db"
    done = subprocess.run(
        [sys.executable, "-c", _FAIL, str(path)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    SqliteBackend().check(tmp_path)
