"""Threads that read PostgreSQL: one snapshot a read; a connection outlives failures and is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest
from tests.support.postgres import Server, execute
from tests.support.waiting import wait_until

from pulse_storage import StoreUnavailable
from pulse_storage.errors import QueryTooSlow
from pulse_storage.postgres.connection import PostgresConnection
from pulse_storage.postgres.readers import PostgresReaders
from pulse_storage.postgres.reconnecting_connection import ConnectBackoff

pytestmark = pytest.mark.anyio
_OURS = "pid <> pg_backend_pid() AND datname = 'postgres' AND application_name = 'pulse'"


@asynccontextmanager
async def _readers(server: Server, *, threads: int = 2) -> AsyncGenerator[PostgresReaders]:
    readers = PostgresReaders(ConnectBackoff(server.url()), threads=threads, short=True)
    yield readers
    await asyncio.to_thread(readers.close)


def _number(connection: PostgresConnection, sql: str = "SELECT 1") -> object:
    return connection.execute(sql).get


def _process(connection: PostgresConnection) -> object:
    return _number(connection, "SELECT pg_backend_pid()")


def _locked(connection: PostgresConnection) -> object:
    """Wait until `_lock` is released."""
    return _number(connection, "SELECT 'got' FROM pg_advisory_xact_lock_shared(7)")


@asynccontextmanager
async def _lock(server: Server) -> AsyncGenerator[Callable[[], None]]:
    """Hold the lock that `_locked` waits for, until the function that this yields is called."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7)")
        yield lambda: connection.execute("SELECT pg_advisory_unlock(7)") and None


async def _until(server: Server, sql: str, answer: list[tuple[object, ...]]) -> None:
    await asyncio.to_thread(wait_until, lambda: execute(server.url(), sql) == answer)


async def _until_waiting(server: Server, count: int) -> None:
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE {_OURS} AND wait_event_type = 'Lock'"
    await _until(server, waiting, [(count,)])


async def test_loop_goes_on_while_the_server_works(server: Server) -> None:
    async with _readers(server) as readers, _lock(server) as unlock:
        locked = [asyncio.create_task(readers.run(_locked)) for _ in range(2)]
        await _until_waiting(server, 2)
        unlock()
        assert await asyncio.gather(*locked) == ["got", "got"]


async def test_a_read_sees_one_snapshot_and_its_transaction_ends(server: Server) -> None:
    execute(server.url(), "CREATE TABLE seen (number bigint)")

    def read(connection: PostgresConnection) -> list[object]:
        first = _number(connection, "SELECT count(*) FROM seen")
        execute(server.url(), "INSERT INTO seen VALUES (1)")
        return [first, _number(connection, "SELECT count(*) FROM seen")]

    async with _readers(server, threads=1) as readers:
        # Often enough that statements are prepared.
        assert [await readers.run(read) for _ in range(20)] == [[n, n] for n in range(20)]
        state = f"SELECT state, query FROM pg_stat_activity WHERE {_OURS}"
        await _until(server, state, [("idle", "COMMIT")])


async def test_a_caller_that_gives_up_leaves_the_connection_to_the_next(server: Server) -> None:
    async with _readers(server, threads=1) as readers, _lock(server) as unlock:
        process = await readers.run(_process)
        running = asyncio.create_task(readers.run(_locked))
        await _until_waiting(server, 1)
        waiting = asyncio.create_task(readers.run(_number))
        behind = asyncio.create_task(readers.run(_process))
        await asyncio.sleep(0)
        waiting.cancel()
        running.cancel()
        ended = await asyncio.gather(running, waiting, return_exceptions=True)
        assert [type(end) for end in ended] == [asyncio.CancelledError] * 2
        unlock()
        assert await behind == process


async def test_closing_cuts_short_what_runs_and_what_waits(server: Server) -> None:
    readers = PostgresReaders(ConnectBackoff(server.url()), threads=1)
    async with _lock(server):
        asked = [asyncio.create_task(readers.run(_locked)) for _ in range(3)]
        await _until_waiting(server, 1)
        await asyncio.to_thread(readers.close)
        ended = await asyncio.gather(*asked, return_exceptions=True)
    assert [(type(end), str(end)) for end in ended] == [(StoreUnavailable, "the store is closed")] * 3
    with pytest.raises(StoreUnavailable, match="closed"):
        await readers.run(_number)
    await _until(server, f"SELECT 1 FROM pg_stat_activity WHERE {_OURS}", [])


async def test_a_lost_connection_is_replaced(server: Server) -> None:
    async with _readers(server) as readers:
        for _ in range(3):
            process = await readers.run(_process)
            execute(server.url(), f"SELECT pg_terminate_backend({process})")
            assert await readers.run(_process) != process


async def test_a_failed_read_keeps_its_connection(server: Server) -> None:
    def slow(connection: PostgresConnection) -> object:
        _number(connection, "SELECT set_config('statement_timeout', '20', true)")
        return _number(connection, "SELECT 1 FROM pg_sleep(60)")

    async with _readers(server, threads=1) as readers:
        process = await readers.run(_process)
        with pytest.raises(QueryTooSlow):
            await readers.run(slow)
        with pytest.raises(StoreUnavailable, match="DivisionByZero"):
            await readers.run(lambda connection: _number(connection, "SELECT 1 / 0"))
        with pytest.raises(ZeroDivisionError):
            await readers.run(lambda connection: _number(connection) and 1 // 0)
        assert await readers.run(_process) == process
