"""How long a list takes while the store's writer is never idle, beside what it takes with nothing else to do.

All kinds of stretches take turns, and what was measured in all of a kind is put together: a machine that is
slow for a while is so for each. There are two readers: one in the process of the writer, as in `pulse serve`
by itself, and one in a process of its own, as in `pulse serve --only query` beside `--only collector`.

The third kind tells what the machine does: a process that knows of no store computes half of the time.
"""

from __future__ import annotations

import asyncio
import gc
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
from pulse_storage import SpanRow, StorageAdapter, open_storage
from pulse_storage.filters import Page, TraceFilter

_CALL_ROWS = 500
_CALLS_IN_FLIGHT = 8
_ROUNDS = 8
_READS = 200
_PAUSE_S = 0.01
#: Of a process that only computes: so long, then it rests as long.
_COMPUTES_S = 0.015
#: More than a store takes during so many reads.
_CALLS_A_STRETCH = 200

_SPAWN = get_context("spawn")
Where = Literal["in the writer's process", "in its own process"]


@dataclass(slots=True)
class BesideWriter:
    """What one reader saw: milliseconds of each of its lists, and the rows that were stored beside them."""

    where: Where
    idle_ms: list[float] = field(default_factory=list[float])
    busy_ms: list[float] = field(default_factory=list[float])
    computing_ms: list[float] = field(default_factory=list[float])
    written: int = 0
    written_s: float = 0.0


async def reads_beside_writer(storage: StorageAdapter, url: str, *, bodies: bool) -> list[BesideWriter]:
    """Both readers' lists of the newest fifty rows. Stores rows that are new in each run."""
    here, apart = BesideWriter("in the writer's process"), BesideWriter("in its own process")
    rows = _new_rows(bodies=bodies)
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, _SPAWN, _open_reader, (url,)) as process, _Computing() as computing:
        await loop.run_in_executor(process, _read_apart)
        for _ in range(_ROUNDS):
            here.idle_ms += await _read(storage)
            apart.idle_ms += await loop.run_in_executor(process, _read_apart)
            with _Writing(storage, rows, here):
                here.busy_ms += await _read(storage)
            with _Writing(storage, rows, apart):
                apart.busy_ms += await loop.run_in_executor(process, _read_apart)
            with computing():
                here.computing_ms += await _read(storage)
                apart.computing_ms += await loop.run_in_executor(process, _read_apart)
    return [here, apart]


class _Writing:
    """Keeps the writer busy, from threads as the collector does; notes beside which rows a reader read."""

    def __init__(self, storage: StorageAdapter, rows: Iterator[SpanRow], seen: BesideWriter) -> None:
        self._storage = storage
        self._seen = seen
        self._calls = [list(islice(rows, _CALL_ROWS)) for _ in range(_CALLS_A_STRETCH)]
        self._is_over = threading.Event()
        self._stored: list[int] = []
        self._threads = [threading.Thread(target=self._write) for _ in range(_CALLS_IN_FLIGHT)]
        gc.collect()
        gc.freeze()  # as the server does with what it has loaded

    def __enter__(self) -> None:
        self._began_s = time.perf_counter()
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._seen.written += sum(self._stored)
        self._seen.written_s += time.perf_counter() - self._began_s
        assert self._calls, "the writer had nothing left to do; give it more"
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        while self._calls and not self._is_over.is_set():
            self._storage.give_way()
            self._stored.append(self._storage.submit(self._calls.pop()).result().stored)


class _Computing:
    """A process that computes half of the time while it is told to."""

    def __init__(self) -> None:
        self._may_go = _SPAWN.Event()
        self._process = _SPAWN.Process(target=_compute, args=(self._may_go,), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    @contextmanager
    def __call__(self) -> Generator[None]:
        self._may_go.set()
        yield
        self._may_go.clear()


def _compute(may_go: Event) -> None:
    while may_go.wait():
        until_s = time.perf_counter() + _COMPUTES_S
        while time.perf_counter() < until_s:
            pass
        time.sleep(_COMPUTES_S)


def _new_rows(*, bodies: bool) -> Iterator[SpanRow]:
    """Rows of today as they would come, one a millisecond; those of another run are other rows."""
    run = int.from_bytes(os.urandom(16))
    count = _ROUNDS * 2 * _CALLS_A_STRETCH * _CALL_ROWS
    for number, row in enumerate(month_of_rows(count, bodies=bodies, trace_spans=3)):
        trace_id = (int.from_bytes(row.otel_trace_id) ^ run).to_bytes(16)
        yield row._replace(otel_trace_id=trace_id, start_ns=BEFORE_NS + number * 1_000_000)


async def _read(storage: StorageAdapter) -> list[float]:
    took_ms: list[float] = []
    for _ in range(_READS):
        began_s = time.perf_counter()
        await storage.list_traces(PROJECT, TraceFilter(), Page())
        took_ms.append((time.perf_counter() - began_s) * 1000)
        await asyncio.sleep(_PAUSE_S)
    return took_ms


class _Apart:
    """What the reader's process keeps between two stretches."""

    storage: StorageAdapter
    runner: asyncio.Runner


def _open_reader(url: str) -> None:
    sys.setswitchinterval(0.001)  # as the server does
    _Apart.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    _Apart.storage = open_storage(url)
    gc.collect()
    gc.freeze()


def _read_apart() -> list[float]:
    return _Apart.runner.run(_read(_Apart.storage))
