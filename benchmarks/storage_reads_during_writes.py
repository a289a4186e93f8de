"""Measures the latency of a list alone, while the store's writer is never idle, and while a process computes.

Phases of the three kinds alternate and the figures of a kind are combined, so that a slow period of the
machine affects all equally. There are two readers: one in the process of the writer, as in `pulse serve`, and
one in a second process, as in `pulse serve --only query` together with `--only collector`.

The third kind shows the noise of the machine: a process without a store computes half of the time.
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
import sys
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from typing import Literal, Self

import uvloop

from benchmarks.storage_rows import BEFORE_NS, PROJECT, month_of_rows
from pulse_storage import ReadPriority, SpanRow, StorageAdapter, open_storage
from pulse_storage.queries.filters import Page, TraceFilter

_CALL_ROWS = 500
_CALLS_IN_FLIGHT = 8
_ROUNDS = 8
_READS = 200
_PAUSE_S = 0.01
#: The computing process alternately computes and sleeps for this time.
_COMPUTES_S = 0.015
#: More calls than a store ingests during one phase of reads, and the minimum for short phases.
_CALLS_PER_PHASE = 200
_MIN_CALLS_PER_PHASE = 40

_SPAWN = get_context("spawn")
Where = Literal["in the writer's process", "in a second process"]


@dataclass(slots=True)
class ReadsDuringWrites:
    """The figures of one reader: milliseconds of each list, and the rows stored during its busy phases."""

    where: Where
    idle_ms: list[float] = field(default_factory=list[float])
    busy_ms: list[float] = field(default_factory=list[float])
    computing_ms: list[float] = field(default_factory=list[float])
    written: int = 0
    written_s: float = 0.0


async def reads_during_writes(
    storage: StorageAdapter, priority: ReadPriority, url: str, *, bodies: bool, repeat: float
) -> list[ReadsDuringWrites]:
    """Measure lists of the newest fifty rows by both readers. Each run stores new rows.

    `repeat` is a factor of the number of rounds and reads.
    """
    here, apart = ReadsDuringWrites("in the writer's process"), ReadsDuringWrites("in a second process")
    rounds, reads = math.ceil(_ROUNDS * repeat), math.ceil(_READS * repeat)
    calls = max(_MIN_CALLS_PER_PHASE, math.ceil(_CALLS_PER_PHASE * repeat))
    rows = _new_rows(rounds * 2 * calls * _CALL_ROWS, bodies=bodies)
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, _SPAWN, _open_reader, (url,)) as process, _Computing() as computing:
        await loop.run_in_executor(process, _read_apart, reads)
        for _ in range(rounds):
            here.idle_ms += await _read(storage, reads)
            apart.idle_ms += await loop.run_in_executor(process, _read_apart, reads)
            with _Writing(storage, priority, rows, calls, here):
                here.busy_ms += await _read(storage, reads)
            with _Writing(storage, priority, rows, calls, apart):
                apart.busy_ms += await loop.run_in_executor(process, _read_apart, reads)
            with computing():
                here.computing_ms += await _read(storage, reads)
                apart.computing_ms += await loop.run_in_executor(process, _read_apart, reads)
    return [here, apart]


class _Writing:
    """Keeps the writer busy from several threads, as the collector does, and counts the stored rows."""

    def __init__(
        self,
        storage: StorageAdapter,
        priority: ReadPriority,
        rows: Iterator[SpanRow],
        calls: int,
        seen: ReadsDuringWrites,
    ) -> None:
        self._storage = storage
        self._priority = priority
        self._seen = seen
        self._calls = [list(islice(rows, _CALL_ROWS)) for _ in range(calls)]
        self._is_over = threading.Event()
        self._stored: list[int] = []
        self._threads = [threading.Thread(target=self._write) for _ in range(_CALLS_IN_FLIGHT)]
        gc.collect()
        gc.freeze()  # as the server does after it has started

    def __enter__(self) -> None:
        self._began_s = time.perf_counter()
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._seen.written += sum(self._stored)
        self._seen.written_s += time.perf_counter() - self._began_s
        assert self._calls, "the writer was idle; increase _CALLS_PER_PHASE"
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        while self._calls and not self._is_over.is_set():
            self._priority.yield_to_readers()
            self._stored.append(self._storage.submit(self._calls.pop()).result().stored)


class _Computing:
    """A process that computes half of the time inside `with computing():`."""

    def __init__(self) -> None:
        self._is_on = _SPAWN.Event()
        self._process = _SPAWN.Process(target=_compute, args=(self._is_on,), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    @contextmanager
    def __call__(self) -> Generator[None]:
        self._is_on.set()
        yield
        self._is_on.clear()


def _compute(is_on: Event) -> None:
    while is_on.wait():
        until_s = time.perf_counter() + _COMPUTES_S
        while time.perf_counter() < until_s:
            pass
        time.sleep(_COMPUTES_S)


def _new_rows(count: int, *, bodies: bool) -> Iterator[SpanRow]:
    """Yield rows of today, one per millisecond, with trace ids that no other run has."""
    run = int.from_bytes(os.urandom(16))
    for number, row in enumerate(month_of_rows(count, bodies=bodies, trace_spans=3)):
        trace_id = (int.from_bytes(row.otel_trace_id) ^ run).to_bytes(16)
        yield row._replace(otel_trace_id=trace_id, start_ns=BEFORE_NS + number * 1_000_000)


async def _read(storage: StorageAdapter, count: int) -> list[float]:
    took_ms: list[float] = []
    for _ in range(count):
        began_s = time.perf_counter()
        await storage.list_traces(PROJECT, TraceFilter(), Page())
        took_ms.append((time.perf_counter() - began_s) * 1000)
        await asyncio.sleep(_PAUSE_S)
    return took_ms


class _Apart:
    """The state of the reader's process."""

    storage: StorageAdapter
    runner: asyncio.Runner


def _open_reader(url: str) -> None:
    sys.setswitchinterval(0.001)  # as the server does
    _Apart.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    _Apart.storage = open_storage(url)
    gc.collect()
    gc.freeze()


def _read_apart(count: int) -> list[float]:
    return _Apart.runner.run(_read(_Apart.storage, count))
