"""On PostgreSQL the work for a batch grows neither with a large trace nor with the models of a project."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from typing import cast

import pytest
from tests.support.postgres import Server, execute
from tests.support.rows import project, span, step

from pulse_storage import SpanRow, open_storage
from pulse_storage.postgres.connection import PostgresConnection, connect
from pulse_storage.sql.connection import Connection, Cursor, SqlValue
from pulse_storage.sql.tables.rollups import Facts, UsageKeys

_NOW_NS = time.time_ns()
_ROOT = 1


async def _store(url: str, *batches: Sequence[SpanRow]) -> None:
    storage = open_storage(url)
    for batch in batches:
        assert (await storage.ingest(batch)).stored == len(batch)
    await storage.close()


async def _create(url: str) -> None:
    storage = open_storage(url)
    await storage.create_project(*project())
    await storage.close()


class _Explained:
    """A connection that remembers the plan of each query."""

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection
        self.dialect = connection.dialect
        self.plans: list[str] = []

    def execute(self, sql: str, bindings: Sequence[SqlValue] | None = None, /) -> Cursor:
        plan = self._connection.execute(f"EXPLAIN {sql}", bindings).fetchall()
        self.plans.append("\n".join(str(step[0]) for step in plan))
        return self._connection.execute(sql, bindings)

    enqueue = execute

    def lock_usage_keys(self) -> None:
        """This connection is the only one."""


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    """A store with one large trace, of which the planner knows that nearly all spans are of it."""
    url = server.store("one_large_trace")
    asyncio.run(_create(url))
    rows = [span(number, trace=7, parent=_ROOT, start_ns=_NOW_NS) for number in range(2, 4_002)]
    asyncio.run(_store(url, rows, [span(10_000, start_ns=_NOW_NS)]))
    execute(url, "ANALYZE")
    return url


@pytest.fixture
def explained(url: str) -> Iterator[_Explained]:
    connection = connect(url)
    connection.execute("SET enable_seqscan = off")
    yield _Explained(connection)
    connection.close()


@pytest.mark.parametrize("of", ["sizes", "spans"])
def test_trace_is_found_by_its_index_in_a_partition_with_a_large_one(explained: _Explained, of: str) -> None:
    connection, traces = cast("Connection", explained), [number.to_bytes(16, "big") for number in (10_000, 8)]
    if of == "sizes":
        assert explained.dialect.trace_sizes(connection, 1, traces, 501) == [(traces[0], 1)]
    else:
        found = explained.dialect.some_of_traces(connection, "otel_span_id", 1, traces, 501)
        assert len(list(found)) == 1
    [plan] = explained.plans
    assert "Filter: (otel_trace_id" not in plan, plan
    assert len(re.findall("Index Cond: .*otel_trace_id", plan)) == len(re.findall(" on spans_", plan)), plan


def test_facts_are_found_by_their_hash(explained: _Explained) -> None:
    wanted: list[Facts] = [
        (1, provider, f"model {number}", None, "chat", "success")
        for number in range(300)
        for provider in (None, "", "x" * 9_000)
    ]
    keys = UsageKeys(cast("Connection", explained))
    found = keys.keys(wanted)
    assert len(set(found.values())) == len(wanted)
    keys.forget()
    explained.plans.clear()
    assert keys.keys(wanted) == found
    assert explained.plans
    for plan in explained.plans:
        assert re.search(r"(Index|Hash) Cond: .*hashtextextended", plan), plan


def test_rows_below_a_late_root_are_changed_by_one_statement(server: Server, url: str) -> None:
    execute(server.url(), "ALTER SYSTEM SET log_statement = 'mod'")
    execute(server.url(), "SELECT pg_reload_conf()")
    try:
        log = server.folder / "log"
        before = len(log.read_text())
        asyncio.run(_store(url, [step(_ROOT, trace=7, session_id="s", user_id="u", start_ns=_NOW_NS)]))
        changes = log.read_text()[before:].count("UPDATE spans ")
    finally:
        execute(server.url(), "ALTER SYSTEM RESET log_statement")
        execute(server.url(), "SELECT pg_reload_conf()")
    assert changes == 1
    below = "SELECT DISTINCT session_id, user_id, own FROM spans WHERE parent_span_id IS NOT NULL"
    assert execute(url, below) == [("s", "u", '{"session_id":null,"user_id":null}')]
