"""Every store keeps rows as the contract promises: durable, once each, independent of other rows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from tests.storage.backends import Backend
from tests.storage.model import EVERYTHING, everything, snapshot
from tests.support.rows import NOON_NS, SECOND_NS, batch_span, other, project, span, step

from pulse_storage import IngestResult, SpanRow, Store, StoreUnavailable
from pulse_storage.content.bodies import pack
from pulse_storage.queries.filters import AnalyticsQuery, Page, TraceFilter

pytestmark = pytest.mark.anyio


def test_adapters_fit_the_protocol(backend: Backend, tmp_path: Path) -> None:
    storage: Store = backend.open(tmp_path)
    asyncio.run(storage.close())
    backend.check(tmp_path)


async def test_row_reads_back_as_it_was_stored(storage: Store) -> None:
    row = span(
        1,
        parent=9,
        provider_request_id="r-1",
        cache_read_tokens=40,
        cache_write_tokens=0,
        reasoning_tokens=5,
        cache_write_1h_tokens=0,
        input_audio_tokens=7,
        input_image_tokens=0,
        output_audio_tokens=3,
        output_image_tokens=1,
        service_tier="flex",
        time_to_first_token_ms=12.5,
        session_id="s",
        user_id="u",
        tags=("a", "b b", 'c"'),
        service="shop",
        environment="prod",
        release="1.2",
        input_preview="hello",
        output_preview="hi",
        metadata='{"k": [1, 2]}',
        output_text=pack(b"hi there"),
        request_body=pack(b'{"messages": []}'),
        response_body=pack(b'{"choices": []}'),
    )
    await storage.ingest([row])
    [listed] = (await storage.list_traces("p", TraceFilter(), Page())).rows
    got = await storage.get_trace("p", listed.trace_id)
    assert got is not None
    for column in set(SpanRow._fields) & set(got._fields) - {"output_text", "request_body", "response_body"}:
        assert getattr(got, column) == getattr(row, column), column
    assert (got.counted, got.output_text) == (True, "hi there")
    assert (got.request_body, got.response_body) == (b'{"messages": []}', b'{"choices": []}')
    assert got._replace(request_body=None, response_body=None) == listed


async def test_unknown_stays_unknown(storage: Store) -> None:
    nullable = [column for column, value in _only_required()._asdict().items() if value is None]
    await storage.ingest([_only_required()])
    [row] = (await storage.list_traces("p", EVERYTHING, Page())).rows
    got = await storage.get_trace("p", row.trace_id)
    assert got is not None
    assert [getattr(got, column) for column in nullable if hasattr(got, column)] == [None] * (
        sum(hasattr(got, column) for column in nullable)
    )
    assert got.tags == ()


def _only_required() -> SpanRow:
    required = {
        "project_id", "otel_trace_id", "otel_span_id", "start_ns",
        "model_call", "gen_ai", "name", "status", "tags",
    }  # fmt: skip
    return span(1)._replace(**{column: None for column in SpanRow._fields if column not in required})


async def test_acknowledged_row_is_there_after_reopening(backend: Backend, tmp_path: Path) -> None:
    storage = backend.open(tmp_path)
    await storage.create_project(*project())
    await storage.ingest([span(number) for number in range(1, 11)])
    before = await snapshot(storage, "p")
    await storage.close()
    again = backend.open(tmp_path)
    assert await snapshot(again, "p") == before
    assert len(before) == 10
    await again.close()


async def test_close_commits_what_waits(backend: Backend, tmp_path: Path) -> None:
    storage = backend.open(tmp_path)
    await storage.create_project(*project())
    futures = [storage.submit([span(number)]) for number in range(1, 101)]
    await storage.close()
    assert [future.result(timeout=0).stored for future in futures] == [1] * 100
    again = backend.open(tmp_path)
    assert len(await everything(again, "p")) == 100
    await again.close()


async def test_closed_store_answers_unavailable(backend: Backend, tmp_path: Path) -> None:
    storage = backend.open(tmp_path)
    await storage.check_writable()
    await storage.close()
    await storage.close()
    with pytest.raises(StoreUnavailable):
        await storage.ingest([span(1)])
    with pytest.raises(StoreUnavailable):
        await storage.list_traces("p", TraceFilter(), Page())
    with pytest.raises(StoreUnavailable):
        await storage.check_writable()


async def test_row_can_be_read_as_soon_as_it_is_acknowledged(storage: Store) -> None:
    for number in range(1, 30):
        await storage.ingest([span(number)])
        assert (await storage.count_traces("p", TraceFilter())).rows == number
        assert len((await storage.list_traces("p", TraceFilter(), Page())).rows) == number


async def test_repeated_batch_is_stored_once(storage: Store) -> None:
    batch = [span(number, trace=number % 3) for number in range(1, 10)]
    assert await storage.ingest(batch) == IngestResult(stored=9)
    once = await snapshot(storage, "p"), await _sums(storage)
    assert await storage.ingest(batch) == IngestResult(duplicates=9)
    assert await storage.ingest([]) == IngestResult()
    assert (await snapshot(storage, "p"), await _sums(storage)) == once
    mixed = [*batch[3:], span(10), *batch[:3]]
    assert await storage.ingest(mixed) == IngestResult(stored=1, duplicates=9)
    assert (await snapshot(storage, "p"))[1:] == once[0]


async def _sums(storage: Store) -> object:
    return await storage.analytics("p", AnalyticsQuery(from_ns=0, before_ns=2 * NOON_NS))


async def test_redelivered_span_with_a_new_trace_keeps_its_row(storage: Store) -> None:
    await storage.ingest([step(1, trace=1, session_id="s"), span(2, trace=1, parent=1)])
    before = await snapshot(storage, "p")
    await storage.ingest([span(2, trace=1, parent=1), span(3, trace=3)])
    assert (await snapshot(storage, "p"))[-2:] == before


async def test_row_twice_in_one_call_is_stored_once(storage: Store) -> None:
    assert await storage.ingest([span(1), span(2), span(1)]) == IngestResult(stored=2, duplicates=1)
    assert (await storage.count_traces("p", TraceFilter())).rows == 2


async def test_stored_row_stays_as_it_is(storage: Store) -> None:
    await storage.ingest([span(1, name="first")])
    later = span(1, name="second", start_ns=NOON_NS + 5000 * SECOND_NS)
    assert await storage.ingest([later]) == IngestResult(duplicates=1)
    assert [row.name for row in await everything(storage, "p")] == ["first"]


async def test_batch_row_sent_again_at_another_time_is_the_same_row(storage: Store) -> None:
    id = UUID("6f3c8a52-7d0e-4a0f-9a31-0c2f4c1a9d11")
    await storage.ingest([batch_span(id)])
    again = batch_span(id, start_ns=NOON_NS + 60 * SECOND_NS)
    assert await storage.ingest([again]) == IngestResult(duplicates=1)
    [row] = await everything(storage, "p")
    assert (row.trace_id, row.start_ns) == (id, NOON_NS)
    got = await storage.get_trace("p", id)
    assert got == row


async def test_invalid_row_is_rejected_alone(storage: Store) -> None:
    bad = {
        "surrogate": span(2, name="\ud800"),
        "beyond int64": span(3, input_tokens=1 << 63),
        "not a number": span(4, latency_ms=float("nan")),
        "endless": span(5, latency_ms=float("inf")),
        "no such project": span(6, project_id="unknown"),
        "surrogate in metadata": span(7, metadata="\udfff"),
        "surrogate in tags": span(9, tags=("fine", "\ud800")),
        "surrogate in a partner key": span(10, partner_key="\ud800"),
        "below int64": span(11, cost_nano_usd=-(1 << 63) - 1),
        "beyond any time": span(12, start_ns=1 << 63),
        "beyond any latency": span(13, latency_ms=1e308),
        "beyond all sums": span(14, latency_ms=1e17),
    }
    batch = [span(1), *bad.values(), span(8), span(1)]
    result = await storage.ingest(batch)
    assert (result.stored, result.duplicates, result.left_out) == (2, 1, 0)
    assert [index for index, _ in result.rejected] == [*range(1, 1 + len(bad))]
    assert all(reason for _, reason in result.rejected)
    assert {row.otel_span_id for row in await everything(storage, "p")} == {
        span(1).otel_span_id,
        span(8).otel_span_id,
    }


async def test_programming_error_rejects_no_row(storage: Store) -> None:
    with pytest.raises(StoreUnavailable):
        await storage.ingest([span(1), span(2, release=cast("str", object()))])
    assert (await storage.ingest([span(1)])).stored == 1


async def test_invalid_row_does_not_affect_concurrent_calls(storage: Store) -> None:
    futures = [
        storage.submit([span(number), span(1000 + number, name="\ud800" if number % 5 == 0 else "fine")])
        for number in range(1, 101)
    ]
    results = await asyncio.gather(*(asyncio.wrap_future(future) for future in futures))
    assert [result.stored for result in results] == [1 if number % 5 == 0 else 2 for number in range(1, 101)]
    assert [bool(result.rejected) for result in results] == [number % 5 == 0 for number in range(1, 101)]
    assert (await storage.count_traces("p", TraceFilter())).rows == 180


@pytest.mark.parametrize(
    "text",
    [
        "NUL \0 inside",
        "日本語 🦜",
        "e\u0301 é",
        "\u202eabc",
        "'; DROP TABLE spans; --",
        "%_\\",
        "x" * 100_000,
        "",
    ],
)
async def test_any_text_comes_back_unchanged(storage: Store, backend: Backend, text: str) -> None:
    row = span(
        1,
        name=text,
        session_id=text or None,
        error_message=text,
        input_preview=text,
        tags=(text,),
        output_text=pack(text.encode()),
        request_body=pack(text.encode()),
    )
    await storage.ingest([row])
    [listed] = await everything(storage, "p")
    got = await storage.get_trace("p", listed.trace_id)
    assert got is not None
    shown = backend.text(text)
    assert (got.name, got.session_id, got.error_message) == (shown, shown or None, shown)
    assert (got.input_preview, got.tags, got.output_text) == (shown, (shown,), text)
    in_session = await storage.list_traces("p", TraceFilter(session_id=text or None), Page())
    assert [row.otel_span_id for row in in_session.rows] == [row.otel_span_id for row in [listed]]
    assert got.request_body == text.encode()


@pytest.mark.parametrize("size", [0, 1, 100, 16_384, 5_000_000])
async def test_bodies_of_any_size_come_back_unchanged(storage: Store, size: int) -> None:
    document = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    await storage.ingest([span(1, request_body=pack(document), response_body=pack(document[::-1]))])
    [row] = (await storage.list_traces("p", TraceFilter(), Page())).rows
    got = await storage.get_trace("p", row.trace_id)
    assert got is not None
    assert (got.request_body, got.response_body) == (document, document[::-1])


@pytest.mark.parametrize("start_ns", [-(1 << 63), -1, 0, 1, 999_999, NOON_NS, (1 << 63) - 1])
async def test_any_start_time_is_kept_and_summed(storage: Store, start_ns: int) -> None:
    await storage.ingest([span(1, start_ns=start_ns), span(2)])
    [row] = (
        await storage.list_traces("p", TraceFilter(from_ns=start_ns, before_ns=start_ns + 1), Page())
    ).rows[:1]
    assert row.start_ns == start_ns
    query = AnalyticsQuery(from_ns=start_ns, before_ns=start_ns + 1, group_by="hour")
    assert (await storage.analytics("p", query)).total.calls == 1
    assert (await storage.count_traces("p", TraceFilter(from_ns=start_ns, before_ns=start_ns + 1))).rows == 1


async def test_other_spans_need_a_gen_ai_span_in_their_trace(storage: Store) -> None:
    assert await storage.ingest([other(1, trace=1)]) == IngestResult(left_out=1)
    # In the same call, whatever the order.
    assert await storage.ingest([other(2, trace=2), span(3, trace=2)]) == IngestResult(stored=2)
    # Stored before.
    assert await storage.ingest([other(4, trace=2), other(5, trace=5)]) == IngestResult(stored=1, left_out=1)
    assert await storage.ingest([other(6, trace=6)], keep_all=True) == IngestResult(stored=1)
    # What was kept without a gen-ai span does not make its trace one.
    assert await storage.ingest([other(7, trace=6)]) == IngestResult(left_out=1)
    assert await storage.ingest([step(8, trace=6), other(7, trace=6)]) == IngestResult(stored=2)


async def test_span_with_session_user_or_tags_is_stored_for_later_calls(
    storage: Store,
) -> None:
    roots = [
        other(1, trace=1, session_id="chat-42"),
        other(2, trace=2, user_id="u1"),
        other(3, trace=3, tags=("beta",)),
    ]
    calls = [span(11, trace=1, parent=1), span(12, trace=2, parent=2), span(13, trace=3, parent=3)]
    for row in (*roots, *calls):
        assert await storage.ingest([row]) == IngestResult(stored=1)
    page = await storage.list_traces("p", TraceFilter(), Page(order="asc"))
    assert sorted((row.session_id or "", row.user_id or "", row.tags) for row in page.rows) == [
        ("", "", ("beta",)),
        ("", "u1", ()),
        ("chat-42", "", ()),
    ]


async def test_gen_ai_span_of_a_later_call_keeps_no_earlier_spans(storage: Store) -> None:
    first = storage.submit([other(1, trace=1)])
    second = storage.submit([span(2, trace=1)])
    third = storage.submit([other(3, trace=1)])
    results = [await asyncio.wrap_future(future) for future in (first, second, third)]
    assert results == [IngestResult(left_out=1), IngestResult(stored=1), IngestResult(stored=1)]


async def test_cancelled_wait_keeps_the_rows(storage: Store) -> None:
    tasks = [asyncio.create_task(storage.ingest([span(number)])) for number in range(1, 20)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await storage.ingest([span(100)])
    assert (await storage.count_traces("p", TraceFilter())).rows == 20


async def test_queue_depth_falls_back_to_nothing(storage: Store) -> None:
    await asyncio.gather(*(storage.ingest([span(number)]) for number in range(1, 50)))
    assert storage.queue_depth() == (0, 0)


async def test_check_writable_returns_for_a_writable_store(storage: Store) -> None:
    await storage.check_writable()
    await storage.check_writable()
