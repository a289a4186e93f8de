"""What documents share goes when the last row that has it goes, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.storage.sql_backends import SqlBackend
from tests.storage.test_conformance_content import documents, turn
from tests.support.conversations import Conversations
from tests.support.rows import DAY_NS, NOON_NS, project
from tests.support.sql_steps import steps_of

from pulse_storage import SpanRow, Store
from pulse_storage.content.documents import RecentDigests
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import Project
from pulse_storage.sql.maintenance.content_gc import blanked

pytestmark = pytest.mark.anyio

P = Project("p", "project p", NOON_NS)


def two_users() -> tuple[list[SpanRow], list[bytes], list[bytes]]:
    """Turns of two users who share tools and system prompt, taking turns; the documents of each."""
    make = Conversations()
    tools = make.tools(4)
    anas, bens = (list(make.chat(6, tools=tools, system=0)) for _ in range(2))
    recent = RecentDigests()
    rows = [
        turn(number, document, recent=recent)._replace(user_id=user)
        for number, (user, document) in enumerate(
            pair for ana, ben in zip(anas, bens, strict=True) for pair in (("ana", ana), ("ben", ben))
        )
    ]
    return rows, anas, bens


async def test_erasure_deletes_content_that_no_other_user_has(backend: SqlBackend, tmp_path: Path) -> None:
    rows, anas, bens = two_users()
    storage = backend.open(tmp_path)
    await storage.create_project(*project("p"))
    await storage.ingest(rows)
    order = await storage.order_erasure("p", "user_id", "ana")
    done = await storage.maintenance.erase(order)
    assert (done.finished_ns is not None, done.rows) == (True, 6)
    assert await documents(storage) == bens
    # Content that Ben shares with her is stored again by his next turn.
    await storage.ingest([turn(50, bens[-1])])
    assert await documents(storage) == [*bens, bens[-1]]
    await storage.close()
    backend.check(tmp_path)
    whole = b"".join(backend.blocks(tmp_path))
    for said in anas[-1].split(b'"content":"')[2:]:
        words = said[:60]
        assert words in bens[-1] or words not in whole


async def test_erasing_everybody_leaves_no_content(backend: SqlBackend, tmp_path: Path) -> None:
    rows, _, _ = two_users()
    storage = backend.open(tmp_path)
    await storage.create_project(*project("p"))
    await storage.ingest(rows)
    for user in ("ana", "ben"):
        await storage.maintenance.erase(await storage.order_erasure("p", "user_id", user))
    assert await documents(storage) == []
    await storage.close()
    assert backend.blocks(tmp_path) == []


async def test_content_of_a_week_goes_when_all_of_it_is_old(backend: SqlBackend, tmp_path: Path) -> None:
    storage = backend.open(tmp_path)
    await storage.create_project(*project("p"))
    said = list(Conversations().chat(4))
    for day in (0, 1, 8):
        await storage.ingest([turn(number + 100 * day, doc, day=day) for number, doc in enumerate(said)])
    policy = RetentionPolicy(content_days=1)
    await storage.set_retention_policy("p", policy)
    # Noon is a Sunday's: day 1 begins the next week, day 8 the one after it.
    kept: list[int] = []
    for now in (2, 5, 20):
        await storage.maintenance.apply([P], KEEP_EVERYTHING, NOON_NS + now * DAY_NS)
        kept.append(len([document for document in await documents(storage) if document]))
    await storage.close()
    assert kept == [8, 4, 0]
    assert backend.blocks(tmp_path) == []


async def test_rows_that_a_policy_keeps_keep_what_they_share(storage: Store) -> None:
    rows, _, bens = two_users()
    await storage.ingest([row._replace(tags=("keep",)) if row.user_id == "ben" else row for row in rows])
    await storage.set_retention_policy("p", RetentionPolicy(content_days=1, keep_tags=("keep",)))
    await storage.maintenance.apply([P], KEEP_EVERYTHING, NOON_NS + 20 * DAY_NS)
    assert [document for document in await documents(storage) if document] == bens


async def test_interrupted_sweep_starts_again(backend: SqlBackend, tmp_path: Path) -> None:
    rows, _, bens = two_users()
    storage = backend.open(tmp_path)
    await storage.create_project(*project("p"))
    await storage.ingest(rows)
    order = await storage.order_erasure("p", "user_id", "ana")
    await steps_of(storage).erase_step(order.id)
    steps = steps_of(storage).sweep("p", None)
    for _ in range(9):
        await anext(steps)
    await steps.aclose()
    await storage.close()
    again = backend.open(tmp_path)
    assert (await steps_of(again).erase_step(order.id)).finished_ns is None
    assert (await again.maintenance.erase(order)).finished_ns is not None
    assert await documents(again) == bens
    await again.close()


async def test_another_project_loses_nothing(storage: Store) -> None:
    said = list(Conversations().chat(5))
    for project_id in ("p", "q"):
        rows = [turn(number, document, project_id=project_id) for number, document in enumerate(said)]
        await storage.ingest([row._replace(user_id="ana") for row in rows])
    await storage.maintenance.erase(await storage.order_erasure("p", "user_id", "ana"))
    assert (await documents(storage, "p"), await documents(storage, "q")) == ([], said)


@given(st.binary(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))))
def test_only_what_is_used_stays(content: bytes, uses: list[tuple[int, int]]) -> None:
    within = [(start, end) for start, end in uses if start < end <= len(content)]
    kept = blanked(content, within)
    assert len(kept) == len(content)
    for index, byte in enumerate(kept):
        is_used = any(start <= index < end for start, end in within)
        assert byte == (content[index] if is_used else 0)
