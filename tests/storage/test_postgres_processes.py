"""PostgreSQL with several processes at once, and with a server that goes away under load."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from tests.storage.corpus import corpus
from tests.storage.model import snapshot
from tests.storage.recount import recount
from tests.support.postgres import Server, execute
from tests.support.rows import DAY_NS, NOON_NS, project, span
from tests.support.waiting import retry_while

from pulse_storage import IngestResult, StoreUnavailable, TraceRecord, open_storage
from pulse_storage.content.bodies import pack
from pulse_storage.postgres.connection import connect
from pulse_storage.postgres.database import STORING_SETTINGS
from pulse_storage.postgres.locks import STORING
from pulse_storage.postgres.partitions import make_partitions, partitions

_ROOT = Path(__file__).parents[2]
_SEED = 11


async def store_corpus(url: str, seed: int, batch_rows: int) -> None:
    """What each of several processes does: all rows, in an order and in batches of its own."""
    rows = corpus(_SEED, traces=150)
    rows = rows[:: -1 if seed % 2 else 1]
    storage = open_storage(url)
    stored = duplicates = 0
    for start in range(0, len(rows), batch_rows):
        result = await storage.ingest(rows[start : start + batch_rows], keep_all=True)
        stored, duplicates = stored + result.stored, duplicates + result.duplicates
        assert not result.rejected
    await storage.close()
    print(stored, duplicates)


def _started(call: str) -> subprocess.Popen[str]:
    script = f"import asyncio\nfrom tests.storage import test_postgres_processes as here\nasyncio.run({call})"
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("batch_rows", [7, 100])
@pytest.mark.slow
def test_three_processes_in_opposite_orders_store_each_span_once(server: Server, batch_rows: int) -> None:
    url, alone = (server.store(f"{name}_{batch_rows}") for name in ("together", "alone"))

    async def prepare() -> None:
        for each in (url, alone):
            storage = open_storage(each)
            await storage.create_project(*project())
            await storage.close()

    asyncio.run(prepare())
    processes = [_started(f"here.store_corpus({url!r}, {seed}, {batch_rows})") for seed in range(3)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, outputs
    counts = [tuple(map(int, output.split()[-2:])) for output, _ in outputs]
    rows = corpus(_SEED, traces=150)
    assert sum(stored for stored, _ in counts) == len(rows)
    assert all(stored + duplicates == len(rows) for stored, duplicates in counts)
    assert execute(
        server.url(), f"SELECT deadlocks FROM pg_stat_database WHERE datname = 'together_{batch_rows}'"
    ) == [(0,)]
    recount(lambda sql: execute(url, sql))

    async def compare() -> None:
        one, other = open_storage(alone), open_storage(url)
        await one.ingest(rows, keep_all=True)
        assert await snapshot(one, "p") == await snapshot(other, "p")
        await one.close()
        await other.close()

    asyncio.run(compare())


@pytest.mark.parametrize(
    "statement",
    [
        "COPY spans FROM STDIN",
        "INSERT INTO spans SELECT * FROM spans WHERE false",
        "UPDATE spans SET provider_request_id = '' WHERE false",
    ],
)
def test_spans_that_an_earlier_version_stores_are_noticed(server: Server, statement: LiteralString) -> None:
    url = server.store(f"earlier_{statement.split()[0].lower()}")
    connection = connect(url)

    def is_only_writer() -> bool:
        connection.begin("", STORING_SETTINGS)
        try:
            return connection.lock_spans([(1, bytes(16), None, None)])
        finally:
            # A statement that stores spans takes no further turn.
            connection.execute("INSERT INTO spans SELECT * FROM spans WHERE false")
            connection.commit()

    def store_as_earlier_version() -> None:
        with psycopg.connect(url) as earlier, earlier.cursor() as cursor:
            # It locks, but takes no turn.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (STORING,))
            if statement.startswith("COPY"):
                with cursor.copy(statement):
                    pass
            else:
                cursor.execute(statement)

    assert [is_only_writer() for _ in range(3)] == [False, True, True]
    store_as_earlier_version()
    assert not is_only_writer()
    connection.close()


async def store_records_of_calls(url: str, service: str, batch_rows: int) -> None:
    """Store one span of each of many calls, each in a trace of its own; another process stores the others."""
    number, latency_ms = (1, 900.0) if service == "app" else (1001, 800.0)
    rows = [
        span(
            number + call,
            trace=number + call,
            provider_request_id=f"chatcmpl-{call}",
            scope=service,
            service=service,
            start_ns=NOON_NS + call * 1_000_000_000,
            latency_ms=latency_ms,
        )
        for call in range(600)
    ]
    storage = open_storage(url)
    for start in range(0, len(rows), batch_rows):
        await storage.ingest(rows[start : start + batch_rows])
    await storage.close()


@pytest.mark.parametrize("batch_rows", [20, 300])
def test_clients_and_gateways_that_are_stored_at_once_are_one_call_each(
    server: Server, batch_rows: int
) -> None:
    url = server.store(f"gateways_{batch_rows}")

    async def prepare() -> None:
        storage = open_storage(url)
        await storage.create_project(*project())
        await storage.close()

    asyncio.run(prepare())
    processes = [
        _started(f"here.store_records_of_calls({url!r}, {service!r}, {batch_rows})")
        for service in ("app", "gateway")
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 2, outputs
    counted = execute(url, "SELECT service, count(*) FROM spans WHERE usage_key IS NOT NULL GROUP BY 1")
    assert counted == [("gateway", 600)]
    recount(lambda sql: execute(url, sql))


async def store_until_killed(url: str) -> None:
    """Rows without end; says which are acknowledged, and sends those again that are not."""
    storage = open_storage(url)
    number = 1
    while True:
        rows = [span(number + index, trace=number) for index in range(20)]
        await retry_while(StoreUnavailable, partial(storage.ingest, rows))
        print(number, flush=True)
        number += 20


def test_a_server_that_crashes_under_load_loses_nothing_acknowledged(server: Server) -> None:
    url = server.store("crashed")

    async def prepare() -> None:
        storage = open_storage(url)
        await storage.create_project(*project())
        await storage.close()

    asyncio.run(prepare())
    process = _started(f"here.store_until_killed({url!r})")
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(10)]
    for _ in range(2):
        server.stop("immediate")
        server.start()
        # The writer comes back by itself.
        acknowledged += [int(process.stdout.readline()) for _ in range(10)]
    process.kill()
    rest, _ = process.communicate()
    acknowledged += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    stored = {int.from_bytes(id, "big") for (id,) in execute(url, "SELECT otel_span_id FROM spans")}  # pyright: ignore[reportArgumentType]
    assert {first + index for first in acknowledged for index in range(20)} <= stored
    # Of a commit that was cut short, all of it or nothing is there.
    assert len(stored) % 20 == 0
    recount(lambda sql: execute(url, sql))


def test_stopped_server_is_reported_at_once_and_used_after_its_start(server: Server) -> None:
    url = server.store("away")

    async def use() -> None:
        storage = open_storage(url)
        await storage.create_project(*project())
        server.stop()
        try:
            with pytest.raises(StoreUnavailable, match=r"cannot be reached|shutting down"):
                await storage.ingest([span(1)])
            with pytest.raises(StoreUnavailable):
                await storage.list_projects()
            with pytest.raises(StoreUnavailable):
                await storage.check_writable()
        finally:
            server.start()
        stored = await retry_while(StoreUnavailable, lambda: storage.ingest([span(1)]))
        assert stored == IngestResult(stored=1)
        await storage.close()

    asyncio.run(use())


def test_partitions_are_created_for_stored_rows(server: Server) -> None:
    url = server.store("parted")
    rows = [
        span(number, start_ns=NOON_NS + number * 10 * DAY_NS, request_body=pack(b"{}"))
        for number in (*range(1, 60), 5_000)
    ]

    async def stored(*, first: bool) -> list[TraceRecord | None]:
        storage = open_storage(url)
        if first:
            await storage.create_project(*project())
            assert (await storage.ingest(rows)).stored == len(rows)
        found = await snapshot(storage, "p")
        await storage.close()
        return found

    before = asyncio.run(stored(first=True))
    connection = connect(url)
    assert make_partitions(connection, NOON_NS, NOON_NS + 200 * DAY_NS) > 0
    assert make_partitions(connection, NOON_NS, NOON_NS + 900 * DAY_NS) > 0
    assert make_partitions(connection, NOON_NS, NOON_NS + 900 * DAY_NS) == 0
    for table in ("spans", "span_bodies"):
        ranges = partitions(connection, table)
        assert (ranges[0].from_id, ranges[-1].before_id) == (None, None)
        assert [one.before_id for one in ranges[:-1]] == [one.from_id for one in ranges[1:]]
    connection.close()
    assert asyncio.run(stored(first=False)) == before
    recount(lambda sql: execute(url, sql))
