"""Bytes of a SQLite store after an erasure, and its free space."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from random import Random

from tests.support.rows import DAY_NS, NOON_NS, project, span

from pulse_storage import SpanRow, Store, open_storage
from pulse_storage.content.bodies import pack
from pulse_storage.queries.filters import TraceFilter
from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import Project
from pulse_storage.sqlite.connection import gives_back_space

_P = Project("p", "p", 0)


def test_nothing_of_an_erased_user_is_left_in_the_files(tmp_path: Path) -> None:
    async def work() -> list[bytes]:
        storage = _open(tmp_path)
        await storage.create_project(*project("p"))
        # In many small commits, so that pages are split and filled again.
        for start in range(1, 600, 20):
            await storage.ingest([_row_with_content(n) for n in range(start, start + 20)])
        ordered = await storage.order_erasure("p", "user_id", "user-SECRETNAME")
        assert b"SECRETNAME" in b"".join(_contents(tmp_path))
        done = await storage.maintenance.erase(ordered)
        assert done.rows == 300
        # The server goes on: what was erased is gone already.
        found = _contents(tmp_path)
        assert (await storage.count_traces("p", TraceFilter())).rows == 300
        await storage.close()
        return found

    for content in (*asyncio.run(work()), *_contents(tmp_path)):
        assert b"SECRETNAME" not in content
        assert b"SECRETWORD" not in content


def test_free_space_is_given_back_and_an_old_file_after_it_was_rewritten_once(tmp_path: Path) -> None:
    asyncio.run(_fill(tmp_path))
    full_bytes = (tmp_path / "pulse.db").stat().st_size
    asyncio.run(_drop_content(tmp_path))
    assert (tmp_path / "pulse.db").stat().st_size < full_bytes / 2
    old = tmp_path / "old"
    old.mkdir()
    connection = sqlite3.connect(old / "pulse.db")
    connection.executescript(
        "PRAGMA page_size = 16384; PRAGMA auto_vacuum = NONE; CREATE TABLE t (x); DROP TABLE t"
    )
    connection.close()
    asyncio.run(_fill(old))
    asyncio.run(_drop_content(old))
    assert (old / "pulse.db").stat().st_size > full_bytes / 2
    assert [gives_back_space(folder / "pulse.db") for folder in (tmp_path, old)] == [True, False]
    asyncio.run(_compact(old))
    assert (old / "pulse.db").stat().st_size < full_bytes / 2
    assert gives_back_space(old / "pulse.db")
    connection = sqlite3.connect(old / "pulse.db")
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    connection.close()


def _row_with_content(number: int) -> SpanRow:
    theirs = number % 2 == 0
    row = span(
        number,
        user_id="user-SECRETNAME" if theirs else f"user-{number}",
        session_id=f"session-SECRETNAME-{number}" if theirs else f"session-{number}",
        input_preview="SECRETWORD " * 40 if theirs else "a word " * 60,
        metadata='{"note": "SECRETWORD"}' if theirs else "{}",
        request_body=pack(b'{"q": "SECRETWORD"}') if theirs else None,
    )
    # Not in the order of time, as late spans come.
    return row._replace(start_ns=NOON_NS + (number * 7919 % 600) * 1_000_000)


async def _fill(folder: Path) -> None:
    storage = _open(folder)
    await storage.create_project(*project("p"))
    dice = Random(1)
    for start in range(1, 1_500, 100):
        rows = [span(n, request_body=pack(dice.randbytes(40_000))) for n in range(start, start + 100)]
        await storage.ingest(rows)
    await storage.close()


async def _drop_content(folder: Path) -> None:
    storage = _open(folder)
    (report,) = await storage.maintenance.apply([_P], RetentionPolicy(content_days=1), NOON_NS + 3 * DAY_NS)
    assert report.contents == 1_500
    await storage.close()


async def _compact(folder: Path) -> None:
    storage = _open(folder)
    await storage.maintenance.compact()
    await storage.close()


def _open(folder: Path) -> Store:
    return open_storage(f"sqlite:///{folder / 'pulse.db'}")


def _contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]
