"""What the store costs: CPU, bytes and time a row, and how long the usual reads take.

    python -m benchmarks.storage [--rows 20000] [--bodies] [--trace-spans 3] [--folder DIR]

Rows are spread over ten projects, a million of them over thirty days, and arrive in order of time, in calls
of 500 with several in flight; reads are of the largest project. Building and packing of rows is not counted:
the collector does it.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from random import Random
from zlib import crc32

from rich.console import Console
from rich.table import Table
from tests.support.rows import DAY_NS, NOON_NS, project, span, step

from pulse_storage import SpanRow, StorageAdapter, TraceRecord, open_storage
from pulse_storage.bodies import pack
from pulse_storage.filters import AnalyticsQuery, GroupBy, Page, TraceFilter

_DAYS = 30
_GAP_NS = _DAYS * DAY_NS // 1_000_000
_PROJECTS = 10
_MODELS = ("gpt-5", "gpt-5-mini", "gpt-4o", "claude-5", "claude-5-mini", "gemini-3", "llama-4", "rare-1")
_CALL_ROWS = 500
_CALLS_IN_FLIGHT = 8
_CHUNK_ROWS = _CALL_ROWS * _CALLS_IN_FLIGHT


def main() -> None:
    """Fill a store, read from it, print two tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--bodies", action="store_true", help="of 1.5, 8 and 50 KB")
    parser.add_argument("--trace-spans", type=int, default=3, help="spans a trace")
    parser.add_argument("--folder", type=Path, help="keep the store here; read it again with --rows 0")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        asyncio.run(_measure(folder, options.rows, options.bodies, options.trace_spans))


async def _measure(folder: Path, rows: int, bodies: bool, trace_spans: int) -> None:
    path = folder / "pulse.db"
    storage = open_storage(f"sqlite:///{path}", max_queue_mib=512)
    if rows:
        for number in range(_PROJECTS):
            await storage.create_project(*project(f"p{number}"))
        await _fill(storage, path, rows, _rows(rows, bodies, trace_spans))
    await _read(storage)
    await storage.close()


def _rows(count: int, bodies: bool, trace_spans: int) -> Iterator[SpanRow]:
    random = Random(7)
    texts = [pack(_text(random, size)) for size in (1_500, 8_000, 50_000)]
    weights = [1 / (rank + 1) for rank in range(_PROJECTS)]
    trace, left, session, where = 0, 0, "", ""
    for number in range(1, count + 1):
        if not left:
            trace, left = trace + 1, trace_spans
            where = f"p{random.choices(range(_PROJECTS), weights)[0]}"
            session = f"{where}-{trace // 4}"
        left -= 1
        make = step if left == trace_spans - 1 and trace_spans > 1 else span
        parent = None if left == trace_spans - 1 else number - (trace_spans - 1 - left)
        row = make(number, trace=trace, parent=parent, project_id=where)
        row = row._replace(start_ns=NOON_NS + number * _GAP_NS, session_id=session)
        yield _varied(random, row, texts, bodies)


def _varied(random: Random, row: SpanRow, texts: list[bytes], bodies: bool) -> SpanRow:
    failed = random.random() < 0.04
    model = random.choices(_MODELS, (30, 25, 15, 12, 10, 5, 3, 0.1))[0]
    row = row._replace(
        otel_trace_id=blake2b(row.otel_trace_id, digest_size=16).digest(),
        model_requested=model if row.model_call else None,
        model_used=f"{model}-2025-08-07" if row.model_call else None,
        provider="openai" if model.startswith("gpt") else "other",
        latency_ms=random.lognormvariate(7, 1),
        status="error" if failed else "success",
        user_id=f"u{crc32((row.session_id or '').encode()) % 500}",
        service="shop",
        environment="production",
        input_preview="What would you do with a drunken sailor? " * 4,
        output_preview="Put him in the long boat till he is sober. " * 4,
        metadata='{"resource":{"service.name":"shop","host.name":"web-1"},"gen_ai.request.temperature":0.2}',
    )
    if bodies:
        body = random.choices(texts, (60, 30, 10))[0]
        row = row._replace(request_body=body, response_body=texts[0])
    return row


def _text(random: Random, size: int) -> bytes:
    words = [f"{random.getrandbits(24):x}" for _ in range(400)]
    return " ".join(random.choices(words, k=size // 6)).encode()[:size]


async def _fill(storage: StorageAdapter, path: Path, count: int, rows: Iterator[SpanRow]) -> None:
    wall_s = cpu_s = 0.0
    stored = 0
    commits_ms: list[float] = []
    written = _bytes_written()
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        calls = [chunk[start : start + _CALL_ROWS] for start in range(0, len(chunk), _CALL_ROWS)]
        started_s, started_cpu_s = time.perf_counter(), time.process_time()
        results = await asyncio.gather(*(storage.ingest(call) for call in calls))
        wall_s += time.perf_counter() - started_s
        cpu_s += time.process_time() - started_cpu_s
        commits_ms.append((time.perf_counter() - started_s) * 1000)
        stored += sum(result.stored for result in results)
    assert stored == count
    size = sum(file.stat().st_size for file in path.parent.glob("pulse.db*"))
    table = Table(
        "rows", "rows/s", "CPU µs/row", "written B/row", "disk B/row", "8 calls of 500: p50 / p99 ms"
    )
    table.add_row(
        f"{count:,}",
        f"{count / wall_s:,.0f}",
        f"{cpu_s / count * 1e6:.1f}",
        f"{(_bytes_written() - written) / count:,.0f}",
        f"{size / count:,.0f}",
        f"{_percentile(commits_ms, 0.5):.1f} / {_percentile(commits_ms, 0.99):.1f}",
    )
    Console(width=110).print(table)


async def _read(storage: StorageAdapter) -> None:
    some = (await storage.list_traces("p0", TraceFilter(), Page(limit=50, offset=100))).rows
    table = Table("read", "p50 ms", "p99 ms")
    for name, read, times in _reads(storage, some):
        took_ms: list[float] = []
        for index in range(times):
            started_s = time.perf_counter()
            await read(index)
            took_ms.append((time.perf_counter() - started_s) * 1000)
        table.add_row(name, f"{_percentile(took_ms, 0.5):.3f}", f"{_percentile(took_ms, 0.99):.3f}")
    Console(width=110).print(table)


_GROUPS: tuple[GroupBy, ...] = ("day", "model", "provider", "hour")
Read = Callable[[int], Awaitable[object]]


def _reads(storage: StorageAdapter, some: list[TraceRecord]) -> Iterator[tuple[str, Read, int]]:
    def listed(where: TraceFilter) -> Read:
        return lambda _: storage.list_traces("p0", where, Page())

    def in_session(number: int) -> Awaitable[object]:
        session = TraceFilter(session_id=some[number % len(some)].session_id)
        return storage.list_traces("p0", session, Page(limit=1000, order="asc"))

    def counted(where: TraceFilter) -> Read:
        return lambda _: storage.count_traces("p0", where)

    def summed(group_by: GroupBy, where: TraceFilter) -> Read:
        query = AnalyticsQuery(from_ns=from_ns, before_ns=before_ns, group_by=group_by, filter=where)
        return lambda _: storage.analytics("p0", query)

    # Not at the borders of hours, as people ask.
    from_ns, before_ns = NOON_NS + 1_234_567, NOON_NS + _DAYS * DAY_NS + 7_654_321
    recent = TraceFilter(model="gpt-5", status="error", from_ns=before_ns - 7 * DAY_NS)
    month = TraceFilter(model="gpt-5", from_ns=from_ns, before_ns=before_ns)
    yield "list newest 50", listed(TraceFilter()), 300
    yield "list 50, model + error + a week", listed(recent), 100
    yield "list 50, rare model", listed(TraceFilter(model="rare-1")), 50
    yield "list 50, unknown model", listed(TraceFilter(model="none")), 50
    yield "list 50, user", listed(TraceFilter(user_id="u7")), 50
    yield "count all", counted(TraceFilter()), 100
    yield "count model in a month", counted(month), 50
    yield "count user (bounded)", counted(TraceFilter(user_id="u7")), 10
    yield "get one, bodies", lambda i: storage.get_trace("p0", some[i % len(some)].trace_id), 300
    yield "session", in_session, 300
    for group_by in _GROUPS:
        yield f"analytics 30 d by {group_by}", summed(group_by, TraceFilter()), 20
    yield "analytics 30 d by day, one model", summed("day", TraceFilter(model="gpt-5")), 20
    yield "analytics 30 d by day, one user (rows)", summed("day", TraceFilter(user_id="u7")), 5


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _bytes_written() -> int:
    """What this process has sent to disks so far; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes")), 0)


if __name__ == "__main__":
    main()
