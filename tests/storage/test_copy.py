"""Copies of a store: everything is there, once, and a copy that was cut short goes on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.storage.corpus import corpus
from tests.storage.model import snapshot
from tests.storage.sql_backends import SqlBackend, SqliteBackend
from tests.support.conversations import Conversations
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, SECOND_NS, project, span, step

from pulse_storage import SpanRow, Store, TraceRecord, open_storage
from pulse_storage.content.bodies import pack
from pulse_storage.content.documents import RecentDigests, pack_document
from pulse_storage.copying import Copied, copy
from pulse_storage.queries.filters import AnalyticsQuery, TraceFilter
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import EventContent, EventPart, Project, ProjectPrices

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["from", "to"])
async def stores(
    request: pytest.FixtureRequest, backend: SqlBackend, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Store, Store]]:
    """A source with two projects and an empty target: one of each kind of store, the other SQLite."""
    kinds: tuple[SqlBackend, ...] = (backend, SqliteBackend())
    if request.param == "to":
        kinds = kinds[::-1]
    folders = [tmp_path_factory.mktemp(name) for name in ("source", "target")]
    source, target = (kind.open(folder) for kind, folder in zip(kinds, folders, strict=True))
    await source.create_project(*project("p"))
    await source.create_project(*project("q"))
    yield source, target
    for store, kind, folder in zip((source, target), kinds, folders, strict=True):
        await store.close()
        kind.check(folder)


@pytest.fixture
def storage(stores: tuple[Store, Store]) -> Store:
    """The store that is copied."""
    return stores[0]


@pytest.fixture
def target(stores: tuple[Store, Store]) -> Store:
    """The store that is filled."""
    return stores[1]


async def test_everything_of_a_store_is_copied_and_a_second_time_nothing(
    storage: Store, target: Store
) -> None:
    await storage.ingest([*corpus(3), *corpus(4, project_id="q")], keep_all=True)
    await storage.ingest(_conversation())
    await storage.ingest_events("p", [_part(1), _part(2)], _assemble)
    await storage.ingest([span(5_000)])
    await storage.put_project_prices("p", ProjectPrices("{}", 7))
    policy = RetentionPolicy(rows_days=2, content_days=1, keep_errors=True)
    await storage.set_retention_policy("p", policy)
    # Deleted rows leave sums, and frozen rows near them.
    await storage.maintenance.apply(
        [Project("p", "p", 0)], KEEP_EVERYTHING, NOON_NS + 2 * DAY_NS + 5 * HOUR_NS
    )
    done = await copy(storage, target)
    assert [project.verified for project in done] == [True, True]
    for project_id in ("p", "q"):
        assert await _rows(target, project_id) == await _rows(storage, project_id)
        assert await _sums(target, project_id) == await _sums(storage, project_id)
        assert await target.list_keys(project_id) == await storage.list_keys(project_id)
        counts = [await store.count_traces(project_id, TraceFilter()) for store in (storage, target)]
        assert counts[0] == counts[1]
    assert await target.list_projects() == await storage.list_projects()
    assert await target.project_prices("p") == ProjectPrices("{}", 7)
    assert await target.retention_policy("p") == policy
    marks = [await store.maintenance.progress("p") for store in (storage, target)]
    assert marks[0] == marks[1]
    again = await copy(storage, target)
    assert [(project.put_rows, project.passes, project.verified) for project in again] == [(0, 1, True)] * 2
    # What comes later joins what was copied, as it would have in the first store.
    late = [_part(3)], _assemble
    for store in (storage, target):
        await store.ingest_events("p", *late)
        assert (await store.ingest([*corpus(4, project_id="q")], keep_all=True)).stored == 0
    assert await _rows(target, "p") == await _rows(storage, "p")


async def test_texts_with_nul_are_copied_as_the_target_stores_them(storage: Store, target: Store) -> None:
    text = "a\0b\\u0000\\\0"
    texts = (
        "name", "scope", "service", "environment", "user_id", "session_id", "provider", "model_requested",
        "model_used", "error_type", "error_message", "input_preview", "output_preview", "provider_request_id",
    )  # fmt: skip
    row = span(2, parent=1, trace=1, tags=(text, "x"), **dict.fromkeys(texts, text))
    # The parent takes texts and tags from its call.
    rows = [step(1, trace=1), row, span(3)]
    await storage.ingest(rows, keep_all=True)
    (done, _) = await copy(storage, target)
    assert (done.verified, done.put_rows) == (True, 3)
    assert (await copy(storage, target))[0].put_rows == 0
    assert (await target.ingest(rows, keep_all=True)).duplicates == 3

    shown = (text, text.replace("\0", "\ufffd"))
    [stored] = [record for record in await _rows(target, "p") if record.otel_span_id == row.otel_span_id]
    assert stored.tags in {(each, "x") for each in shown}
    assert {getattr(stored, name) for name in texts if name not in ("scope", "provider_request_id")} == {
        stored.tags[0]
    }
    query = AnalyticsQuery(from_ns=0, before_ns=2 * NOON_NS, group_by="tag")
    assert stored.tags[0] in {group.key for group in (await target.analytics("p", query)).groups}


async def test_rows_that_came_or_changed_since_are_carried_by_the_next_copy(
    storage: Store, target: Store
) -> None:
    rows = corpus(5)
    await storage.ingest(rows[:100], keep_all=True)
    await copy(storage, target)
    # Many of these complete the calls and sessions of the first hundred.
    await storage.ingest(rows[100:], keep_all=True)
    (done, _) = await copy(storage, target)
    assert done.verified
    assert done.put_rows >= len(rows) - 100
    assert await _rows(target, "p") == await _rows(storage, "p")
    assert await _sums(target, "p") == await _sums(storage, "p")


async def test_rows_that_come_while_it_copies_are_carried_too(storage: Store, target: Store) -> None:
    await storage.ingest([span(n) for n in range(1, 1_300)])
    arrived: list[object] = []

    def note(done: Copied, _rows: int) -> None:
        if done.project.id == "p" and done.passes == 1:
            # Before and after the place where the copy is.
            numbers = (5_000 + len(arrived), -len(arrived) - 1)
            submitted = [storage.submit([span(9_000 + n, start_ns=NOON_NS + n)]) for n in numbers]
            arrived.append([future.result(timeout=30) for future in submitted])

    (done, _) = await copy(storage, target, note=note)
    assert done.verified
    assert done.passes > 2
    assert done.source.rows == 1_299 + 2 * len(arrived)
    assert await _rows(target, "p") == await _rows(storage, "p")


async def test_target_with_other_rows_is_reported_and_kept(storage: Store, target: Store) -> None:
    await storage.ingest([span(1)])
    await target.create_project(*project("p"))
    await target.create_project(*project("other"))
    await target.ingest([span(2), span(3, project_id="other")])
    (done, _) = await copy(storage, target)
    assert not done.verified
    assert (done.source.rows, done.target.rows) == (1, 2)
    assert len(await _rows(target, "other")) == 1


_RUN = """
import asyncio, sys
from tests.storage import test_copy as here

asyncio.run(here.work(sys.argv[1]))
"""


async def work(folder: str) -> None:
    """What the process does that is killed: a line for each page."""
    storage, target = _stores(Path(folder))
    await copy(storage, target, note=lambda _done, _rows: print("page", flush=True))


@pytest.mark.slow
def test_kill_9_in_the_middle_of_a_copy_and_the_next_goes_on(tmp_path: Path) -> None:
    asyncio.run(_fill(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", _RUN, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline() == "page\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    SqliteBackend().check(tmp_path / "target")
    asyncio.run(_go_on(tmp_path))
    SqliteBackend().check(tmp_path / "target")


async def _fill(folder: Path) -> None:
    storage, target = _stores(folder)
    await storage.create_project(*project("p"))
    await storage.ingest([span(n, request_body=pack(b"{}")) for n in range(1, 6_000)])
    await storage.close()
    await target.close()


async def _go_on(folder: Path) -> None:
    storage, target = _stores(folder)
    (done,) = await copy(storage, target)
    assert done.verified
    assert 0 < done.put_rows < 5_999
    assert await _rows(target, "p") == await _rows(storage, "p")
    await storage.close()
    await target.close()


def _stores(folder: Path) -> tuple[Store, Store]:
    return (
        open_storage(f"sqlite:///{folder / 'source' / 'pulse.db'}"),
        open_storage(f"sqlite:///{folder / 'target' / 'pulse.db'}"),
    )


def _conversation() -> list[SpanRow]:
    recent = RecentDigests()
    return [
        span(
            7_000 + number,
            start_ns=(start_ns := NOON_NS + 2 * DAY_NS + number * SECOND_NS),
            request_body=pack_document(document, "p", start_ns, recent),
        )
        for number, document in enumerate(Conversations().chat(8))
    ]


def _part(digest: int) -> EventPart:
    row = span(5_000)
    order = NOON_NS + 2 * DAY_NS, digest
    return EventPart(row.otel_trace_id, row.otel_span_id, digest.to_bytes(16, "big"), order, "e", b'"said"')


def _assemble(parts: Sequence[EventPart]) -> EventContent:
    return EventContent("said", None, None, pack(b"[%d]" % len(parts)), None, None)


async def _rows(storage: Store, project_id: str) -> list[TraceRecord]:
    return [row for row in await snapshot(storage, project_id) if row is not None]


async def _sums(storage: Store, project_id: str) -> object:
    query = AnalyticsQuery(from_ns=NOON_NS - 9 * DAY_NS - HOUR_NS, before_ns=NOON_NS + 9 * DAY_NS + 7)
    found = [await storage.analytics(project_id, replace(query, group_by=by)) for by in ("day", "model")]
    return [(answer.total, sorted(answer.groups, key=lambda group: str(group.key))) for answer in found]
