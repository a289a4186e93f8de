"""Measures lists of OTel traces, and one large trace as columns: time and bytes.

    python -m benchmarks.trees [--quick] [--rows 1000000] [--spans 50000] [--folder DIR] [--postgres URL]

A store is filled with `storage_rows.month_of_rows` (traces of 20 spans) and, on top, one large trace; reads
are of the largest project. Times are those of the store and the service, without HTTP: the median and the
95th percentile, and the least CPU time of this process. With --folder, a store that exists is read, not
filled.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table
from tests.support.rows import project

from benchmarks.quick import add_quick_option
from benchmarks.storage_engines import Engine, Postgres, Sqlite
from benchmarks.storage_rows import PROJECT, PROJECTS, month_of_rows
from benchmarks.tree_rows import LARGE_TRACE, large_trace
from pulse_query_api.services.trees import encoded_tree
from pulse_storage import SpanRow, Store, open_storage
from pulse_storage.queries.filters import ALL_OPERATIONS, Page, TraceFilter

_CALL_ROWS = 500
_CALLS_IN_FLIGHT = 8
_EVERYTHING = TraceFilter(operation=ALL_OPERATIONS, counted=None)

#: Starts a read and returns the bytes of its answer; None for objects.
_Read = Callable[[], Awaitable[int | None]]


def main() -> None:
    """Fill stores, read from them, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--spans", type=int, default=50_000, help="spans of the large trace")
    parser.add_argument("--repeat", type=int, default=20, help="number of repetitions of each read")
    parser.add_argument("--folder", type=Path, help="keep the SQLite store here")
    parser.add_argument("--postgres", metavar="URL", help="a PostgreSQL server to measure in addition")
    add_quick_option(parser, rows=2_000, spans=200, repeat=1)
    options = parser.parse_args()
    sys.setswitchinterval(0.001)  # as the server does
    table = Table("engine", "read", "p50 ms", "p95 ms", "CPU ms", "bytes")
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        engines: list[Engine] = [Sqlite(folder)]
        if options.postgres:
            engines.append(Postgres(options.postgres, f"pulse_benchmark_trees_{options.rows}"))
        for engine in engines:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the server does
                runner.run(_measure(engine, options, table))
    Console(width=120).print(table)


async def _measure(engine: Engine, options: argparse.Namespace, table: Table) -> None:
    storage = open_storage(engine.url, max_queue_mib=512)
    if not engine.is_filled:
        rows = month_of_rows(options.rows - options.spans, bodies=False, trace_spans=20)
        await _fill(storage, chain(rows, large_trace(options.spans)))
    for name, read in (await _reads(storage)).items():
        took_ms: list[float] = []
        cpu_ms: list[float] = []
        size: int | None = None
        for _ in range(options.repeat):
            started_s, started_cpu_s = time.perf_counter(), time.process_time()
            size = await read()
            took_ms.append((time.perf_counter() - started_s) * 1000)
            cpu_ms.append((time.process_time() - started_cpu_s) * 1000)
        percentiles = statistics.quantiles([*took_ms, took_ms[-1]], n=20, method="inclusive")
        figures = [f"{figure:.1f}" for figure in (percentiles[9], percentiles[18], min(cpu_ms))]
        table.add_row(type(engine).__name__, name, *figures, "" if size is None else f"{size:,}")
    await storage.close()


async def _fill(storage: Store, rows: Iterable[SpanRow]) -> None:
    for number in range(PROJECTS):
        await storage.create_project(*project(f"p{number}"))
    left = iter(rows)
    while chunk := list(islice(left, _CALL_ROWS * _CALLS_IN_FLIGHT)):
        calls = [chunk[start : start + _CALL_ROWS] for start in range(0, len(chunk), _CALL_ROWS)]
        await asyncio.gather(*(storage.ingest(call) for call in calls))


async def _reads(storage: Store) -> dict[str, _Read]:
    """Return the reads by name."""
    first = await storage.list_trees(PROJECT, _EVERYTHING, Page(limit=10))
    far = first
    for _ in range(20):
        if far.next_cursor is not None:
            far = await storage.list_trees(PROJECT, _EVERYTHING, Page(limit=100, cursor=far.next_cursor))
    small = first.trees[-1].otel_trace_id

    def listed(where: TraceFilter, cursor: str | None = None) -> _Read:
        async def read() -> None:
            await storage.list_trees(PROJECT, where, Page(cursor=cursor))

        return read

    def encoded(trace_id: bytes, accept_encoding: str) -> _Read:
        async def read() -> int | None:
            tree = await encoded_tree(
                storage, PROJECT, trace_id, None, if_none_match=None, accept_encoding=accept_encoding
            )
            return None if tree is None or tree.body is None else len(tree.body)

        return read

    return {
        "list 50, large trace on top": listed(_EVERYTHING),
        "list 50, second page": listed(_EVERYTHING, first.next_cursor),
        "list 50, 2,000 traces further": listed(_EVERYTHING, far.next_cursor),
        "list 50, failed spans": listed(replace(_EVERYTHING, status="error")),
        "list 50, user": listed(replace(_EVERYTHING, user_id="u7")),
        "list 50, rare model": listed(replace(_EVERYTHING, model="rare-1")),
        "small trace, zstd": encoded(small, "zstd"),
        "large trace, zstd": encoded(LARGE_TRACE, "zstd"),
        "large trace, gzip": encoded(LARGE_TRACE, "gzip"),
        "large trace, not compressed": encoded(LARGE_TRACE, ""),
    }


if __name__ == "__main__":
    main()
