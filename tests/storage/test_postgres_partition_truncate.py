"""On PostgreSQL whole weeks go at once, and leave what dropping row by row would have left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import psycopg
import pytest
from tests.storage.model import snapshot
from tests.storage.recount import recount
from tests.storage.test_conformance_events import assemble, part
from tests.support.conversations import Conversations
from tests.support.postgres import Server, execute
from tests.support.rows import DAY_NS, HOUR_NS, SECOND_NS, project, span

from pulse_storage import SpanRow, Store, open_storage
from pulse_storage.content.bodies import pack
from pulse_storage.content.documents import RecentDigests, pack_document
from pulse_storage.maintenance import RetentionReport
from pulse_storage.postgres.partitions import WEEK_NS
from pulse_storage.queries.filters import AnalyticsQuery, TraceFilter
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import Project

_ROOT = Path(__file__).parents[2]
_MONDAY_NS = 4 * DAY_NS
#: A partition of rows that is over begins here: four weeks, with four partitions of bodies.
_BASE_NS = (time.time_ns() - 5 * WEEK_NS - _MONDAY_NS) // (4 * WEEK_NS) * 4 * WEEK_NS + _MONDAY_NS
_END_NS = _BASE_NS + 4 * WEEK_NS
_NOW_NS = _END_NS + 2 * DAY_NS
_ALL = (Project("p", "p", 0), Project("q", "q", 0))
#: Its horizon is a day after the partition's end.
_DAY = RetentionPolicy(rows_days=1)
_OLD = "SELECT relname, relfilenode FROM pg_class WHERE relname ~ '^(spans|span_bodies)_[0-9]+$' ORDER BY 1"
#: Of which tables there are partitions with more than a new one's page in each index.
_GROWN = (
    "SELECT DISTINCT CASE WHEN relname ~ '^spans' THEN 'spans' ELSE 'bodies' END FROM pg_class"
    " WHERE relname ~ '^(spans|span_bodies)_[0-9]+$' AND pg_indexes_size(oid) > 8192 *"
    " (SELECT count(*) FROM pg_index WHERE indrelid = pg_class.oid)"
)
_TABLES = ("spans", "span_bodies", "span_events", "span_event_contents", "content_blocks", "content_garbage")


def _rows(project_id: str) -> list[SpanRow]:
    """Calls from two days before the partition to two days after it, with what they may have and share."""
    said = [*Conversations().chat(6)]
    rows: list[SpanRow] = []
    for number in range(1, 100):
        start_ns = _BASE_NS - 2 * DAY_NS + number * 8 * HOUR_NS
        body = pack_document(said[number % 6], project_id, start_ns, RecentDigests())
        row = span(number, start_ns=start_ns, project_id=project_id, request_body=body, input_preview="in")
        rows.append(row._replace(output_text=pack(b"long " * 9)) if number % 3 else row)
    source = span(200, trace=200, provider_request_id="r", scope="a", start_ns=_END_NS - SECOND_NS // 10)
    source = source._replace(project_id=project_id, request_body=pack(b'{"q": 1}'), tags=("dust",))
    referring = span(201, trace=200, provider_request_id="r", scope="b", start_ns=_END_NS, tags=("gold",))
    return [*rows, source, referring._replace(project_id=project_id)]


async def _filled(server: Server, name: str, *more: SpanRow) -> tuple[str, Store]:
    url = server.store(name)
    storage = open_storage(url)
    for project_id in ("p", "q"):
        await storage.create_project(*project(project_id))
        await storage.ingest(_rows(project_id), keep_all=True)
    silent = span(300, input_preview=None, output_preview=None, start_ns=_BASE_NS + DAY_NS)
    await storage.ingest([silent, *more])
    await storage.ingest_events("p", [part(1, silent), part(2, silent)], assemble)
    return url, storage


@contextlib.contextmanager
def _read_by_another_process(url: str) -> Generator[None]:
    """Keep a transaction open that uses all partitions, so that none can be locked."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE spans, span_bodies IN ACCESS SHARE MODE")
        yield


async def _run(storage: Store, policies: Sequence[RetentionPolicy]) -> list[RetentionReport]:
    for each, policy in zip(_ALL, policies, strict=True):
        await storage.set_retention_policy(each.id, policy)
    would = await storage.maintenance.preview(_ALL, KEEP_EVERYTHING, _NOW_NS)
    did = await storage.maintenance.apply(_ALL, KEEP_EVERYTHING, _NOW_NS)
    for planned, report in zip(would, did, strict=True):
        assert (planned.rows, planned.contents) == (report.rows, report.contents)
    return did


async def _whole(url: str, storage: Store) -> tuple[object, ...]:
    """All that a store says, and how much it keeps."""
    query = AnalyticsQuery(from_ns=_BASE_NS - 5 * DAY_NS, before_ns=_END_NS + 5 * DAY_NS)
    said = [
        (
            await snapshot(storage, each.id),
            (await storage.analytics(each.id, query)).total,
            await storage.count_traces(each.id, TraceFilter()),
            (await storage.maintenance.progress(each.id)),
        )
        for each in _ALL
    ]
    again = await storage.ingest([*_rows("p"), *_rows("q")], keep_all=True)
    kept = [execute(url, f"SELECT count(*) FROM {table}") for table in _TABLES]
    calls = execute(url, "SELECT project, model_used, calls FROM usage_keys ORDER BY 1, 2, 3")
    raw = execute(url, "SELECT to_jsonb(spans) - 'usage_key' FROM spans ORDER BY id")
    return said, again, kept, calls, raw


@pytest.mark.parametrize(
    ("name", "policy", "emptied"),
    [
        ("rows", _DAY, 5),
        ("content", RetentionPolicy(content_days=1), 4),
        ("both", RetentionPolicy(content_days=1, rows_days=16), 4),
        ("tagged", RetentionPolicy(rows_days=1, keep_tags=("gold",)), 5),
    ],
)
@pytest.mark.slow
def test_what_goes_at_once_leaves_what_steps_leave(
    server: Server, name: str, policy: RetentionPolicy, emptied: int
) -> None:
    async def done(*, at_once: bool) -> tuple[tuple[object, tuple[object, ...]], int]:
        url, storage = await _filled(server, f"{name}_{'whole' if at_once else 'steps'}")
        files = execute(url, _OLD)
        with contextlib.nullcontext() if at_once else _read_by_another_process(url):
            reports = await _run(storage, (policy, policy))
        renewed = len(set(files) - set(execute(url, _OLD)))
        dropped = [(report.rows, report.contents, report.size_bytes) for report in reports]
        whole = await _whole(url, storage)
        await storage.close()
        recount(lambda sql: execute(url, sql))
        return (dropped, whole), renewed

    (at_once, renewed), (by_steps, untouched) = (
        asyncio.run(done(at_once=at_once)) for at_once in (True, False)
    )
    assert (renewed, untouched) == (emptied, 0)
    assert at_once[0] == by_steps[0]
    for one, other in zip(at_once[1], by_steps[1], strict=True):
        assert one == other


@pytest.mark.parametrize(
    ("name", "policies", "more"),
    [
        ("error", [RetentionPolicy(rows_days=1, keep_errors=True)] * 2, {"status": "error"}),
        ("tag", [RetentionPolicy(rows_days=1, keep_tags=("gold",))] * 2, {"tags": ("gold",)}),
        ("unlimited", [_DAY, KEEP_EVERYTHING], {}),
        ("longer", [_DAY, RetentionPolicy(rows_days=20)], {}),
    ],
)
def test_exempt_rows_prevent_truncation(
    server: Server, name: str, policies: Sequence[RetentionPolicy], more: dict[str, object]
) -> None:
    async def done() -> None:
        kept = span(400, start_ns=_BASE_NS + 25 * DAY_NS)._replace(**more)
        url, storage = await _filled(server, f"kept_{name}", kept)
        spans = "SELECT relname, relfilenode FROM pg_class WHERE relname ~ '^spans_[0-9]+$' ORDER BY 1"
        before, others = execute(url, spans), await snapshot(storage, "q")
        await _run(storage, policies)
        assert execute(url, spans) == before
        left = [row for row in await snapshot(storage, "p") if row is not None and row.start_ns < _END_NS]
        assert len(left) == (1 if more else 0)
        if policies[1] is KEEP_EVERYTHING:
            assert await snapshot(storage, "q") == others
        await storage.close()
        recount(lambda sql: execute(url, sql))

    asyncio.run(done())


@pytest.mark.parametrize("policy", [_DAY, RetentionPolicy(content_days=1)])
def test_what_steps_have_emptied_gives_its_space_back_once_it_is_over(
    server: Server, policy: RetentionPolicy
) -> None:
    """As retention goes hour by hour: nothing is left of a week when its end passes the limit."""

    async def done() -> None:
        name = "steady_rows" if policy.rows_days else "steady_content"
        url = server.store(name)
        storage = open_storage(url)
        await storage.create_project(*project("p"))
        body = pack(os.urandom(3_000))
        rows = [span(n, start_ns=_BASE_NS + n * HOUR_NS, request_body=body) for n in range(1, 400)]
        await storage.ingest(rows)
        await storage.set_retention_policy("p", policy)
        files: list[object] = []
        grown: list[set[str]] = []
        for now_ns in (_BASE_NS + 18 * DAY_NS, _NOW_NS, _NOW_NS + HOUR_NS):
            await storage.maintenance.apply(_ALL[:1], KEEP_EVERYTHING, now_ns)
            files.append(execute(url, _OLD))
            grown.append({str(table) for (table,) in execute(url, _GROWN)})
        left = len(await snapshot(storage, "p"))
        await storage.close()
        recount(lambda sql: execute(url, sql))
        # Two of the weeks have gone at once; the third is not over, nor are the four of the rows.
        assert (left, grown[0]) == (0 if policy.rows_days else 399, {"bodies", "spans"})
        assert grown[1] == (set[str]() if policy.rows_days else {"spans"})
        assert files[0] != files[1] == files[2]

    asyncio.run(done())


def test_spans_that_arrive_meanwhile_are_stored_or_refused(server: Server) -> None:
    async def done() -> None:
        url, storage = await _filled(server, "neighbours")
        for each in _ALL:
            await storage.set_retention_policy(each.id, _DAY)
        query = AnalyticsQuery(from_ns=_BASE_NS - 5 * DAY_NS, before_ns=_NOW_NS + DAY_NS)
        calls = (await storage.analytics("p", query)).total.calls
        stored: list[int] = []
        refused: list[int] = []
        over = asyncio.Event()

        async def send() -> None:
            number = 1_000
            while not over.is_set() or number < 1_020:
                number += 1
                old = span(number, start_ns=_BASE_NS + number * SECOND_NS)
                new = span(number + 100_000, start_ns=_NOW_NS + number)
                result = await storage.ingest([old, new])
                assert result.stored + len(result.rejected) == 2
                (refused if result.rejected else stored).append(number)

        sending = asyncio.create_task(send())
        reports = await storage.maintenance.apply(_ALL, KEEP_EVERYTHING, _NOW_NS)
        over.set()
        await sending
        left = [row for row in await snapshot(storage, "p") if row is not None]
        numbers = {int.from_bytes(row.otel_span_id, "big") for row in left}
        assert {number + 100_000 for number in (*stored, *refused)} <= numbers
        assert not numbers & set(stored)
        assert refused
        # What was stored first and dropped then is counted, each once.
        before = sum(row.start_ns < _NOW_NS - DAY_NS for row in _rows("p"))
        assert reports[0].rows == before + 1 + len(stored)
        after = (await storage.analytics("p", query)).total.calls
        assert after == calls + 2 * len(stored) + len(refused)
        await storage.close()
        recount(lambda sql: execute(url, sql))

    asyncio.run(done())


async def work(url: str) -> None:
    """What the process does that is killed: a line when something has gone."""
    storage = open_storage(url)
    await storage.maintenance.apply(_ALL, KEEP_EVERYTHING, _NOW_NS, note=lambda _: print("step", flush=True))


@pytest.mark.parametrize(("policy", "steps"), [(_DAY, 5), (RetentionPolicy(content_days=1), 2)])
@pytest.mark.slow
def test_kill_9_in_the_middle_and_the_next_run_goes_on(
    server: Server, policy: RetentionPolicy, steps: int
) -> None:
    async def done() -> tuple[object, object]:
        found: list[object] = []
        for name in (f"killed_{steps}", f"unharmed_{steps}"):
            url, storage = await _filled(server, name)
            for each in _ALL:
                await storage.set_retention_policy(each.id, policy)
            if name.startswith("killed"):
                _kill(url, steps)
                execute(url, "UPDATE leases SET until_ns = 0")
            await storage.maintenance.apply(_ALL, KEEP_EVERYTHING, _NOW_NS)
            found.append(await _whole(url, storage))
            await storage.close()
            recount(lambda sql, url=url: execute(url, sql))
        return found[0], found[1]

    killed, unharmed = asyncio.run(done())
    assert killed == unharmed


def _kill(url: str, steps: int) -> None:
    call = f"asyncio.run(here.work({url!r}))"
    script = f"import asyncio\nfrom tests.storage import test_postgres_partition_truncate as here\n{call}"
    process = subprocess.Popen([sys.executable, "-c", script], cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(steps):
        assert process.stdout.readline() == "step\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
