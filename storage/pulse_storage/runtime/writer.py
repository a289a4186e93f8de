"""The one thread that writes to an embedded store: whatever waits for it shares one commit."""

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
#: One commit takes at most so many rows and bytes, so that nobody waits long for a neighbour's load.
_MAX_COMMIT_ROWS = 4_000
_MAX_COMMIT_BYTES = 16 * _MIB
#: What a row takes in memory in addition to its texts and bodies.
ROW_BYTES = 1_200
_texts = attrgetter("name", "metadata", "error_message", "output_text", "request_body", "response_body")


class CommitTarget(Protocol):
    """What the thread writes to. Only that thread calls it, one method at a time."""

    def store(self, calls: Sequence[Call]) -> list[IngestResult]:
        """Commit the rows of all calls in one transaction; one result for each."""
        ...

    def tidy(self) -> None:
        """Housekeeping after a commit, when nobody waits for it."""
        ...

    def failure(self, error: Exception) -> StorageError:
        """What to tell those who wait. Called after every error, with nothing left half-written."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """Rows for one commit: all that came together, or a piece of them; and the future of all."""

    rows: Sequence[SpanRow]
    keep_all: bool
    size_bytes: int
    future: Future[IngestResult] = field(default_factory=Future[IngestResult])
    #: The series of which they are a piece, and the `time.monotonic` after which no caller waits for it.
    series: CallSeries | None = None
    until_s: float = math.inf


@dataclass(frozen=True, slots=True)
class _Task:
    """Anything else that writes: it has a transaction of its own."""

    run: Callable[[], object]
    future: Future[object] = field(default_factory=Future[object])


class Writer:
    """A queue bounded in bytes and the thread that empties it. Safe from any thread."""

    def __init__(self, database: CommitTarget, *, max_queue_bytes: int) -> None:
        self._database = database
        self._max_queue_bytes = max_queue_bytes
        self._changed = threading.Condition()
        self._waiting: deque[Call | _Task] = deque()
        self._rows = 0
        self._bytes = 0
        self._closing = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="pulse-writer", daemon=True)
        self._thread.start()

    def submit(
        self, rows: Sequence[SpanRow], *, keep_all: bool, within_s: float = math.inf
    ) -> Future[IngestResult]:
        """Queue rows. The future fails with StoreBusy at once if they do not fit.

        More rows than one commit takes are stored in several, between those of others; only the piece that
        waits is counted. Pieces that are left after `within_s` are not stored, and the future fails. A piece
        that is larger than the whole queue is taken when nothing else waits.
        """
        call = self._call(rows, keep_all, time.monotonic() + within_s)
        # From here on nobody can cancel the wait: the rows will be stored.
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

    def _enqueue(self, call: Call) -> None:
        self._rows += len(call.rows)
        self._bytes += call.size_bytes
        self._waiting.append(call)
        self._changed.notify()

    def _call(self, rows: Sequence[SpanRow], keep_all: bool, until_s: float) -> Call:
        size_bytes = _size_bytes(rows)
        if len(rows) <= _MAX_COMMIT_ROWS and (size_bytes <= _MAX_COMMIT_BYTES or len(rows) == 1):
            return Call(rows, keep_all, size_bytes)
        series = CallSeries(rows, _MAX_COMMIT_ROWS, lambda some: _size_bytes(some) <= _MAX_COMMIT_BYTES)
        first = series.next_rows()
        return Call(first, keep_all, _size_bytes(first), series=series, until_s=until_s)

    def run(self, run: Callable[[], _Result]) -> Future[_Result]:
        """Queue something else that writes, behind what waits."""
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
        """Rows and bytes that are not committed yet."""
        with self._changed:
            return self._rows, self._bytes

    def close(self) -> None:
        """Take nothing more, commit what waits, end the thread. Blocks; repeating it is harmless."""
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

    def _next(self) -> _Task | list[Call] | None:
        """One task, or calls that fit into one commit; None when closed and done."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            if not self._waiting:
                return None
            first = self._waiting.popleft()
            if isinstance(first, _Task):
                return first
            calls, rows, size_bytes = [first], len(first.rows), first.size_bytes
            while self._waiting and isinstance(following := self._waiting[0], Call):
                rows += len(following.rows)
                size_bytes += following.size_bytes
                if rows > _MAX_COMMIT_ROWS or size_bytes > _MAX_COMMIT_BYTES:
                    break
                self._waiting.popleft()
                calls.append(following)
            return calls

    def _store(self, calls: list[Call]) -> None:
        try:
            results = self._database.store(calls)
        except Exception as error:
            self._release(calls)
            failure = self._failure(error)
            for call in calls:
                # One exception each: those who wait add their own tracebacks to it.
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
                self._go_on(call, call.series, result)

    def _go_on(self, call: Call, series: CallSeries, result: IngestResult) -> None:
        """Queue the next piece behind what waits: others shall not wait for all of them."""
        if not series.add(result):
            call.future.set_result(series.result())
            return
        if time.monotonic() > call.until_s:
            # The client sends all of them again, which would only take longer behind the rest of these.
            call.future.set_exception(StoreBusy("so many rows take too long now; send again in a second"))
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
            # Once, not for every batch that is sent again until it heals.
            _log.error("the store takes no rows: %s", failure, exc_info=error)
            self._failing = True
        return failure

    def _release(self, calls: Sequence[Call]) -> None:
        with self._changed:
            self._rows -= sum(len(call.rows) for call in calls)
            self._bytes -= sum(call.size_bytes for call in calls)


def _closed() -> StoreUnavailable:
    return StoreUnavailable("the store is closed")


def _size_bytes(rows: Sequence[SpanRow]) -> int:
    """What rows take in memory, about; without steps of the interpreter for each, since somebody waits."""
    texts = filter(None, chain.from_iterable(map(_texts, rows)))
    return len(rows) * ROW_BYTES + sum(map(len, texts))
