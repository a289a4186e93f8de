"""The writer thread of a store: group commit of the rows of all calls that wait."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import attrgetter
from typing import Protocol, TypeVar, cast

from pulse_storage.errors import StorageError, StoreBusy, StoreUnavailable
from pulse_storage.rows import IngestResult, SpanRow
from pulse_storage.runtime.call_series import CallSeries

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

_MIB = 1 << 20
#: Maximum rows and bytes of one commit: a small call does not wait long for a large one.
_MAX_COMMIT_ROWS = 4_000
_MAX_COMMIT_BYTES = 16 * _MIB
#: Memory of a row without its texts and bodies.
ROW_BYTES = 1_200
_texts = attrgetter("name", "metadata", "error_message", "output_text", "request_body", "response_body")


class CommitTarget(Protocol):
    """The database that the writer thread commits to. Only that thread calls it."""

    def store(self, calls: Sequence[WriteRequest]) -> list[IngestResult]:
        """Commit the rows of all calls in one transaction; return one result per call."""
        ...

    def tidy(self) -> None:
        """Do housekeeping after a commit; no caller waits for it."""
        ...

    def failure(self, error: Exception) -> StorageError:
        """Roll back after an error of `store` or of a task; return the exception to raise in the callers."""
        ...


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """The rows of one `submit` call, or one batch of them, and the future of the whole call."""

    rows: Sequence[SpanRow]
    keep_all: bool
    size_bytes: int
    future: Future[IngestResult] = field(default_factory=Future[IngestResult])
    #: The series that the batch belongs to, and the `time.monotonic` after which no caller waits for it.
    series: CallSeries | None = None
    until_s: float = math.inf


@dataclass(frozen=True, slots=True)
class _Task:
    """A function that writes in a transaction of its own."""

    run: Callable[[], object]
    future: Future[object] = field(default_factory=Future[object])


class Writer:
    """The write queue, bounded in bytes, and the thread that commits it. Thread-safe."""

    def __init__(self, database: CommitTarget, *, max_queue_bytes: int) -> None:
        self._database = database
        self._max_queue_bytes = max_queue_bytes
        self._changed = threading.Condition()
        self._waiting: deque[WriteRequest | _Task] = deque()
        self._rows = 0
        self._bytes = 0
        self._closing = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="pulse-writer", daemon=True)
        self._thread.start()

    def submit(
        self, rows: Sequence[SpanRow], *, keep_all: bool, within_s: float = math.inf
    ) -> Future[IngestResult]:
        """Queue rows; the future fails with StoreBusy at once if the queue is full.

        Rows that exceed one commit are stored in several batches, between commits of other calls; only the
        next batch counts towards the size of the queue. Batches that are not committed after `within_s` are
        not stored, and the future fails. A batch larger than the queue is accepted while the queue is empty.
        """
        call = self._request(rows, keep_all, time.monotonic() + within_s)
        # From here on the future cannot be cancelled: the rows will be stored.
        call.future.set_running_or_notify_cancel()
        with self._changed:
            if self._closing:
                call.future.set_exception(_closed())
            elif self._bytes and self._bytes + call.size_bytes > self._max_queue_bytes:
                call.future.set_exception(
                    StoreBusy(
                        f"{self._bytes >> 20} MiB of rows wait for the disk and the queue holds"
                        f" {self._max_queue_bytes >> 20} MiB; send again in a second"
                    )
                )
            else:
                self._enqueue(call)
        return call.future

    def _enqueue(self, call: WriteRequest) -> None:
        self._rows += len(call.rows)
        self._bytes += call.size_bytes
        self._waiting.append(call)
        self._changed.notify()

    def _request(self, rows: Sequence[SpanRow], keep_all: bool, until_s: float) -> WriteRequest:
        size_bytes = _size_bytes(rows)
        if len(rows) <= _MAX_COMMIT_ROWS and (size_bytes <= _MAX_COMMIT_BYTES or len(rows) == 1):
            return WriteRequest(rows, keep_all, size_bytes)
        series = CallSeries(rows, _MAX_COMMIT_ROWS, lambda some: _size_bytes(some) <= _MAX_COMMIT_BYTES)
        first = series.next_rows()
        return WriteRequest(first, keep_all, _size_bytes(first), series=series, until_s=until_s)

    def run(self, run: Callable[[], _Result]) -> Future[_Result]:
        """Queue a function that writes in a transaction of its own; return the future of its result."""
        task = _Task(run)
        task.future.set_running_or_notify_cancel()
        with self._changed:
            if self._closing:
                task.future.set_exception(_closed())
            else:
                self._waiting.append(task)
                self._changed.notify()
        return cast("Future[_Result]", task.future)

    def depth(self) -> tuple[int, int]:
        """Return the rows and bytes in the queue, including those of the commit in progress."""
        with self._changed:
            return self._rows, self._bytes

    def close(self) -> None:
        """Refuse new calls, commit the queue, end the thread. Blocks until then; may be called again."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (work := self._next()) is not None:
            if isinstance(work, _Task):
                self._run_task(work)
            else:
                self._store(work)
            try:
                self._database.tidy()
            except Exception as error:
                _log.warning("housekeeping failed: %s", self._database.failure(error))

    def _next(self) -> _Task | list[WriteRequest] | None:
        """Return the next task, or the calls of the next commit; None if closed and the queue is empty."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            if not self._waiting:
                return None
            first = self._waiting.popleft()
            if isinstance(first, _Task):
                return first
            calls, rows, size_bytes = [first], len(first.rows), first.size_bytes
            while self._waiting and isinstance(following := self._waiting[0], WriteRequest):
                rows += len(following.rows)
                size_bytes += following.size_bytes
                if rows > _MAX_COMMIT_ROWS or size_bytes > _MAX_COMMIT_BYTES:
                    break
                self._waiting.popleft()
                calls.append(following)
            return calls

    def _store(self, calls: list[WriteRequest]) -> None:
        try:
            results = self._database.store(calls)
        except Exception as error:
            self._release(calls)
            failure = self._failure(error)
            for call in calls:
                # One exception per caller: each adds its own traceback.
                call.future.set_exception(type(failure)(str(failure)))
            return
        if self._failing:
            self._failing = False
            _log.info("the store takes rows again")
        self._release(calls)
        for call, result in zip(calls, results, strict=True):
            if call.series is None:
                call.future.set_result(result)
            else:
                self._continue(call, call.series, result)

    def _continue(self, call: WriteRequest, series: CallSeries, result: IngestResult) -> None:
        """Queue the next batch at the end: other calls must not wait for the whole series."""
        if not series.add(result):
            call.future.set_result(series.result())
            return
        if time.monotonic() > call.until_s:
            # The client has given up and sends all rows again, so the other batches are dropped.
            call.future.set_exception(
                StoreBusy("storing this many rows takes too long now; send again in a second")
            )
            return
        rows = series.next_rows()
        with self._changed:
            self._enqueue(replace(call, rows=rows, size_bytes=_size_bytes(rows)))

    def _run_task(self, task: _Task) -> None:
        try:
            result = task.run()
        except KeyError as error:
            task.future.set_exception(error)
        except Exception as error:
            task.future.set_exception(self._database.failure(error))
        else:
            task.future.set_result(result)

    def _failure(self, error: Exception) -> StorageError:
        failure = self._database.failure(error)
        if not self._failing:
            # Logged once, not for every retry until the store works again.
            _log.error("the store takes no rows: %s", failure, exc_info=error)
            self._failing = True
        return failure

    def _release(self, calls: Sequence[WriteRequest]) -> None:
        with self._changed:
            self._rows -= sum(len(call.rows) for call in calls)
            self._bytes -= sum(call.size_bytes for call in calls)


def _closed() -> StoreUnavailable:
    return StoreUnavailable("the store is closed")


def _size_bytes(rows: Sequence[SpanRow]) -> int:
    """Return the approximate memory of rows. Vectorised: runs on the request path."""
    texts = filter(None, chain.from_iterable(map(_texts, rows)))
    return len(rows) * ROW_BYTES + sum(map(len, texts))
