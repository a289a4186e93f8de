"""Behind a pooler: what belongs to one connection must not be answered by another's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tests.storage.corpus import corpus
from tests.storage.model import snapshot
from tests.storage.recount import recount
from tests.support.pooler import Pooler, pooler
from tests.support.postgres import Server, execute
from tests.support.rows import DAY_NS, NOON_NS, project

from pulse_storage import StoreUnusable, open_storage
from pulse_storage.engines import engine_of
from pulse_storage.postgres.connection import connect, is_pooled
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import Project

_PREPARED = "SELECT statement FROM pg_prepared_statements"


@pytest.fixture(params=["session", "transaction"], scope="module")
def between(server: Server, request: pytest.FixtureRequest) -> Iterator[Pooler]:
    with pooler(server, request.param) as there:
        yield there


def test_two_stores_behind_a_pooler_hold_what_one_holds_without(server: Server, between: Pooler) -> None:
    name = between.url("x").rpartition("-")[2].partition("&")[0]
    direct, pooled = f"direct_{name}", f"pooled_{name}"
    for database in (direct, pooled):
        execute(server.url(), f"CREATE DATABASE {database}")
    rows = corpus(5)
    now_ns = NOON_NS + 3 * DAY_NS
    alone = Project("p", "p", 0)

    async def stored(*urls: str) -> object:
        engine_of(urls[0]).apply(urls[0])
        stores = [open_storage(url) for url in urls]
        await stores[0].create_project(*project())
        for start in range(0, len(rows), 10):
            # Each store takes turns, and all of them read at once.
            await stores[start // 10 % len(stores)].ingest(rows[start : start + 10], keep_all=True)
            counts = await asyncio.gather(
                *(store.count_traces("p", TraceFilter()) for store in stores for _ in range(4))
            )
            assert len(set(counts)) == 1
        await stores[-1].set_retention_policy("p", RetentionPolicy(content_days=1, rows_days=2))
        (report,) = await stores[-1].maintenance.apply([alone], KEEP_EVERYTHING, now_ns)
        assert report.rows
        await stores[0].maintenance.compact()
        found = await snapshot(stores[0], "p")
        for store in stores:
            await store.close()
        return found

    expected = asyncio.run(stored(server.url(direct)))
    assert asyncio.run(stored(between.url(pooled), between.url(pooled))) == expected
    recount(lambda sql: execute(server.url(pooled), sql))


def test_statements_are_prepared_on_the_server_itself_only(server: Server, between: Pooler) -> None:
    for url, pooled in ((server.url(), False), (between.url("postgres"), True)):
        connection = connect(url, prepares=True)
        assert is_pooled(connection.raw) is pooled
        for _ in range(20):
            connection.execute("SELECT 7")
        assert ("SELECT 7" in str(connection.execute(_PREPARED).fetchall())) is not pooled
        connection.close()


def test_a_pooler_without_transactions_is_refused(server: Server) -> None:
    with (
        pooler(server, "statement") as there,
        pytest.raises(StoreUnusable, match="set its pool_mode to transaction or session"),
    ):
        engine_of(there.url("postgres")).apply(there.url("postgres"))
