from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import apsw
import pytest
from tests.support.rows import project, span

from pulse_storage import IngestResult, StoreBusy, StoreUnavailable
from pulse_storage.content.bodies import pack
from pulse_storage.runtime.writer import Writer
from pulse_storage.sql.tables.projects import insert_project
from pulse_storage.sqlite import schema
from pulse_storage.sqlite.apsw_connection import ApswConnection
from pulse_storage.sqlite.connection import open_reader, open_writer
from pulse_storage.sqlite.database import SqliteDatabase

_QUEUE_BYTES = 1 << 20
#: Not to be compressed to nothing.
_BODY = pack(b"x" * 100) + bytes(200_000)


@dataclass
class _Store:
    path: Path
    #: The writer's own; touch it only while the writer rests.
    connection: ApswConnection
    writer: Writer

    def lock(self) -> ApswConnection:
        """Another connection that keeps the writer from writing until it is closed."""
        other = open_writer(self.path)
        other.execute("BEGIN IMMEDIATE")
        return other

    def rows(self) -> int:
        reader = open_reader(self.path)
        rows = reader.execute("SELECT count(*) FROM spans").get
        reader.close()
        return cast("int", rows)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[_Store]:
    path = tmp_path / "pulse.db"
    connection = open_writer(path)
    schema.apply_to(connection, path)
    database = SqliteDatabase(connection, path)
    database.transact(lambda connection: insert_project(connection, *project()))
    writer = Writer(database, max_queue_bytes=_QUEUE_BYTES)
    yield _Store(path, connection, writer)
    writer.close()
    database.close()


def test_rows_beyond_the_queue_are_refused_at_once(store: _Store) -> None:
    lock = store.lock()
    futures = [store.writer.submit([span(n, request_body=_BODY)], keep_all=False) for n in range(1, 21)]
    refused = [future for future in futures if future.done()]
    assert 10 < len(refused) < 20
    for future in refused:
        with pytest.raises(StoreBusy, match="send again"):
            future.result()
    rows, size_bytes = store.writer.depth()
    assert rows == 20 - len(refused)
    assert size_bytes <= _QUEUE_BYTES
    lock.close()
    waiting = [future for future in futures if future not in refused]
    assert [future.result(timeout=10).stored for future in waiting] == [1] * len(waiting)
    assert store.writer.depth() == (0, 0)
    assert store.rows() == len(waiting)


def test_call_larger_than_the_queue_is_accepted_by_an_empty_queue(store: _Store) -> None:
    large = [span(number, request_body=_BODY) for number in range(1, 11)]
    assert store.writer.submit(large, keep_all=False).result(timeout=10) == IngestResult(stored=10)


def test_calls_that_wait_together_share_commits(store: _Store) -> None:
    lock = store.lock()
    futures = [store.writer.submit([span(number)], keep_all=False) for number in range(1, 301)]
    # Another connection sees a new version of the data for each commit.
    watcher = open_reader(store.path)
    versions = {watcher.pragma("data_version")}
    lock.close()
    for future in futures:
        assert future.result(timeout=10).stored == 1
        versions.add(watcher.pragma("data_version"))
    watcher.close()
    assert len(versions) <= 4


def test_locked_file_fails_the_calls_until_it_is_unlocked(store: _Store) -> None:
    store.connection.set_busy_timeout(1)
    lock = store.lock()
    with pytest.raises(StoreUnavailable, match="another process"):
        store.writer.submit([span(1)], keep_all=False).result(timeout=10)
    lock.close()
    assert store.writer.submit([span(1)], keep_all=False).result(timeout=10) == IngestResult(stored=1)


def test_full_disk_fails_the_calls_until_space_is_freed(store: _Store) -> None:
    store.writer.submit([span(1)], keep_all=False).result(timeout=10)
    limit = cast("int", store.connection.pragma("page_count"))
    store.connection.pragma("max_page_count", limit + 3)
    with pytest.raises(StoreUnavailable, match="full"):
        store.writer.submit([span(2, request_body=_BODY), span(3)], keep_all=False).result(timeout=10)
    # Nothing of the call is left, reads go on, and smaller rows still fit.
    assert store.rows() == 1
    assert store.writer.submit([span(4)], keep_all=False).result(timeout=10) == IngestResult(stored=1)
    store.connection.pragma("max_page_count", 1 << 30)
    again = store.writer.submit([span(2, request_body=_BODY), span(3)], keep_all=False)
    assert again.result(timeout=10) == IngestResult(stored=2)
    assert store.rows() == 4


def test_callers_of_a_failed_commit_get_separate_exceptions(store: _Store) -> None:
    store.connection.set_busy_timeout(1)
    lock = store.lock()
    futures = [store.writer.submit([span(number)], keep_all=False) for number in range(1, 30)]
    errors = [future.exception(timeout=10) for future in futures]
    lock.close()
    assert all(isinstance(error, StoreUnavailable) for error in errors)
    assert len({id(error) for error in errors}) == len(errors)


def test_task_that_fails_changes_nothing_and_stops_nothing(store: _Store) -> None:
    def fail() -> None:
        raise apsw.SQLError("broken")

    failed: Future[None] = store.writer.run(fail)
    with pytest.raises(StoreUnavailable, match="broken"):
        failed.result(timeout=10)
    assert store.writer.submit([span(1)], keep_all=False).result(timeout=10) == IngestResult(stored=1)


def test_closed_writer_refuses_calls(store: _Store) -> None:
    store.writer.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.writer.submit([span(1)], keep_all=False).result(timeout=0)
    with pytest.raises(StoreUnavailable, match="closed"):
        store.writer.run(lambda: None).result(timeout=0)
