"""The log of a SQLite store stays short, though there is a reader at every moment."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from tests.support.rows import project, span

from pulse_storage.runtime.writer import WriteRequest
from pulse_storage.sql.tables.projects import insert_project
from pulse_storage.sqlite import database, schema
from pulse_storage.sqlite.apsw_connection import ApswConnection
from pulse_storage.sqlite.connection import open_writer
from pulse_storage.sqlite.database import SqliteDatabase
from pulse_storage.sqlite.gate import ReadGate
from pulse_storage.sqlite.readers import SqliteReaders

pytestmark = pytest.mark.anyio

_WAL_BYTES = 1 << 18


@pytest.fixture(autouse=True)
def small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAL_BYTES", _WAL_BYTES)


class _Store:
    def __init__(self, path: Path) -> None:
        connection = open_writer(path)
        schema.apply_to(connection, path)
        gate = ReadGate()
        self.database = SqliteDatabase(connection, path, gate=gate)
        self.readers = SqliteReaders(path, threads=2, gate=gate)
        self._log = path.with_name(path.name + "-wal")
        self.database.transact(lambda connection: insert_project(connection, *project()))

    def longest_log(self, commits: int) -> int:
        """Bytes of the log at its longest; it is made shorter after each commit, if at all."""
        longest = 0
        for number in range(1, commits + 1):
            self.database.store([WriteRequest([span(number, metadata=os.urandom(4000).hex())], True, 0)])
            longest = max(longest, self.log_bytes())
            self.database.tidy()
        return longest

    def log_bytes(self) -> int:
        return self._log.stat().st_size


@contextmanager
def _opened(folder: Path) -> Generator[_Store]:
    store = _Store(folder / "pulse.db")
    try:
        yield store
    finally:
        store.readers.close()
        store.database.close()


@asynccontextmanager
async def _reads_without_end(readers: SqliteReaders) -> AsyncGenerator[None]:
    """Two readers, of which each goes on reading until the other has begun to, unless it cannot begin."""
    changed, begun, is_over = threading.Condition(), 0, False

    def read(connection: ApswConnection) -> None:
        nonlocal begun
        connection.execute("SELECT count(*) FROM spans").fetchall()
        with changed:
            begun += 1
            mine = begun
            changed.notify_all()
            changed.wait_for(lambda: begun > mine or is_over, 0.1)

    async def go_on() -> None:
        while not is_over:
            await readers.run(read)

    def wait_for_both() -> None:
        with changed:
            changed.wait_for(lambda: begun >= 2)

    reading = [asyncio.create_task(go_on()) for _ in range(2)]
    await asyncio.to_thread(wait_for_both)
    yield
    is_over = True
    await asyncio.gather(*reading)


async def test_log_is_bounded_even_if_no_read_ever_ends_within_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_IMPATIENT_S", 0)
    with _opened(tmp_path) as store:
        async with _reads_without_end(store.readers):
            longest = await asyncio.to_thread(store.longest_log, 150)
    # It is looked at when it has grown by its usual length, after a commit that is shorter than that.
    assert longest < 18 * _WAL_BYTES


async def test_wal_is_restarted_while_reads_are_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_IMPATIENT_S", 60)
    with _opened(tmp_path) as store:
        beginning = store.log_bytes()
        async with _reads_without_end(store.readers):
            longest = await asyncio.to_thread(store.longest_log, 80)
    assert longest < max(beginning, 4 * _WAL_BYTES) + 2 * _WAL_BYTES


async def test_log_is_emptied_after_an_erasure_though_there_is_always_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_IMPATIENT_S", 60)
    with _opened(tmp_path) as store:
        async with _reads_without_end(store.readers):
            assert await asyncio.to_thread(store.database.truncate_wal)
            assert store.log_bytes() == 0
