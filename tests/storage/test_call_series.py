"""A call with many rows is stored in several commits, between those of other calls, or fails."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from tests.storage.sql_backends import SqlBackend
from tests.support.rows import other, project, span

from pulse_storage import IngestResult, StoreBusy
from pulse_storage.errors import StorageError, StoreUnavailable
from pulse_storage.rows import SpanRow
from pulse_storage.runtime.call_series import CallSeries
from pulse_storage.runtime.writer import Writer, WriteRequest


class RecordingDatabase:
    """A commit target that records its commits, and waits before each."""

    def __init__(self) -> None:
        self.commits: list[list[bytes]] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.fails_at = -1

    def store(self, calls: Sequence[WriteRequest]) -> list[IngestResult]:
        self.begun.release()
        assert self.go.acquire(timeout=10)
        if len(self.commits) == self.fails_at:
            raise OSError("no space left")
        self.commits.append([row.otel_span_id for call in calls for row in call.rows])
        return [IngestResult(stored=len(call.rows), rejected=((1, "bad"),)) for call in calls]

    def tidy(self) -> None:
        pass

    def failure(self, error: Exception) -> StorageError:
        return StoreUnavailable(str(error))


def _ids(rows: Sequence[SpanRow]) -> set[bytes]:
    return {row.otel_span_id for row in rows}


def _submitted(
    database: RecordingDatabase, rows: Sequence[SpanRow], **options: float
) -> tuple[Writer, Future[IngestResult]]:
    writer = Writer(database, max_queue_bytes=64 << 20)
    future = writer.submit(rows, keep_all=False, **options)
    assert database.begun.acquire(timeout=10)
    return writer, future


def test_other_calls_are_committed_between_batches() -> None:
    database = RecordingDatabase()
    rows = [span(number) for number in range(1, 10_001)]
    writer, future = _submitted(database, rows)
    others = writer.submit([span(20_000)], keep_all=False)
    assert writer.depth()[0] == 4_001
    database.go.release()
    assert database.begun.acquire(timeout=10)
    database.go.release()
    assert others.result(10).stored == 1
    assert not future.done()
    database.go.release()
    database.go.release()
    result = future.result(10)
    assert result.stored == len(rows)
    assert [rows[index].otel_span_id for index, _ in result.rejected] == [
        commit[1] for commit in database.commits if len(commit) > 1
    ]
    assert set().union(*database.commits) == _ids(rows) | _ids([span(20_000)])
    assert writer.depth() == (0, 0)
    writer.close()


def test_failing_batch_fails_the_call() -> None:
    database = RecordingDatabase()
    database.fails_at = 1
    writer, future = _submitted(database, [span(number) for number in range(1, 10_001)])
    database.go.release()
    database.go.release()
    with pytest.raises(StoreUnavailable, match="no space left"):
        future.result(10)
    assert writer.depth() == (0, 0)
    writer.close()
    assert len(database.commits) == 1


def test_batches_after_the_deadline_are_not_stored() -> None:
    database = RecordingDatabase()
    writer, future = _submitted(database, [span(number) for number in range(1, 10_001)], within_s=0.0)
    database.go.release()
    with pytest.raises(StoreBusy):
        future.result(10)
    writer.close()
    assert len(database.commits) == 1


def test_closing_writer_stores_all_batches() -> None:
    database = RecordingDatabase()
    rows = [span(number) for number in range(1, 10_001)]
    writer, future = _submitted(database, rows)
    for _ in range(3):
        database.go.release()
    writer.close()
    assert future.result(0).stored == len(rows)


def test_batches_are_bounded_in_bytes() -> None:
    rows = [span(number, metadata="x" * size) for number, size in enumerate((1, 90, 1, 50, 60, 1, 1, 1), 1)]
    series = CallSeries(rows, 4, lambda some: sum(len(row.metadata or "") for row in some) <= 100)
    pieces: list[list[SpanRow]] = []
    more = True
    while more:
        pieces.append(series.next_rows())
        more = series.add(IngestResult(stored=len(pieces[-1])))
    assert [row for piece in pieces for row in piece] == rows
    assert all(sum(len(row.metadata or "") for row in piece) <= 100 for piece in pieces)
    assert series.result().stored == len(rows)


@pytest.mark.anyio
async def test_spans_of_gen_ai_traces_are_stored_in_any_batch(backend: SqlBackend, tmp_path: Path) -> None:
    storage = backend.open(tmp_path)
    await storage.create_project(*project("p"))
    rows = [other(number, trace=number % 50 + 1) for number in range(1, 5_001)]
    rows += [span(10_000 + trace, trace=trace) for trace in range(1, 26)]
    result = await storage.ingest(rows)
    assert result == IngestResult(stored=2_525, left_out=2_500)
    # Sent again, nothing new is stored.
    assert await storage.ingest(rows) == IngestResult(duplicates=2_525, left_out=2_500)
    await storage.close()
    backend.check(tmp_path)
