"""The writer gives way to answers under way, and goes on all the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulse_storage.runtime import read_priority as right_of_way
from pulse_storage.runtime.read_priority import RightOfWay
from pulse_storage.runtime.thread_pool import LifoThreadPool
from pulse_storage.sql.storage import SqlStorage
from pulse_storage.sqlite.connection import open_writer


def test_writer_goes_on_once_the_answer_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(right_of_way, "_LONGEST_S", 60)
    way, seen, at_work = RightOfWay(), list[str](), threading.Event()

    def write() -> None:
        at_work.set()
        way.give_way()
        seen.append("written")

    way.begin()
    writer = threading.Thread(target=write)
    writer.start()
    at_work.wait()
    seen.append("answered")
    way.end()
    writer.join(30)
    assert seen == ["answered", "written"]


def test_statement_gives_way_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    way = RightOfWay()
    connection = open_writer(tmp_path / "pulse.db", way)
    monkeypatch.setattr(right_of_way, "_LONGEST_S", 0)
    way.begin()
    connection.execute("CREATE TABLE written (id INTEGER)")
    # It would wait for ever now, had it not given way before.
    monkeypatch.setattr(right_of_way, "_LONGEST_S", threading.TIMEOUT_MAX)
    way.give_way()
    connection.close()


def test_statement_for_many_rows_gives_way_between_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = RightOfWay()
    connection = open_writer(tmp_path / "pulse.db", way)
    connection.execute("CREATE TABLE written (id INTEGER)")
    monkeypatch.setattr(right_of_way, "_LONGEST_S", 0)

    def rows() -> Iterator[tuple[int]]:
        yield (1,)
        way.begin()
        yield (2,)

    connection.executemany("INSERT INTO written VALUES (?)", rows())
    monkeypatch.setattr(right_of_way, "_LONGEST_S", threading.TIMEOUT_MAX)
    way.give_way()
    assert connection.execute("SELECT count(*) FROM written").get == 2
    connection.close()


def test_writer_waits_once_for_an_answer_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    way = RightOfWay()
    way.begin()
    monkeypatch.setattr(right_of_way, "_LONGEST_S", 0)
    way.give_way()
    # It would wait for ever now, were it to wait again.
    monkeypatch.setattr(right_of_way, "_LONGEST_S", threading.TIMEOUT_MAX)
    way.give_way()


def test_each_thread_waits_for_an_answer_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(right_of_way, "_LONGEST_S", 60)
    way, seen = RightOfWay(), list[str]()
    way.begin()
    threads = [threading.Thread(target=lambda: (way.give_way(), seen.append("computed"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    threads[0].join(0.1)
    seen.append("answered")
    way.end()
    for thread in threads:
        thread.join(30)
    assert seen == ["answered", *["computed"] * 3]


@pytest.mark.anyio
async def test_who_computes_waits_for_an_answer_of_the_store(
    storage: SqlStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(right_of_way, "_LONGEST_S", 60)
    at_work, gate, seen = threading.Event(), threading.Event(), list[str]()

    def read(_: object) -> None:
        at_work.set()
        gate.wait(30)
        seen.append("answered")

    def compute() -> None:
        storage.give_way()
        seen.append("computed")

    asked = asyncio.create_task(storage._quick_readers.run(read))  # pyright: ignore[reportPrivateUsage]
    await asyncio.to_thread(at_work.wait)
    computing = asyncio.create_task(asyncio.to_thread(compute))
    # The event loop itself never waits: it may be the one that answers.
    storage.give_way()
    await asyncio.sleep(0.1)
    gate.set()
    await asyncio.gather(asked, computing)
    assert seen == ["answered", "computed"]


@pytest.mark.anyio
async def test_an_answer_that_fails_has_been_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(right_of_way, "_LONGEST_S", threading.TIMEOUT_MAX)
    way = RightOfWay()
    threads = LifoThreadPool(1, "test", way)
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    await asyncio.sleep(0)
    # For ever, had it not.
    await asyncio.to_thread(way.give_way)
    threads.close()


@pytest.mark.anyio
async def test_who_asked_goes_on_before_the_writer_does(monkeypatch: pytest.MonkeyPatch) -> None:
    way, ended = RightOfWay(), list[str]()
    monkeypatch.setattr(way, "end", lambda: ended.append("the answer"))
    threads = LifoThreadPool(1, "test", way)
    await threads.run(lambda: None)
    assert not ended
    await asyncio.sleep(0)
    assert ended == ["the answer"]
    threads.close()
