"""Shared content when rows that refer to it are dropped, kept or erased."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.storage.model import snapshot
from tests.storage.sql_backends import SqlBackend, SqliteBackend
from tests.support.conversations import Conversations
from tests.support.rows import DAY_NS, NOON_NS, SECOND_NS, project, span

from pulse_storage import SpanRow, Store
from pulse_storage.content.bodies import unpack
from pulse_storage.content.documents import RecentDigests, SharedDocument, pack_document
from pulse_storage.retention import KEEP_EVERYTHING, RetentionPolicy
from pulse_storage.rows import Project

pytestmark = pytest.mark.anyio

_P = Project("p", "p", 0)


def _turns(first: int, documents: list[bytes], recent: RecentDigests, **columns: object) -> list[SpanRow]:
    rows: list[SpanRow] = []
    for number, document in enumerate(documents, first):
        start_ns = NOON_NS + number * SECOND_NS
        body = pack_document(document, "p", start_ns, recent)
        rows.append(span(number)._replace(start_ns=start_ns, request_body=body, **columns))
    return rows


async def test_rows_that_stay_keep_their_documents_when_the_rest_of_the_week_has_gone(
    storage: Store,
) -> None:
    said = list(Conversations().chat(12))
    rows = _turns(1, said, RecentDigests())
    assert any(isinstance(row.request_body, SharedDocument) for row in rows)
    rows[9] = rows[9]._replace(tags=("gold",))
    await storage.ingest(rows)
    await storage.set_retention_policy("p", RetentionPolicy(content_days=1, keep_tags=("gold",)))
    for days in (2, 9):
        now_ns = NOON_NS + days * DAY_NS
        (would,) = await storage.maintenance.preview([_P], KEEP_EVERYTHING, now_ns)
        (report,) = await storage.maintenance.apply([_P], KEEP_EVERYTHING, now_ns)
        assert report.contents == would.contents
        kept = [row.request_body for row in await snapshot(storage, "p") if row is not None]
        assert [document for document in kept if document is not None] == [said[9]]
    # A late one that is kept brings what it needs with it.
    late = _turns(50, [said[11]], RecentDigests(), tags=("gold",))
    await storage.ingest(late)
    await storage.maintenance.apply([_P], KEEP_EVERYTHING, NOON_NS + 16 * DAY_NS)
    kept = [row.request_body for row in await snapshot(storage, "p") if row is not None and row.request_body]
    assert sorted(kept) == sorted([said[9], said[11]])


async def test_what_an_erased_user_alone_said_is_in_no_block(backend: SqlBackend, tmp_path: Path) -> None:
    storage = backend.open(tmp_path)
    await storage.create_project(*project("p"))
    recent = RecentDigests()
    shared = list(Conversations().chat(6))
    theirs = [document.replace(b'"content"', b'"content" ', 1) for document in shared]
    theirs = [_with_words(document, "SECRETWORD") for document in theirs]
    await storage.ingest(_turns(1, theirs, recent, user_id="ana"))
    await storage.ingest(_turns(20, shared, recent, user_id="bob"))
    before = await _documents(storage)
    done = await storage.maintenance.erase(await storage.order_erasure("p", "user_id", "ana"))
    assert (done.rows, done.finished_ns is not None) == (6, True)
    assert await _documents(storage) == before[6:]
    # Their blocks are not used any more: the same content is stored again.
    await storage.ingest(_turns(40, theirs, RecentDigests(), user_id="ana"))
    assert (await _documents(storage))[6:] == theirs
    await storage.maintenance.erase(await storage.order_erasure("p", "user_id", "ana"))
    assert await _documents(storage) == shared
    await storage.close()
    backend.check(tmp_path)
    if isinstance(backend, SqliteBackend):
        connection = sqlite3.connect(tmp_path / "pulse.db")
        blocks = [unpack(packed) for (packed,) in connection.execute("SELECT packed FROM content_blocks")]
        connection.close()
        assert blocks
        assert not any(b"SECRETWORD" in block for block in blocks)


def _with_words(document: bytes, words: str) -> bytes:
    """The document with a last message that says this at length."""
    message = b', {"role": "user", "content": "%s"}]' % (f"{words} {len(document)} " * 40).encode()
    end = document.rindex(b"]")
    return document[:end] + message + document[end + 1 :]


async def _documents(storage: Store) -> list[bytes | None]:
    """The request documents, oldest first."""
    return [row.request_body for row in reversed(await snapshot(storage, "p")) if row is not None]
