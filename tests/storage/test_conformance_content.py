"""Every store keeps what documents share once, and gives every row its own document back."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.backends import Backend
from tests.storage.model import EVERYTHING, everything
from tests.support.conversations import Conversations
from tests.support.examples import examples
from tests.support.rows import DAY_NS, NOON_NS, SECOND_NS, project, span

from pulse_storage import IngestResult, SpanRow, Store
from pulse_storage.content.bodies import pack
from pulse_storage.content.documents import RecentDigests, SharedDocument, pack_document
from pulse_storage.queries.filters import Page

pytestmark = pytest.mark.anyio


def turn(
    number: int, document: bytes, *, project_id: str = "p", recent: RecentDigests | None = None, day: int = 0
) -> SpanRow:
    """A row with a request document, as a receiver that has seen `recent` would make it."""
    start_ns = NOON_NS + day * DAY_NS + number * SECOND_NS
    body = pack_document(document, project_id, start_ns, RecentDigests() if recent is None else recent)
    return span(number, project_id=project_id, start_ns=start_ns, request_body=body)


async def documents(storage: Store, project_id: str = "p") -> list[bytes | None]:
    """The request documents of a project, oldest first."""
    page = await storage.list_traces(project_id, EVERYTHING, Page(limit=1000, order="asc"))
    rows = [await storage.get_trace(project_id, row.trace_id) for row in page.rows]
    return [row and row.request_body for row in rows]


async def test_conversation_reads_back_turn_by_turn(storage: Store) -> None:
    recent = RecentDigests()
    said = list(Conversations().chat(12))
    rows = [turn(number, document, recent=recent) for number, document in enumerate(said)]
    assert sum(isinstance(row.request_body, SharedDocument) for row in rows) > 9
    for row in rows[:6]:
        await storage.ingest([row])
    await storage.ingest(rows[6:])
    assert await documents(storage) == said


async def test_shared_documents_and_others_stand_side_by_side(storage: Store) -> None:
    [long] = Conversations().chat(1, system=5_000)
    row = turn(1, long)._replace(output_text=pack(b"text"), response_body=pack(b'{"choices": []}'))
    whole = span(2, request_body=pack(long), response_body=pack(b"{}"))
    await storage.ingest([row, whole, span(3), span(4, output_text=pack(b"only"))])
    kept = [
        (got.request_body, got.response_body, got.output_text)
        for row in reversed(await everything(storage, "p"))
        if (got := await storage.get_trace("p", row.trace_id))
    ]
    assert kept == [
        (long, b'{"choices": []}', "text"),
        (long, b"{}", None),
        (None, None, None),
        (None, None, "only"),
    ]


async def test_wrong_guess_of_what_is_stored_loses_nothing(storage: Store) -> None:
    said = list(Conversations().chat(8))
    recent = RecentDigests()
    rows = [turn(number, document, recent=recent) for number, document in enumerate(said)]
    # The first rows, which seem to bring the parts, never come, or come last.
    await storage.ingest(rows[5:])
    await storage.ingest(rows[3:5])
    assert await documents(storage) == said[3:]
    await storage.ingest(rows[:3])
    assert await documents(storage) == said


async def test_refused_rows_take_no_neighbours_content_along(storage: Store) -> None:
    recent = RecentDigests()
    said = list(Conversations().chat(9))
    rows = [turn(number, document, recent=recent) for number, document in enumerate(said)]
    for bad in (0, 3, 8):
        rows[bad] = rows[bad]._replace(input_tokens=1 << 70)
    result = await storage.ingest(rows)
    assert (result.stored, [index for index, _ in result.rejected]) == (6, [0, 3, 8])
    assert await documents(storage) == [said[i] for i in range(9) if i not in (0, 3, 8)]


async def test_duplicates_and_left_out_rows_leave_nothing_that_others_need(storage: Store) -> None:
    recent = RecentDigests()
    said = list(Conversations().chat(6))
    rows = [turn(number, document, recent=recent) for number, document in enumerate(said)]
    foreign = rows[0]._replace(gen_ai=False, model_call=False)
    assert await storage.ingest([foreign]) == IngestResult(left_out=1)
    twice = rows[1]._replace(request_body=pack(b"{}"))
    await storage.ingest([twice])
    assert await storage.ingest(rows[1:3]) == IngestResult(stored=1, duplicates=1)
    await storage.ingest(rows[3:])
    assert await documents(storage) == [b"{}", *said[2:]]


async def test_projects_and_weeks_share_nothing(storage: Store) -> None:
    said = list(Conversations().chat(4))
    recent = RecentDigests()
    for number, document in enumerate(said):
        for project_id in ("p", "q"):
            for day in (0, 9):
                row = turn(number + 10 * day, document, project_id=project_id, recent=recent, day=day)
                await storage.ingest([row])
    assert await documents(storage, "p") == await documents(storage, "q") == said + said


async def test_document_referenced_in_another_row_is_read(storage: Store) -> None:
    [long] = Conversations().chat(1, system=5_000)
    source_id = (1).to_bytes(8, "big")
    source = turn(1, long)._replace(otel_trace_id=bytes(15) + b"\x01", input_tokens=None, output_tokens=None)
    referring = span(2, trace=1, scope="other", provider_request_id="r-1", parent_span_id=source_id)
    await storage.ingest([source._replace(provider_request_id="r-1"), referring])
    [counted] = [row for row in await everything(storage, "p") if row.counted]
    got = await storage.get_trace("p", counted.trace_id)
    assert got is not None
    assert (got.otel_span_id, got.request_body) == (referring.otel_span_id, long)


async def test_long_list_of_messages_is_stored_and_grows(storage: Store) -> None:
    messages = b",".join([b'{"role":"user","content":"%d"}' % number for number in range(10_000)])
    said = [b'{"messages":[%s]}' % messages, b'{"messages":[%s,{"role":"assistant"}]}' % messages]
    recent = RecentDigests()
    for number, document in enumerate(said):
        await storage.ingest([turn(number, document, recent=recent)])
    assert await documents(storage) == said


async def test_damaged_content_is_logged_and_its_row_is_returned(
    backend: Backend, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = backend.open(tmp_path)
    await storage.create_project(*project())
    recent = RecentDigests()
    said = list(Conversations().chat(5))
    await storage.ingest([turn(number, document, recent=recent) for number, document in enumerate(said)])
    await storage.ingest([span(9, request_body=b"(\xb5/\xfdnot what zstd writes")])
    await storage.close()
    backend.damage_content(tmp_path)
    again = backend.open(tmp_path)
    with caplog.at_level(logging.ERROR):
        assert await documents(again) == [*said[:4], None, None]
    assert len([record for record in caplog.records if "damaged" in record.message]) == 2
    await again.close()


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1 << 32), st.booleans())
def test_any_order_repetition_and_batching_gives_the_same_documents(
    backend: Backend, seed: int, one_process: bool
) -> None:
    random = Random(seed)
    make = Conversations(seed)
    tools = make.tools(4)
    said = [*make.chat(5, tools=tools), *make.chat(4, tools=tools, changing_system=True), *make.agent(4)]
    recent = RecentDigests()
    rows = [
        turn(number, document, recent=recent if one_process else None) for number, document in enumerate(said)
    ]
    sent = [*rows, *random.choices(rows, k=4)]
    random.shuffle(sent)
    cuts = sorted(random.sample(range(1, len(sent)), 3))
    batches = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(_documents_of(backend, Path(folder), batches)) == said


async def _documents_of(
    backend: Backend, folder: Path, batches: Sequence[Sequence[SpanRow]]
) -> list[bytes | None]:
    storage = backend.open(folder)
    await storage.create_project(*project())
    await asyncio.gather(*(storage.ingest(batch) for batch in batches))
    found = await documents(storage)
    await storage.close()
    backend.check(folder)
    return found
