"""Erasing a user or a session: afterwards the store is as if those rows had never come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.storage.corpus import corpus
from tests.storage.model import snapshot
from tests.storage.sql_backends import SqlBackend
from tests.support.rows import DAY_NS, HOUR_NS, NOON_NS, project, span, step
from tests.support.sql_steps import steps_of

from pulse_storage import Store, TraceRecord
from pulse_storage.content.bodies import pack
from pulse_storage.maintenance import MAINTENANCE_LEASE, Erasure, MaintenanceLeaseHeld, Subject
from pulse_storage.queries.filters import AnalyticsQuery
from pulse_storage.retention import RetentionPolicy
from pulse_storage.rows import EventContent, EventPart, Project

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("subject", "value"), [("user_id", "u1"), ("session_id", "s2")])
@pytest.mark.parametrize("seed", range(3))
async def test_what_is_left_is_what_a_store_would_have_that_never_had_the_rest(
    backend: SqlBackend, tmp_path_factory: pytest.TempPathFactory, seed: int, subject: Subject, value: str
) -> None:
    rows = corpus(seed)
    tmp_path, other_path = (tmp_path_factory.mktemp(name) for name in ("erased", "fresh"))
    storage = await _open(backend, tmp_path)
    await storage.ingest([*rows, *corpus(seed, project_id="q")], keep_all=True)
    others, before = await _rows(storage, "q"), await _rows(storage, "p")
    theirs = {row.trace_id for row in before if getattr(row, subject) == value}
    done = await _erase(storage, subject, value)
    left = await _rows(storage, "p")
    gone = {row.trace_id for row in before} - {row.trace_id for row in left}
    assert theirs
    assert theirs <= gone
    # And only other records of their calls that have no other user.
    assert not any(getattr(row, subject) for row in before if row.trace_id in gone - theirs)
    assert (done.rows, done.value) == (len(gone), None)
    assert done.calls == sum(row.counted for row in before if row.trace_id in gone)
    assert done.cost_nano_usd == sum(
        row.cost_nano_usd or 0 for row in before if row.trace_id in gone and row.counted
    )
    assert await _rows(storage, "q") == others
    fresh = await _open(backend, other_path)
    kept = {(row.otel_trace_id, row.otel_span_id) for row in left}
    await fresh.ingest([row for row in rows if (row.otel_trace_id, row.otel_span_id) in kept], keep_all=True)
    assert await _rows(fresh, "p") == left
    assert await _sums(fresh) == await _sums(storage)
    # What comes again is new, and counts once.
    await storage.ingest(rows, keep_all=True)
    assert await _rows(storage, "p") == before
    for opened, folder in ((storage, tmp_path), (fresh, other_path)):
        await opened.close()
        backend.check(folder)


async def test_other_records_of_the_same_calls_go_too(storage: Store) -> None:
    """A client's own span of the call, which knows of no user, holds the same words."""
    named = span(1, trace=8, user_id="ana", partner_key="k", scope="a", dialect="gen-ai")
    nameless = span(1, trace=9, partner_key="k", scope="b", request_body=pack(b"{}"), start_ns=named.start_ns)
    bystander = span(3, trace=10)
    await storage.ingest([named, nameless, bystander])
    assert await storage.maintenance.count_erasable("p", "user_id", "ana") == (1, 1)
    done = await _erase(storage, "user_id", "ana")
    assert (done.rows, done.calls) == (2, 1)
    assert [row.otel_trace_id[-1] for row in await _rows(storage, "p")] == [10]


async def test_values_from_an_erased_row_are_reconciled_again(storage: Store) -> None:
    root = step(1, trace=9, session_id="s", user_id="ana")
    calls = [span(n, trace=9, parent=1, user_id=user) for n, user in ((2, "ana"), (3, "bob"))]
    await storage.ingest([root, *calls])
    await _erase(storage, "user_id", "ana")
    assert [(row.user_id, row.session_id) for row in await _rows(storage, "p")] == [("bob", None)]


async def test_a_trace_that_is_larger_than_a_step_loses_all_that_inherit(storage: Store) -> None:
    """Only the root has the user: without it, the other rows could not be found any more."""
    root = step(1, trace=9, user_id="ana")
    await storage.ingest([root, *(span(n, trace=9, parent=1) for n in range(2, 1_400))])
    assert (await _erase(storage, "user_id", "ana")).rows == 1_399
    huge = [root, *(span(n, trace=9, parent=1) for n in range(2, 2_900))]
    await storage.ingest(huge)
    assert (await _erase(storage, "user_id", "ana")).rows == 2_899
    assert await _rows(storage, "p") == []


async def test_log_events_are_erased_with_their_spans(storage: Store) -> None:
    row = span(1, user_id="ana")

    def part(digest: int, span_id: bytes) -> EventPart:
        order = row.start_ns, digest
        return EventPart(row.otel_trace_id, span_id, digest.to_bytes(16, "big"), order, "e", b'"said"')

    def assemble(parts: Sequence[EventPart]) -> EventContent:
        return EventContent("said", None, None, pack(b"[%d]" % len(parts)), None, None)

    other = (77).to_bytes(8, "big")
    parts = [part(1, row.otel_span_id), part(2, row.otel_span_id), part(3, other)]
    await storage.ingest_events("p", parts, assemble)
    await storage.ingest([row])
    assert [found.request_body for found in await _rows(storage, "p")] == [b"[2]"]
    assert (await _erase(storage, "user_id", "ana")).log_events == 2
    result = await storage.ingest_events("p", parts, assemble)
    assert (result.stored, result.duplicates) == (2, 1)


async def test_an_erasure_is_taken_up_where_it_was_left(storage: Store) -> None:
    await storage.ingest([span(n, user_id="ana") for n in range(1, 1_200)])
    ordered = await storage.order_erasure("p", "user_id", "ana")
    cut = await storage.maintenance.erase(ordered, within_s=0)
    assert cut.finished_ns is None
    once = await steps_of(storage).erase_step(ordered.id)
    assert 0 < once.rows < 1_199
    assert [row.id for row in await storage.unfinished_erasures()] == [ordered.id]
    again = await storage.order_erasure("p", "user_id", "ana")
    assert again.id == ordered.id
    done = await storage.maintenance.erase(again)
    assert (done.rows, done.calls, done.value) == (1_199, 1_199, None)
    assert await storage.unfinished_erasures() == []
    assert await storage.erasures("p") == [done]
    assert await storage.erasures("q") == []
    assert await _rows(storage, "p") == []


async def test_erasure_waits_for_the_maintenance_lease(storage: Store) -> None:
    assert await storage.hold_lease(MAINTENANCE_LEASE, "another", 60)
    ordered = await storage.order_erasure("p", "user_id", "ana")
    with pytest.raises(MaintenanceLeaseHeld):
        await storage.maintenance.erase(ordered, wait_s=0)
    with pytest.raises(KeyError):
        await storage.order_erasure("none", "user_id", "ana")


async def test_sums_of_rows_that_aged_stay_when_their_user_is_erased(storage: Store) -> None:
    await storage.ingest([span(1, user_id="ana"), span(2, user_id="ana", start_ns=NOON_NS + 3 * DAY_NS)])
    await storage.maintenance.apply(
        [Project("p", "p", 0)], RetentionPolicy(rows_days=1), NOON_NS + 3 * DAY_NS
    )
    done = await _erase(storage, "user_id", "ana")
    assert done.rows == 1
    query = AnalyticsQuery(from_ns=NOON_NS, before_ns=NOON_NS + 10 * DAY_NS)
    assert (await storage.analytics("p", query)).total.calls == 1


async def _open(backend: SqlBackend, folder: Path) -> Store:
    storage = backend.open(folder)
    await storage.create_project(*project("p"))
    await storage.create_project(*project("q"))
    return storage


async def _erase(storage: Store, subject: Subject, value: str) -> Erasure:
    return await storage.maintenance.erase(await storage.order_erasure("p", subject, value))


async def _rows(storage: Store, project_id: str) -> list[TraceRecord]:
    return [row for row in await snapshot(storage, project_id) if row is not None]


async def _sums(storage: Store) -> object:
    query = AnalyticsQuery(from_ns=NOON_NS - 9 * DAY_NS - HOUR_NS, before_ns=NOON_NS + 9 * DAY_NS + 7)
    found = [await storage.analytics("p", replace(query, group_by=by)) for by in ("day", "model", "hour")]
    return [(answer.total, sorted(answer.groups, key=lambda group: str(group.key))) for answer in found]
