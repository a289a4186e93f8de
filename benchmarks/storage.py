"""Measures a store: CPU, bytes and time per row, latency of common reads, and growth of each with the rows.

    python -m benchmarks.storage [--quick] [--rows 100000,1000000] [--bodies] [--trace-spans 3] [--folder DIR]
                                 [--postgres URL]

For each number of rows, a store is filled and read. The rows are spread over ten projects and thirty days, in
time order, in calls of 500 rows with several calls in flight; reads are of the largest project. The figures
exclude making and packing rows, which the collector does. "gave up" marks a read that exceeded the store's
deadline. The last table comes from benchmarks/storage_reads_during_writes.py, which adds rows to the store.
--postgres also measures databases on that server; their CPU is that of this process and of all PostgreSQL
processes on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table
from tests.support.rows import project

from benchmarks.quick import add_quick_option
from benchmarks.storage_engines import Engine, Postgres, Sqlite
from benchmarks.storage_reads import reads
from benchmarks.storage_reads_during_writes import ReadsDuringWrites, reads_during_writes
from benchmarks.storage_rows import PROJECTS, month_of_rows
from pulse_storage import ReadPriority, SpanRow, Store, open_storage
from pulse_storage.errors import QueryTooSlow

_CALL_ROWS = 500
_CALLS_IN_FLIGHT = 8
_CHUNK_ROWS = _CALL_ROWS * _CALLS_IN_FLIGHT
_WIDE = Console(width=140)
_PROGRESS = Console(stderr=True)


@dataclass(slots=True)
class _Measured:
    """The figures of an engine at one size: milliseconds of each read by name, and the costs of a row."""

    engine: str
    rows: int
    costs: list[str] = field(default_factory=list[str])
    reads_ms: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    during_writes: list[ReadsDuringWrites] = field(default_factory=list[ReadsDuringWrites])


def main() -> None:
    """Fill stores, read from them, and print three tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="20000", help="one number or several, separated by commas")
    parser.add_argument("--bodies", action="store_true", help="of 1.5, 8 and 50 KB")
    parser.add_argument("--trace-spans", type=int, default=3, help="spans a trace")
    parser.add_argument(
        "--folder", type=Path, help="keep the stores here; a store that exists is read, not filled"
    )
    parser.add_argument("--postgres", metavar="URL", help="a PostgreSQL server to measure in addition")
    parser.add_argument(
        "--repeat", type=float, default=1, help="factor of the number of repetitions of reads"
    )
    add_quick_option(parser, rows="2000", repeat=0.01)
    options = parser.parse_args()
    sys.setswitchinterval(0.001)  # as the server does
    sizes = [int(size) for size in options.rows.replace("_", "").split(",")]
    measured: list[_Measured] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            folder = (options.folder or Path(temporary)) / str(size)
            folder.mkdir(parents=True, exist_ok=True)
            engines: list[Engine] = [Sqlite(folder)]
            if options.postgres:
                name = f"pulse_benchmark_{size}{'_bodies' * options.bodies}"
                engines.append(Postgres(options.postgres, name))
            for engine in engines:
                rows = month_of_rows(size, bodies=options.bodies, trace_spans=options.trace_spans)
                measuring = _measure(engine, size, None if engine.is_filled else rows, options)
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the server does
                    measured.append(runner.run(measuring))
    _print_costs(measured)
    _print_reads(measured)
    _print_during_writes(measured)


async def _measure(
    engine: Engine, count: int, rows: Iterator[SpanRow] | None, options: argparse.Namespace
) -> _Measured:
    priority = ReadPriority()
    storage = open_storage(engine.url, max_queue_mib=512, priority=priority)
    seen = _Measured(type(engine).__name__, count)
    if rows is not None:
        for number in range(PROJECTS):
            await storage.create_project(*project(f"p{number}"))
        await _fill(storage, engine, count, rows, seen)
    for read in await reads(storage):
        took_ms = seen.reads_ms[read.name] = []
        for index in range(math.ceil(read.times * options.repeat)):
            took_ms.append(await _took_ms(read.start(index)))
            if took_ms[-1] == math.inf:
                break
    _PROGRESS.print(f"{seen.engine}: reads during writes")
    seen.during_writes = await reads_during_writes(
        storage, priority, engine.url, bodies=options.bodies, repeat=options.repeat
    )
    await storage.close()
    return seen


async def _fill(storage: Store, engine: Engine, count: int, rows: Iterator[SpanRow], seen: _Measured) -> None:
    wall_s = cpu_s = 0.0
    stored = 0
    commits_ms: list[float] = []
    written_bytes = engine.usage().written_bytes
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        calls = [chunk[start : start + _CALL_ROWS] for start in range(0, len(chunk), _CALL_ROWS)]
        started_cpu_s, started_s = engine.usage().cpu_s, time.perf_counter()
        results = await asyncio.gather(*(storage.ingest(call) for call in calls))
        took_s = time.perf_counter() - started_s
        wall_s += took_s
        cpu_s += engine.usage().cpu_s - started_cpu_s
        commits_ms.append(took_s * 1000)
        stored += sum(result.stored for result in results)
    assert stored == count
    _PROGRESS.print(f"{seen.engine}: {count:,} rows in {wall_s:,.0f} s")
    usage = engine.usage()
    seen.costs += [
        f"{count / wall_s:,.0f}",
        f"{cpu_s / count * 1e6:.1f}",
        f"{(usage.written_bytes - written_bytes) / count:,.0f}",
        f"{usage.disk_bytes / count:,.0f}",
        f"{_percentile(commits_ms, 0.5):.1f} / {_percentile(commits_ms, 0.99):.1f}",
    ]


async def _took_ms(answer: Awaitable[object]) -> float:
    """Return the milliseconds until the answer, or infinity if the read exceeded its deadline."""
    started_s = time.perf_counter()
    try:
        await answer
    except QueryTooSlow:
        return math.inf
    return (time.perf_counter() - started_s) * 1000


def _print_costs(measured: Sequence[_Measured]) -> None:
    table = Table(
        "store", "rows", "rows/s", "CPU µs/row", "written B/row", "disk B/row", "8 calls of 500: p50 / p99 ms"
    )
    for seen in measured:
        table.add_row(seen.engine, f"{seen.rows:,}", *seen.costs)
    _WIDE.print(table)


def _print_reads(measured: Sequence[_Measured]) -> None:
    """Print p50 and p99 of each engine and size, and the ratio of the medians at the last and first size."""
    engines = list(dict.fromkeys(seen.engine for seen in measured))
    table = Table("read, p50 / p99 ms")
    for engine in engines:
        for seen in measured:
            if seen.engine == engine:
                table.add_column(f"{engine} {seen.rows:,}")
        table.add_column("growth")
    for name in measured[0].reads_ms:
        cells: list[str] = []
        for engine in engines:
            took_ms = [seen.reads_ms[name] for seen in measured if seen.engine == engine]
            cells += [_format_ms(ms) for ms in took_ms]
            growth = _percentile(took_ms[-1], 0.5) / _percentile(took_ms[0], 0.5)
            cells.append(f"{growth:.1f}" if math.isfinite(growth) else "–")
        table.add_row(name, *cells)
    _WIDE.print(table)


def _print_during_writes(measured: Sequence[_Measured]) -> None:
    """Print the latency of a list alone, during writes and during computing; and the ratios of its p99."""
    table = Table(
        "store",
        "rows",
        "reader",
        "newest 50 alone, p50 / p99 ms",
        "during writes",
        "p99",
        "rows/s",
        "during computing in another process",
        "p99",
    )
    for seen in measured:
        for each in seen.during_writes:
            alone_ms = _percentile(each.idle_ms, 0.99)
            table.add_row(
                seen.engine,
                f"{seen.rows:,}",
                each.where,
                _format_ms(each.idle_ms),
                _format_ms(each.busy_ms),
                f"× {_percentile(each.busy_ms, 0.99) / alone_ms:.1f}",
                f"{each.written / each.written_s:,.0f}",
                _format_ms(each.computing_ms),
                f"× {_percentile(each.computing_ms, 0.99) / alone_ms:.1f}",
            )
    _WIDE.print(table)


def _format_ms(took_ms: Sequence[float]) -> str:
    if took_ms[-1] == math.inf:
        return "gave up"
    return f"{_percentile(took_ms, 0.5):.2f} / {_percentile(took_ms, 0.99):.2f}"


def _percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


if __name__ == "__main__":
    main()
