"""Reads in progress have priority over the writer and over threads that compute, for a bounded time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.sql_backends import SqlBackend

from pulse_storage import open_storage
from pulse_storage.runtime import read_priority
from pulse_storage.runtime.read_priority import ReadPriority
from pulse_storage.runtime.thread_pool import LifoThreadPool
from pulse_storage.sql.storage import SqlStorage
from pulse_storage.sqlite.connection import open_writer


def test_writer_continues_when_the_read_has_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_priority, "_LONGEST_S", 60)
    priority, seen, at_work = ReadPriority(), list[str](), threading.Event()

    def write() -> None:
        at_work.set()
        priority.yield_to_readers()
        seen.append("written")

    priority.read_started()
    writer = threading.Thread(target=write)
    writer.start()
    at_work.wait()
    seen.append("read")
    priority.read_finished()
    writer.join(30)
    assert seen == ["read", "written"]


def test_statement_waits_for_a_read_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    priority = ReadPriority()
    connection = open_writer(tmp_path / "pulse.db", priority)
    monkeypatch.setattr(read_priority, "_LONGEST_S", 0)
    priority.read_started()
    connection.execute("CREATE TABLE written (id INTEGER)")
    # It would wait without end here, had the statement not waited before.
    monkeypatch.setattr(read_priority, "_LONGEST_S", threading.TIMEOUT_MAX)
    priority.yield_to_readers()
    connection.close()


def test_executemany_waits_for_a_read_between_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    priority = ReadPriority()
    connection = open_writer(tmp_path / "pulse.db", priority)
    connection.execute("CREATE TABLE written (id INTEGER)")
    monkeypatch.setattr(read_priority, "_LONGEST_S", 0)

    def rows() -> Iterator[tuple[int]]:
        yield (1,)
        priority.read_started()
        yield (2,)

    connection.executemany("INSERT INTO written VALUES (?)", rows())
    monkeypatch.setattr(read_priority, "_LONGEST_S", threading.TIMEOUT_MAX)
    priority.yield_to_readers()
    assert connection.execute("SELECT count(*) FROM written").get == 2
    connection.close()


def test_writer_waits_once_for_a_long_read(monkeypatch: pytest.MonkeyPatch) -> None:
    priority = ReadPriority()
    priority.read_started()
    monkeypatch.setattr(read_priority, "_LONGEST_S", 0)
    priority.yield_to_readers()
    # A second wait for the same read would not end.
    monkeypatch.setattr(read_priority, "_LONGEST_S", threading.TIMEOUT_MAX)
    priority.yield_to_readers()


def test_every_thread_waits_for_a_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_priority, "_LONGEST_S", 60)
    priority, seen = ReadPriority(), list[str]()
    priority.read_started()
    threads = [
        threading.Thread(target=lambda: (priority.yield_to_readers(), seen.append("computed")))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    threads[0].join(0.1)
    seen.append("read")
    priority.read_finished()
    for thread in threads:
        thread.join(30)
    assert seen == ["read", *["computed"] * 3]


@pytest.mark.anyio
async def test_computing_thread_waits_for_a_read_of_the_store(
    backend: SqlBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_priority, "_LONGEST_S", 60)
    at_work, gate, seen = threading.Event(), threading.Event(), list[str]()
    priority = ReadPriority()
    storage = open_storage(backend.url(tmp_path), priority=priority)
    assert isinstance(storage, SqlStorage)

    def read(_: object) -> None:
        at_work.set()
        gate.wait(30)
        seen.append("read")

    def compute() -> None:
        priority.yield_to_readers()
        seen.append("computed")

    reading = asyncio.create_task(storage._quick_readers.run(read))  # pyright: ignore[reportPrivateUsage]
    await asyncio.to_thread(at_work.wait)
    computing = asyncio.create_task(asyncio.to_thread(compute))
    # The thread of the event loop does not wait.
    priority.yield_to_readers()
    gate.set()
    await asyncio.gather(reading, computing)
    assert seen == ["read", "computed"]
    await storage.close()
    backend.release(tmp_path)


@pytest.mark.anyio
async def test_failed_read_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_priority, "_LONGEST_S", threading.TIMEOUT_MAX)
    priority = ReadPriority()
    threads = LifoThreadPool(1, "test", priority)
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    await asyncio.sleep(0)
    # The read has ended, else this would not return.
    await asyncio.to_thread(priority.yield_to_readers)
    threads.close()


@pytest.mark.anyio
async def test_caller_of_a_read_continues_before_the_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    priority, ended = ReadPriority(), list[str]()
    monkeypatch.setattr(priority, "read_finished", lambda: ended.append("read"))
    threads = LifoThreadPool(1, "test", priority)
    await threads.run(lambda: None)
    assert not ended
    await asyncio.sleep(0)
    assert ended == ["read"]
    threads.close()
