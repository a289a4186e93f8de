"""Log events complete the row of their span in any store, whichever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.model import anonymous, new_project, snapshot
from tests.support.examples import examples
from tests.support.rows import span, step

from pulse_storage import SpanRow, Store, TraceRecord
from pulse_storage.content.bodies import pack
from pulse_storage.rows import MAX_PARTS, EventContent, EventPart, IngestResult

pytestmark = pytest.mark.anyio


def part(number: int, of: SpanRow, text: str | None = None) -> EventPart:
    document = (text or f"part {number}").encode()
    return EventPart(
        of.otel_trace_id, of.otel_span_id, number.to_bytes(16, "big"), (number, 0), "message", document
    )


def assemble(parts: Sequence[EventPart]) -> EventContent:
    """The documents in their order: the first is the question, all the others are the answer."""
    ordered = [p.document for p in sorted(parts, key=lambda p: (p.order, p.digest))]
    answer = b" ".join(ordered[1:]) or None
    return EventContent(
        input_preview=ordered[0].decode(),
        output_preview=None if answer is None else answer.decode()[:10],
        output_text=None if answer is None or len(answer) <= 10 else pack(answer),
        request_body=pack(ordered[0]),
        response_body=None if answer is None else pack(answer),
        finish_reason="length",
    )


SILENT = span(1, input_preview=None, output_preview=None, finish_reason=None)


async def only_row(storage: Store) -> TraceRecord:
    """The only row that counts."""
    [row] = [row for row in await snapshot(storage, "p") if row is not None and row.counted]
    return row


@pytest.mark.parametrize("events_first", [True, False])
async def test_content_is_joined_to_the_span(storage: Store, events_first: bool) -> None:
    parts = [part(1, SILENT), part(2, SILENT), part(3, SILENT)]
    if not events_first:
        await storage.ingest([SILENT])
    assert await storage.ingest_events("p", parts, assemble) == IngestResult(stored=3)
    if events_first:
        await storage.ingest([SILENT])
    row = await only_row(storage)
    assert (row.input_preview, row.output_preview, row.finish_reason) == ("part 1", "part 2 par", "length")
    assert (row.request_body, row.response_body) == (b"part 1", b"part 2 part 3")
    assert row.output_text == "part 2 part 3"


async def test_what_the_span_says_itself_stays(storage: Store) -> None:
    with_content = span(
        1, input_preview="own", output_preview="mine", request_body=pack(b"{}"), finish_reason="stop"
    )
    await storage.ingest([with_content])
    await storage.ingest_events("p", [part(1, with_content), part(2, with_content)], assemble)
    row = await only_row(storage)
    assert (row.input_preview, row.output_text, row.finish_reason) == ("own", "mine", "stop")
    assert (row.request_body, row.response_body) == (b"{}", b"part 2")


async def test_same_events_again_change_nothing(storage: Store) -> None:
    await storage.ingest([SILENT])
    parts = [part(1, SILENT), part(2, SILENT)]
    await storage.ingest_events("p", parts, assemble)
    before = await only_row(storage)
    assert await storage.ingest_events("p", [*parts, *parts], assemble) == IngestResult(duplicates=4)
    assert await only_row(storage) == before


async def test_events_of_a_wrapped_call_reach_the_row_that_counts(storage: Store) -> None:
    outer = span(1, trace=1, scope="framework", input_preview=None, output_preview=None, input_tokens=None)
    inner = span(2, trace=1, parent=1, scope="client", input_preview=None, output_preview=None)
    await storage.ingest_events("p", [part(1, outer)], assemble)
    await storage.ingest([inner])
    await storage.ingest([outer])
    row = await only_row(storage)
    assert row.otel_span_id == inner.otel_span_id
    assert (row.input_preview, row.request_body) == ("part 1", b"part 1")


async def test_a_span_keeps_so_many_events_and_no_more(storage: Store) -> None:
    parts = [part(number, SILENT, "x") for number in range(MAX_PARTS + 2)]
    result = await storage.ingest_events("p", parts, assemble)
    assert (result.stored, [index for index, _ in result.rejected]) == (MAX_PARTS, [MAX_PARTS, MAX_PARTS + 1])


async def test_projects_do_not_share_events(storage: Store) -> None:
    await storage.ingest_events("q", [part(1, SILENT)], assemble)
    await storage.ingest([SILENT, SILENT._replace(project_id="q")])
    [mine] = await snapshot(storage, "p")
    [theirs] = await snapshot(storage, "q")
    assert mine is not None
    assert theirs is not None
    assert (mine.input_preview, mine.request_body) == (None, None)
    assert theirs.request_body == b"part 1"


async def test_events_of_an_unknown_project_are_rejected(storage: Store) -> None:
    result = await storage.ingest_events("unknown", [part(1, SILENT)], assemble)
    assert [index for index, _ in result.rejected] == [0]


def _silent(is_call: bool, number: int, parent: int | None) -> SpanRow:
    make = span if is_call else step
    return make(
        number, trace=1, parent=parent, input_preview=None, output_preview=None, provider_request_id="r"
    )


def _span_id(row: SpanRow) -> bytes:
    return row.otel_span_id


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(
        st.builds(_silent, st.booleans(), st.integers(1, 5), st.none() | st.integers(1, 5)),
        max_size=5,
        unique_by=_span_id,
    ),
    events=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 5)), max_size=8),
    seed=st.integers(0, 1 << 32),
)
def test_order_of_spans_and_events_changes_nothing(
    lasting: Store, rows: list[SpanRow], events: list[tuple[int, int]], seed: int
) -> None:
    parts = [part(number, span(name, trace=1)) for number, name in events]
    deliveries: list[SpanRow | EventPart] = [*rows, *parts, *rows, *parts]
    in_order = _final_state(lasting, [*rows, *parts])
    Random(seed).shuffle(deliveries)
    assert _final_state(lasting, deliveries) == in_order


def _final_state(storage: Store, deliveries: Sequence[SpanRow | EventPart]) -> list[TraceRecord]:
    async def deliver() -> list[TraceRecord]:
        id = await new_project(storage)
        for one in deliveries:
            if isinstance(one, SpanRow):
                await storage.ingest([one._replace(project_id=id)], keep_all=True)
            else:
                await storage.ingest_events(id, [one], assemble)
        return await anonymous(storage, id)

    return asyncio.run(deliver())
