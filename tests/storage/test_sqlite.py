from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from pathlib import Path
from typing import cast
from uuid import UUID

import apsw
import pytest
from tests.storage.model import everything
from tests.support.rows import NOON_NS, batch_span, project, span, step

from pulse_storage import (
    IngestResult,
    Store,
    StoreUnavailable,
    StoreUnusable,
    open_storage,
)
from pulse_storage.errors import NameTaken, QueryTooSlow
from pulse_storage.queries.filters import AnalyticsQuery, Page, TraceFilter
from pulse_storage.rows import Project, SpanRow
from pulse_storage.sqlite import database, schema
from pulse_storage.sqlite.apsw_connection import ApswConnection
from pulse_storage.sqlite.connection import open_reader, open_writer, switch_to_wal
from pulse_storage.sqlite.readers import SqliteReaders

pytestmark = pytest.mark.anyio


async def _open(folder: Path) -> Store:
    storage = open_storage(f"sqlite:///{folder / 'pulse.db'}")
    if not await storage.list_projects():
        await storage.create_project(*project())
    return storage


async def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    old = os.umask(0)
    try:
        storage = await _open(folder)
        await storage.ingest([span(1)])
        assert {file.name for file in folder.iterdir()} == {"pulse.db", "pulse.db-wal", "pulse.db-shm"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        await storage.close()
    finally:
        os.umask(old)
    assert [file.name for file in folder.iterdir()] == ["pulse.db"]


def test_connections_are_set_up_for_durability(tmp_path: Path) -> None:
    path = tmp_path / "pulse.db"
    writer = open_writer(path)
    schema.apply_to(writer, path)
    assert writer.pragma("journal_mode") == "wal"
    assert writer.pragma("synchronous") == 2
    assert writer.pragma("page_size") == 4096
    assert writer.pragma("foreign_keys") == 1
    reader = open_reader(path)
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("DELETE FROM spans")
    reader.close()
    writer.close()


def test_journal_mode_that_was_not_taken_is_refused() -> None:
    memory = apsw.Connection(":memory:")
    with pytest.raises(StoreUnusable, match="journal_mode=memory"):
        switch_to_wal(memory, Path("pulse.db"))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pulse.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "mysql://host/db",
        "sqlite:pulse.db",
    ],
)
def test_url_without_a_file_is_refused_with_the_fix(url: str) -> None:
    with pytest.raises(StoreUnusable, match="sqlite:///PATH"):
        open_storage(url)


def test_path_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusable, match="cannot be written"):
        open_storage(f"sqlite:///{tmp_path / 'file' / 'pulse.db'}")


def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "pulse.db"
    path.write_bytes(b"dear diary " * 1000)
    with pytest.raises(StoreUnusable, match="not a SQLite database"):
        open_storage(f"sqlite:///{path}")
    assert path.read_bytes() == b"dear diary " * 1000


async def test_empty_file_with_a_log_is_refused_and_not_changed(tmp_path: Path) -> None:
    path, log = tmp_path / "pulse.db", tmp_path / "pulse.db-wal"
    storage = await _open(tmp_path)
    await storage.ingest([span(1)])
    data = log.read_bytes()
    await storage.close()
    path.write_bytes(b"")
    log.write_bytes(data)
    with pytest.raises(StoreUnusable, match="restore a backup"):
        open_storage(f"sqlite:///{path}")
    assert (path.read_bytes(), log.read_bytes()) == (b"", data)


async def test_a_file_of_an_older_version_keeps_its_page_size(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "pulse.db")
    connection.executescript("PRAGMA page_size = 16384; CREATE TABLE t (x); DROP TABLE t")
    connection.close()
    storage = await _open(tmp_path)
    await storage.ingest([span(number, metadata="x" * 3000) for number in range(1, 101)])
    assert len((await storage.list_traces("p", TraceFilter(from_ns=0), Page())).rows) == 50
    await storage.close()
    connection = sqlite3.connect(tmp_path / "pulse.db")
    assert connection.execute("PRAGMA page_size").fetchone() == (16384,)
    connection.close()


async def test_damaged_page_raises(tmp_path: Path) -> None:
    storage = await _open(tmp_path)
    await storage.ingest([span(number, metadata="x" * 3000) for number in range(1, 1001)])
    await storage.close()
    pages = (tmp_path / "pulse.db").read_bytes()
    # All but the schema.
    (tmp_path / "pulse.db").write_bytes(pages[: 4096 * 60] + os.urandom(len(pages) - 4096 * 60))
    storage = open_storage(f"sqlite:///{tmp_path / 'pulse.db'}")
    with pytest.raises(StoreUnavailable, match="damaged"):
        await storage.list_traces("p", TraceFilter(), Page(limit=1000))
    with pytest.raises(StoreUnavailable, match="damaged"):
        await storage.ingest([span(2000)])
    await storage.close()


async def test_torn_log_keeps_every_whole_commit(tmp_path: Path) -> None:
    storage = await _open(tmp_path)
    for number in range(1, 11):
        await storage.ingest([span(number)])
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    whole = (tmp_path / "pulse.db-wal").read_bytes()
    (crashed / "pulse.db").write_bytes((tmp_path / "pulse.db").read_bytes())
    (crashed / "pulse.db-wal").write_bytes(whole[: len(whole) - 5000])
    await storage.close()
    again = await _open(crashed)
    assert [row.otel_span_id[-1] for row in await everything(again, "p")] == list(range(9, 0, -1))
    assert await again.ingest([span(number) for number in range(1, 11)]) == IngestResult(
        stored=1, duplicates=9
    )
    await again.close()


async def test_two_stores_on_one_file_take_turns(tmp_path: Path) -> None:
    one, two = await _open(tmp_path), await _open(tmp_path)
    numbers = range(1, 101)
    results = await asyncio.gather(
        *(storage.ingest([span(number, trace=number % 7)]) for number in numbers for storage in (one, two))
    )
    assert sum(result.stored for result in results) == 100
    assert sum(result.duplicates for result in results) == 100
    query = AnalyticsQuery(from_ns=0, before_ns=2 * NOON_NS)
    assert (await one.analytics("p", query)).total.calls == 100
    assert await everything(one, "p") == await everything(two, "p")
    await one.close()
    await two.close()


async def test_kept_error_of_a_taken_name_does_not_prevent_writes(tmp_path: Path) -> None:
    one, two = await _open(tmp_path), await _open(tmp_path)
    with pytest.raises(NameTaken) as kept:
        await one.create_project(Project("other", "project p", 1), project("other")[1])
    await two.create_project(*project("q"))
    assert (await one.ingest([span(1)])).stored == 1
    assert kept.traceback
    await one.close()
    await two.close()


def _fail_with_open_cursor(connection: ApswConnection) -> None:
    cursor = connection.execute("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT key FROM projects")
    cursor.fetchone()
    raise KeyError(cursor)


def test_failed_transaction_closes_the_cursors_of_its_statements(tmp_path: Path) -> None:
    one, two = (_database(tmp_path) for _ in range(2))
    with pytest.raises(KeyError) as kept:
        one.transact(_fail_with_open_cursor)
    two.transact(_add_project)
    one.transact(_add_project)
    assert kept.traceback
    one.close()
    two.close()


def test_connection_with_an_old_snapshot_is_replaced(tmp_path: Path) -> None:
    one, two = (_database(tmp_path) for _ in range(2))
    cursors: list[object] = []

    def leave_cursor(connection: ApswConnection) -> None:
        cursor = cast("ApswConnection", apsw.Connection.cursor(cast("apsw.Connection", connection)))
        cursors.append(cursor.execute("SELECT key FROM projects UNION ALL SELECT 1 UNION ALL SELECT 2"))

    one.transact(leave_cursor)
    two.transact(_add_project)
    with pytest.raises(apsw.BusyError) as failed:
        one.transact(_add_project)
    assert isinstance(one.failure(failed.value), StoreUnavailable)
    one.transact(_add_project)
    one.close()
    two.close()


def _database(folder: Path) -> database.SqliteDatabase:
    path = folder / "pulse.db"
    writer = open_writer(path)
    schema.apply_to(writer, path)
    return database.SqliteDatabase(writer, path)


def _add_project(connection: ApswConnection) -> None:
    connection.execute(
        "INSERT INTO projects (id, name, created_ns) SELECT count(*), count(*), 1 FROM projects"
    )


async def test_failed_read_does_not_keep_its_snapshot(tmp_path: Path) -> None:
    storage = await _open(tmp_path)
    readers = SqliteReaders(tmp_path / "pulse.db", threads=1)
    with pytest.raises(KeyError) as kept:
        await readers.run(_fail_with_open_cursor)
    await storage.create_project(*project("q"))
    assert await readers.run(lambda connection: connection.execute("SELECT count(*) FROM projects").get) == 2
    assert kept.traceback
    readers.close()
    await storage.close()


async def test_wal_is_checkpointed_and_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAL_BYTES", 1 << 18)
    storage = await _open(tmp_path)
    for number in range(1, 200):
        await storage.ingest([span(number, metadata=os.urandom(4000).hex())])
    # Two hundred commits write ten times as much, and the schema alone more than a mebibyte.
    assert (tmp_path / "pulse.db-wal").stat().st_size < 2 << 20
    await storage.close()


async def test_slow_reads_neither_hold_up_keys_nor_the_end(tmp_path: Path) -> None:
    storage = await _open(tmp_path)
    # Thousands of long texts without the word: each of these lists takes a while.
    await storage.ingest([span(number, input_preview="lorem ipsum " * 800) for number in range(1, 4_001)])
    slow = [
        asyncio.create_task(storage.list_traces("p", TraceFilter(text="dolor é"), Page())) for _ in range(20)
    ]
    [key] = await storage.list_keys("p")
    assert await storage.key_by_digest(key.digest) == key
    assert not all(task.done() for task in slow)
    await storage.close()
    results = await asyncio.gather(*slow, return_exceptions=True)
    cut_short = [result for result in results if isinstance(result, StoreUnavailable)]
    assert cut_short
    assert {str(result) for result in cut_short} == {"the store is closed"}


async def test_views_show_traces_by_the_names_of_their_columns(tmp_path: Path) -> None:
    storage = await _open(tmp_path)
    id = UUID("6f3c8a52-7d0e-4a0f-9a31-0c2f4c1a9d11")
    failed = {"status": "error", "error_type": "RateLimitError", "error_message": "slow down"}
    await storage.ingest(
        [
            span(1, start_ns=NOON_NS + 1_234_567, session_id="s"),
            step(2, trace=1),
            batch_span(id, start_ns=-1_500, session_id="s")._replace(**failed),
        ]
    )
    visible = [str(row.trace_id) for row in await everything(storage, "p") if row.counted]
    await storage.close()
    connection = sqlite3.connect(tmp_path / "pulse.db")
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute("SELECT * FROM traces ORDER BY timestamp DESC")]
    sessions = [
        tuple(row) for row in connection.execute("SELECT id, first_seen_ns, spans, calls FROM sessions")
    ]
    connection.close()
    assert [row["trace_id"] for row in rows] == visible
    assert visible[1] == str(id)
    assert [row["timestamp"] for row in rows] == [
        "2025-06-15T12:00:00.001234Z",
        "1969-12-31T23:59:59.999998Z",
    ]
    assert [row["error"] for row in rows] == [None, '{"type":"RateLimitError","message":"slow down"}']
    assert [row["cost_cents"] for row in rows] == [0.1, 0.1]
    # The step inherits the session of its trace.
    assert sessions == [("s", -1_500, 3, 2)]


async def test_trace_of_thousands_of_spans_is_handled_in_part(tmp_path: Path) -> None:
    storage = await _open(tmp_path)
    await storage.ingest([step(1, trace=1, session_id="s")])
    for first in range(2, 6_002, 1_000):
        assert (
            await storage.ingest([_call(number) for number in range(first, first + 1_000)])
        ).stored == 1_000
    # Known spans are known, new ones find their ancestors, and calls recorded twice still count once.
    late = [_call(7_000), _call(7_001)._replace(parent_span_id=_call(7_000).otel_span_id, scope="framework")]
    late = [row._replace(provider_request_id="r") for row in late]
    assert await storage.ingest([*late, _call(5), _call(6_001)]) == IngestResult(stored=2, duplicates=2)
    where = TraceFilter(session_id="s", from_ns=late[0].start_ns)
    assert len((await storage.list_traces("p", where, Page())).rows) == 1
    query = AnalyticsQuery(from_ns=0, before_ns=2 * NOON_NS)
    assert (await storage.analytics("p", query)).total.calls == 6_001
    await storage.close()


def _call(number: int) -> SpanRow:
    return span(number, trace=1, parent=1)


async def test_a_read_that_takes_too_long_is_cut_short(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path / 'pulse.db'}")
    readers = SqliteReaders(tmp_path / "pulse.db", threads=1, max_read_s=0)
    counting = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(QueryTooSlow):
        await readers.run(lambda connection: connection.execute(counting).get)
    assert await readers.run(lambda connection: connection.execute("SELECT 1").get) == 1
    readers.close()
    await storage.close()


async def test_response_ids_with_nul_are_stored(tmp_path: Path) -> None:
    storage = await _open(tmp_path)
    ids = {1: "a\0", 2: "b\0", 3: "c"}
    rows = [
        span(number, provider_request_id=id, scope=f"scope {number}", start_ns=NOON_NS)
        for number, id in ids.items()
    ]
    assert (await storage.ingest(rows)).stored == 3
    await storage.close()


async def test_unknown_sign_in_tokens_and_sessions_do_not_reach_the_writer(tmp_path: Path) -> None:
    storage = await _open(tmp_path)
    other = open_writer(tmp_path / "pulse.db")
    other.execute("BEGIN IMMEDIATE")  # the writer would wait for this transaction, and fail
    assert await storage.use_sign_in_token(b"unknown", NOON_NS) is None
    assert not await storage.delete_web_session(b"unknown")
    other.close()
    await storage.close()
