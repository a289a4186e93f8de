"""A dry run of retention tells what the run then frees, to the byte, whatever calls share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.storage.backends import Backend
from tests.storage.test_conformance_content import turn
from tests.storage.test_conformance_events import assemble
from tests.support.conversations import Conversations
from tests.support.rows import DAY_NS, NOON_NS, project, span

from pulse_storage import SpanRow, StorageAdapter
from pulse_storage.content.documents import RecentDigests, SharedDocument
from pulse_storage.events import EventPart
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import Project
from pulse_storage.sql.maintenance.run import Report, preview, run

pytestmark = pytest.mark.anyio

_P = Project("p", "project p", NOON_NS)
#: Packed bytes of everything that is content; previews are ASCII here.
_CONTENT_BYTES = """
SELECT (SELECT coalesce(sum(length(packed)), 0) FROM content_blocks)
     + (SELECT coalesce(sum(coalesce(length(output_text), 0) + coalesce(length(request_body), 0)
               + coalesce(length(response_body), 0)), 0) FROM span_bodies)
     + (SELECT coalesce(sum(length(document)), 0) FROM span_events)
     + (SELECT coalesce(sum(coalesce(length(output_text), 0) + coalesce(length(request_body), 0)
               + coalesce(length(response_body), 0)), 0) FROM span_event_contents)
     + (SELECT coalesce(sum(coalesce(length(input_preview), 0)
               + coalesce(length(output_preview), 0)), 0) FROM spans)
"""


def _rows(pad: str = "") -> list[SpanRow]:
    """Turns of two users on days of three weeks: they share tools, one is tagged, and some borrow bodies."""
    make = Conversations()
    tools = make.tools(4)
    chats = [list(make.chat(5, tools=tools, system=0)) for _ in range(2)]
    recent = RecentDigests()
    rows: list[SpanRow] = []
    for day in (0, 1, 3, 8, 9):
        for user, chat in enumerate(chats):
            for index, document in enumerate(chat):
                number = 1_000 * (day + 1) + 10 * index + user
                row = turn(number, document, recent=recent, day=day)
                tags = ("gold",) if user and index % 2 else ()
                rows.append(row._replace(tags=tags, metadata=f'{{"pad": "{pad}"}}' if pad else None))
        # The tagged one has no body of its own and shows that of the other record of the same call.
        number = 1_000 * (day + 1) + 500
        lender = turn(number, chats[0][-1], recent=recent, day=day)._replace(scope="a", input_tokens=None)
        borrower = span(number + 1, trace=number, scope="b", tags=("gold",), start_ns=lender.start_ns + 1_000)
        pair = (lender, borrower)
        rows += [row._replace(provider_request_id=f"r{day}", output_preview="o") for row in pair]
    return rows


def _events(rows: Sequence[SpanRow]) -> list[EventPart]:
    """Two log events of every seventh span, and of as many that never come."""
    return [
        EventPart(
            row.otel_trace_id[::-1] if lost else row.otel_trace_id,
            row.otel_span_id,
            bytes([number]) * 16,
            (row.start_ns, number),
            "message",
            b"said %d" % number,
        )
        for row in rows[::7]
        for number in (1, 2)
        for lost in (False, True)
    ]


async def _filled(backend: Backend, folder: Path, pad: str = "") -> StorageAdapter:
    storage = backend.open(folder)
    for project_id in ("p", "q"):
        await storage.create_project(*project(project_id))
    rows = _rows(pad)
    assert sum(isinstance(row.request_body, SharedDocument) for row in rows) > len(rows) // 2
    result = await storage.ingest(rows)
    assert result.stored == len(rows)
    await storage.ingest_events("p", _events(rows), assemble)
    return storage


async def _foretold(storage: StorageAdapter, policy: RetentionPolicy, days: int) -> Report:
    """What the run did, after what it did was compared with what the dry run before it said."""
    await storage.upkeep.set_policy("p", policy)
    now_ns = NOON_NS + days * DAY_NS
    (would,) = await preview(storage, [_P], KEEP_EVERYTHING, now_ns)
    (did,) = await run(storage, [_P], KEEP_EVERYTHING, now_ns)
    assert (would.rows, would.contents, would.size_bytes) == (did.rows, did.contents, did.size_bytes)
    (again,) = await preview(storage, [_P], KEEP_EVERYTHING, now_ns)
    assert (again.rows, again.contents, again.size_bytes) == (0, 0, 0)
    return did


@pytest.mark.parametrize(
    "policy",
    [
        RetentionPolicy(content_days=1),
        RetentionPolicy(rows_days=1),
        RetentionPolicy(content_days=1, rows_days=6),
        RetentionPolicy(content_days=1, keep_tags=("gold",)),
        RetentionPolicy(rows_days=1, keep_tags=("gold",)),
        RetentionPolicy(content_days=1, rows_days=6, keep_errors=True, keep_tags=("gold",)),
    ],
    ids=str,
)
async def test_a_dry_run_tells_what_the_run_frees(
    backend: Backend, tmp_path: Path, policy: RetentionPolicy
) -> None:
    storage = await _filled(backend, tmp_path)
    for days in (2, 5, 10, 20):
        assert (await _foretold(storage, policy, days)).contents or days == 5
    # A policy that keeps less lets go of what the one before kept.
    less = RetentionPolicy(content_days=policy.content_days, rows_days=policy.rows_days)
    did = await _foretold(storage, less, 20)
    assert bool(did.size_bytes) is policy.keeps_some
    await storage.close()
    assert backend.query(tmp_path, _CONTENT_BYTES) == [(0,)]
    backend.check(tmp_path)


async def test_what_content_fills_goes_down_by_what_was_told(backend: Backend, tmp_path: Path) -> None:
    storage = await _filled(backend, tmp_path)
    await storage.close()
    for days in (2, 10, 20):
        [(before,)] = backend.query(tmp_path, _CONTENT_BYTES)
        storage = backend.open(tmp_path)
        did = await _foretold(storage, RetentionPolicy(content_days=1), days)
        await storage.close()
        [(after,)] = backend.query(tmp_path, _CONTENT_BYTES)
        assert int(str(before)) - int(str(after)) == did.size_bytes > 0
    backend.check(tmp_path)


async def test_a_dry_run_of_a_cap_tells_what_the_run_frees(backend: Backend, tmp_path: Path) -> None:
    storage = await _filled(backend, tmp_path, pad="x" * 25_000)
    did = await _foretold(storage, RetentionPolicy(max_mib=1, keep_tags=("gold",)), 20)
    assert did.rows
    assert did.contents > did.rows
    await storage.close()
    backend.check(tmp_path)
