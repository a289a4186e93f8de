"""Reads that run in pieces in an event loop answer, end and fail as those of threads do; none holds it up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVar

import psycopg
import pytest
import uvloop
from tests.support.postgres import Server, execute

from pulse_storage import StoreUnavailable
from pulse_storage.errors import QueryTooSlow
from pulse_storage.postgres import loop_readers
from pulse_storage.postgres.connection import PostgresConnection
from pulse_storage.postgres.link import Server as At
from pulse_storage.postgres.loop_readers import LoopReaders
from pulse_storage.postgres.statements import Statements
from pulse_storage.sql.right_of_way import RightOfWay

_Result = TypeVar("_Result")
_OURS = "pid <> pg_backend_pid() AND datname = 'postgres' AND application_name = 'pulse'"


def _in_loop(function: Callable[[], Coroutine[object, object, _Result]], *, uv: bool = False) -> _Result:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uv else None) as runner:
        return runner.run(asyncio.wait_for(function(), 60))


@asynccontextmanager
async def _readers(
    server: Server, *, connections: int = 2, way: RightOfWay | None = None
) -> AsyncGenerator[LoopReaders]:
    readers = LoopReaders(At(server.url()), connections=connections, way=way)
    yield readers
    await asyncio.to_thread(readers.close)


def _number(connection: PostgresConnection, sql: str = "SELECT 1") -> object:
    return connection.execute(sql).get


def _process(connection: PostgresConnection) -> object:
    return _number(connection, "SELECT pg_backend_pid()")


def _locked(connection: PostgresConnection) -> object:
    """Waits until nobody holds the lock of `_lock`."""
    return _number(connection, "SELECT 'got' FROM pg_advisory_xact_lock_shared(7)")


@asynccontextmanager
async def _lock(server: Server) -> AsyncGenerator[Callable[[], None]]:
    """Holds up whoever is `_locked`, until what this gives is called."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7)")
        yield lambda: connection.execute("SELECT pg_advisory_unlock(7)") and None


async def _until_waiting(server: Server, count: int) -> None:
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE {_OURS} AND wait_event_type = 'Lock'"
    while execute(server.url(), waiting) != [(count,)]:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("uv", [False, True], ids=["asyncio", "uvloop"])
def test_loop_goes_on_while_the_server_works(server: Server, uv: bool) -> None:
    async def use() -> None:
        async with _readers(server) as readers, _lock(server) as unlock:
            assert await readers.run(lambda _: threading.current_thread()) is threading.current_thread()
            locked = [asyncio.create_task(readers.run(_locked)) for _ in range(2)]
            await _until_waiting(server, 2)
            unlock()
            assert await asyncio.gather(*locked) == ["got", "got"]

    _in_loop(use, uv=uv)


def test_a_read_sees_one_snapshot_and_its_transaction_ends(server: Server) -> None:
    execute(server.url(), "CREATE TABLE seen (number bigint)")

    def read(connection: PostgresConnection) -> list[object]:
        first = _number(connection, "SELECT count(*) FROM seen")
        execute(server.url(), "INSERT INTO seen VALUES (1)")
        return [first, _number(connection, "SELECT count(*) FROM seen")]

    async def use() -> None:
        async with _readers(server, connections=1) as readers:
            # Often enough that statements are prepared.
            assert [await readers.run(read) for _ in range(20)] == [[n, n] for n in range(20)]
            state = f"SELECT state, query FROM pg_stat_activity WHERE {_OURS}"
            while execute(server.url(), state) != [("idle", "COMMIT")]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    _in_loop(use)


def test_to_end_a_read_waits_for_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepared(connection: PostgresConnection) -> list[object]:
        return [row[0] for row in connection.execute("SELECT statement FROM pg_prepared_statements")]

    async def use() -> None:
        async with _readers(server, connections=1) as readers:
            for _ in range(20):
                await readers.run(prepared)
                with monkeypatch.context() as patch:
                    # What the loop does by itself now must not look whether the server has answered.
                    patch.setattr(Statements, "_wait", None)
                    await asyncio.sleep(0.002)
            assert await readers.run(prepared) == ["SELECT statement FROM pg_prepared_statements"]

    _in_loop(use)


def test_many_rows_do_not_hold_up_the_loop(server: Server) -> None:
    turns = 0

    def read(connection: PostgresConnection) -> tuple[int, int]:
        rows = connection.execute("SELECT * FROM generate_series(1, 2000)")
        before = turns
        assert [number for (number,) in rows] == [*range(1, 2001)]
        return before, turns

    async def use() -> tuple[int, int]:
        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with _readers(server) as readers:
            busy = asyncio.create_task(other())
            answer = await readers.run(read)
            busy.cancel()
            return answer

    before, after = _in_loop(use)
    assert after - before >= 9


def test_reads_take_turns_at_few_connections(server: Server) -> None:
    async def use() -> None:
        async with _readers(server, connections=2) as readers:
            processes = await asyncio.gather(*(readers.run(_process) for _ in range(50)))
            assert len(set(processes)) == 2
            # The last to finish is the first to be asked.
            assert len({await readers.run(_process) for _ in range(5)}) == 1

    _in_loop(use)


def test_who_gives_up_leaves_a_place_for_the_next(server: Server) -> None:
    async def use() -> None:
        async with _readers(server, connections=1) as readers, _lock(server) as unlock:
            process = await readers.run(_process)
            midst = asyncio.create_task(readers.run(_locked))
            await _until_waiting(server, 1)
            in_turn = asyncio.create_task(readers.run(_number))
            behind = asyncio.create_task(readers.run(_process))
            await asyncio.sleep(0)
            in_turn.cancel()
            midst.cancel()
            ended = await asyncio.gather(midst, in_turn, return_exceptions=True)
            assert [type(end) for end in ended] == [asyncio.CancelledError] * 2
            # The connection was in the midst of a statement.
            assert await behind not in (None, process)
            unlock()

    _in_loop(use)


def test_several_loops_may_ask(server: Server) -> None:
    readers = LoopReaders(At(server.url()), connections=1)
    answers: list[object] = []

    async def ask() -> None:
        for _ in range(100):
            answers.append(await readers.run(_number))

    _in_loop(ask)
    threads = [threading.Thread(target=_in_loop, args=(ask,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [1] * 400
    readers.close()


def test_a_loop_that_ends_in_the_midst_leaves_its_connections_to_others(server: Server) -> None:
    readers = LoopReaders(At(server.url()), connections=1)

    async def leave() -> None:
        forsaken = asyncio.create_task(readers.run(_locked))
        await _until_waiting(server, 1)
        assert not forsaken.done()

    async def use() -> None:
        async with _lock(server) as unlock:
            await asyncio.to_thread(_in_loop, leave)
            assert await readers.run(_number) == 1
            unlock()

    _in_loop(use)
    readers.close()


def test_closing_cuts_short_what_runs_and_what_waits(server: Server) -> None:
    async def use() -> None:
        readers = LoopReaders(At(server.url()), connections=1)
        async with _lock(server):
            asked = [asyncio.create_task(readers.run(_locked)) for _ in range(3)]
            await _until_waiting(server, 1)
            await asyncio.to_thread(readers.close)
            ended = await asyncio.gather(*asked, return_exceptions=True)
        assert [(type(end), str(end)) for end in ended] == [(StoreUnavailable, "the store is closed")] * 3
        with pytest.raises(StoreUnavailable, match="closed"):
            await readers.run(_number)
        assert execute(server.url(), f"SELECT 1 FROM pg_stat_activity WHERE {_OURS}") == []

    _in_loop(use)


def test_a_lost_connection_is_replaced(server: Server) -> None:
    async def use() -> None:
        async with _readers(server) as readers:
            for _ in range(3):
                process = await readers.run(_process)
                execute(server.url(), f"SELECT pg_terminate_backend({process})")
                assert await readers.run(_process) != process

    _in_loop(use)


def test_what_fails_is_told_and_harms_no_other(server: Server) -> None:
    def slow(connection: PostgresConnection) -> object:
        _number(connection, "SELECT set_config('statement_timeout', '20', true)")
        return _number(connection, "SELECT 1 FROM pg_sleep(60)")

    async def use() -> None:
        async with _readers(server, connections=1) as readers:
            process = await readers.run(_process)
            with pytest.raises(QueryTooSlow):
                await readers.run(slow)
            with pytest.raises(StoreUnavailable, match="DivisionByZero"):
                await readers.run(lambda connection: _number(connection, "SELECT 1 / 0"))
            with pytest.raises(ZeroDivisionError):
                await readers.run(lambda _: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                await readers.run(lambda connection: _number(connection) and 1 // 0)
            # All on one connection, which stays.
            assert await readers.run(_process) == process

    _in_loop(use)


def test_a_server_that_stands_still_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use() -> None:
        async with _readers(server) as readers:
            assert await readers.run(_number) == 1
            with monkeypatch.context() as patch, server.stands_still():
                patch.setattr(loop_readers, "MAX_WAIT_S", 0.2)
                for _ in range(3):
                    with pytest.raises(StoreUnavailable, match="does not answer"):
                        await readers.run(_number)
            assert await readers.run(_number) == 1

    _in_loop(use)


def test_who_asked_goes_on_before_the_writer_does(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    way, ended = RightOfWay(), list[str]()

    async def use() -> None:
        async with _readers(server, way=way) as readers:
            for _ in range(2):
                await readers.run(_number)
                assert not ended
                await asyncio.sleep(0)
                assert ended.pop() == "the answer"
            with pytest.raises(ZeroDivisionError):
                await readers.run(lambda _: 1 // 0)
            await asyncio.sleep(0)
            assert ended == ["the answer"]

    monkeypatch.setattr(way, "end", lambda: ended.append("the answer"))
    _in_loop(use)
