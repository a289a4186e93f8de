"""What a PostgreSQL server does to us: it cuts connections, stands still, refuses, locks, is set up oddly."""

from __future__ import annotations

import asyncio
import os
import random
import re
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import cast

import psycopg
import pytest
from tests.storage.corpus import corpus
from tests.storage.recount import recount
from tests.support.cut_link import CutLink
from tests.support.postgres import Server, execute
from tests.support.rows import project, span
from tests.support.waiting import retry_while

from pulse_storage import IngestResult, SpanRow, Store, StoreUnavailable, open_storage
from pulse_storage.postgres import database, readers
from pulse_storage.postgres.locks import lock_key
from pulse_storage.queries.filters import Page, TraceFilter

#: How many places a batch's exchange with the server is cut at.
_CUTS = int(os.environ.get("PULSE_TEST_CUTS", "60"))


@asynccontextmanager
async def _opened(url: str) -> AsyncGenerator[Store]:
    storage = open_storage(url)
    try:
        yield storage
    finally:
        await storage.close()


async def _stored_in_the_end(storage: Store, rows: Sequence[SpanRow]) -> IngestResult:
    """What exporters do: send again until it is stored."""
    return await retry_while(StoreUnavailable, lambda: storage.ingest(rows))


def _seen(url: str) -> list[int]:
    return sorted(
        int.from_bytes(cast("bytes", id), "big") for (id,) in execute(url, "SELECT otel_span_id FROM spans")
    )


@contextmanager
def _link(server: Server) -> Generator[tuple[CutLink, Callable[[str], str]]]:
    behind = server.folder / ".s.PGSQL.5432"
    with tempfile.TemporaryDirectory(prefix="pulse-cut-") as folder:
        link = CutLink(Path(folder), behind)
        yield link, lambda name: f"postgresql://postgres@/{name}?host={folder}&gssencmode=disable"
        link.close()


def test_a_connection_that_is_cut_anywhere_loses_and_doubles_nothing(server: Server) -> None:
    url = server.store("cut")
    chance = random.Random(7)

    async def use(link: CutLink, through: str) -> None:
        async with _opened(through) as storage:
            await storage.create_project(*project())
            # What the exchange of one batch takes, in both directions.
            await storage.ingest([span(number, trace=1) for number in range(1, 6)])
            for cut in range(_CUTS):
                first = 1_000 + cut * 5
                link.cut_after(chance.randrange(1, 8_000))
                rows = [span(first + index, trace=first) for index in range(5)]
                result = await _stored_in_the_end(storage, rows)
                assert (result.stored + result.duplicates, result.rejected) == (5, ())
                # Where the exchange was shorter than that, the next one is cut.
            link.cut_after(None)

    with _link(server) as (link, through):
        asyncio.run(use(link, through("cut")))
        assert link.cuts > _CUTS // 2
    assert _seen(url) == [*range(1, 6), *range(1_000, 1_000 + 5 * _CUTS)]
    recount(lambda sql: execute(url, sql))


def test_hanging_server_is_reported_and_waiting_rows_are_stored(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.store("stopped")
    monkeypatch.setattr(readers, "MAX_WAIT_S", 0.3)

    async def use() -> None:
        async with _opened(url) as storage:
            await storage.create_project(*project())
            await storage.ingest([span(1)])
            with server.stands_still():
                waiting = storage.submit([span(2)], keep_all=False)
                for _ in range(5):
                    with pytest.raises(StoreUnavailable, match="does not answer"):
                        await storage.list_projects()
                assert not waiting.done()
            assert await asyncio.wrap_future(waiting) == IngestResult(stored=1)
            assert (await storage.ingest([span(1), span(2)])).duplicates == 2
            assert len(await retry_while(StoreUnavailable, storage.list_projects)) == 1

    asyncio.run(use())


def test_a_server_without_connections_left_is_named_and_found_again(server: Server) -> None:
    url = server.store("crowded")
    execute(url, "CREATE ROLE guest LOGIN")
    for tables in ("TABLES", "SEQUENCES"):
        execute(url, f"GRANT ALL ON ALL {tables} IN SCHEMA public TO guest")
    as_guest = url.replace("postgres@", "guest@")

    async def use() -> None:
        async with _opened(url) as storage:
            await storage.create_project(*project())
        storage = open_storage(as_guest)
        execute(url, "ALTER ROLE guest CONNECTION LIMIT 0")
        with pytest.raises(StoreUnavailable, match="no connections, memory or disk space left"):
            await storage.ingest([span(1)])
        with pytest.raises(StoreUnavailable):
            await storage.check_writable()
        execute(url, "ALTER ROLE guest CONNECTION LIMIT -1")
        await _stored_in_the_end(storage, [span(1)])
        await storage.close()

    asyncio.run(use())
    assert _seen(url) == [1]


def test_a_row_that_no_sum_can_hold_harms_no_neighbour(server: Server) -> None:
    url = server.store("summed")
    rows = [span(number, input_tokens=1 << 62 if number in (3, 6) else 1) for number in range(1, 9)]

    async def use() -> None:
        async with _opened(url) as storage:
            await storage.create_project(*project())
            result = await storage.ingest(rows)
            assert (result.stored, [index for index, _ in result.rejected]) == (7, [5])
            assert "out of range" in result.rejected[0][1]

    asyncio.run(use())
    assert _seen(url) == [1, 2, 3, 4, 5, 7, 8]
    recount(lambda sql: execute(url, sql))


def test_wait_for_a_locked_table_is_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.store("locked")
    monkeypatch.setattr(database, "_SETTINGS", "synchronous_commit = on; lock_timeout = 100")

    async def use() -> None:
        async with _opened(url) as storage:
            await storage.create_project(*project())
            with psycopg.connect(url) as other:
                other.execute("LOCK TABLE spans")
                with pytest.raises(StoreUnavailable, match="holds a lock for too long"):
                    await storage.ingest([span(1)])
            assert await storage.ingest([span(1)]) == IngestResult(stored=1)

    asyncio.run(use())
    recount(lambda sql: execute(url, sql))


def test_trace_that_another_process_stores_can_be_read_and_explained(server: Server) -> None:
    url = server.store("stored_by_another")
    call = span(1, partner_key="p:1", provider_request_id="1")

    async def use() -> None:
        async with _opened(url) as storage:
            await storage.create_project(*project())
            await storage.ingest([call])
            [(key,)] = execute(url, "SELECT key FROM projects")
            with psycopg.connect(url) as other:
                # What a writer holds until its transaction is over.
                for named, id in (("trace", call.otel_trace_id), ("partner", b"p:1")):
                    lock = lock_key(named, int(str(key)), id)
                    other.execute("SELECT pg_advisory_xact_lock(%s::bigint)", (lock,))
                bearing = await storage.reconcile_inputs("p", call.otel_trace_id)
                assert [span.otel_span_id for span in bearing.spans] == [call.otel_span_id]
                assert len((await storage.list_traces("p", TraceFilter(), Page())).rows) == 1

    asyncio.run(use())


@pytest.mark.parametrize(
    "setting",
    [
        "default_transaction_isolation = 'repeatable read'",
        "default_transaction_isolation = serializable",
        "default_transaction_deferrable = on",
        "synchronous_commit = off",
        "standard_conforming_strings = off",
        "bytea_output = escape",
        "DateStyle = 'German, DMY'",
        "extra_float_digits = -10",
        "row_security = off",
        "plan_cache_mode = force_generic_plan",
    ],
)
def test_what_a_database_is_set_to_changes_nothing(server: Server, setting: str) -> None:
    name = "set_" + re.sub(r"\W+", "_", setting).lower().strip("_")
    url = server.store(name)
    rows = corpus(3, traces=25)
    execute(server.url(), f"ALTER DATABASE {name} SET {setting}")

    async def use() -> None:
        async with _opened(url) as one, _opened(url) as other:
            await one.create_project(*project())
            halves = [rows[start : start + 10] for start in range(0, len(rows), 10)]
            # The same rows through two connections at once: one of each pair finds the other's.
            results = await asyncio.gather(
                *(store.ingest(half, keep_all=True) for half in halves for store in (one, other))
            )
            assert [result.rejected for result in results if result.rejected] == []
            assert sum(result.stored for result in results) == len(rows)

    asyncio.run(use())
    execute(server.url(), f"ALTER DATABASE {name} RESET ALL")
    recount(lambda sql: execute(url, sql))


def test_a_standby_answers_reads_takes_no_rows_and_is_written_to_once_promoted(server: Server) -> None:
    url = server.store("standby")

    async def use() -> None:
        async with _opened(url) as storage:
            await storage.create_project(*project())
            await storage.ingest([span(1)])
            server.stop()
            server.become_standby()
            server.start()
            with pytest.raises(StoreUnavailable, match="takes no writes"):
                await storage.ingest([span(2)])
            with pytest.raises(StoreUnavailable, match="takes no writes"):
                await storage.check_writable()
            assert len(await storage.list_projects()) == 1
            execute(url, "SELECT pg_promote()")
            assert await _stored_in_the_end(storage, [span(2)]) == IngestResult(stored=1)

    asyncio.run(use())
    assert _seen(url) == [1, 2]
