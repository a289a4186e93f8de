"""The limits of counting, filtering and committing, each with a value on either side."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.storage.model import everything
from tests.storage.sql_backends import SqlBackend
from tests.storage.test_call_series import RecordingDatabase
from tests.storage.test_reconcile import MS, OTHER_TRACE, counted
from tests.storage.test_reconcile import span as skeleton
from tests.support.rows import NOON_NS, SECOND_NS, project, span, step

from pulse_storage import SpanRow, Store, TraceRecord
from pulse_storage.queries.filters import Page, TraceFilter
from pulse_storage.runtime.writer import Writer

_MAX_COMMIT_ROWS = 4_000


@pytest.mark.parametrize(("apart_ms", "calls"), [(50, [1]), (51, [1, 2])])
def test_siblings_with_one_id_up_to_50_ms_apart_are_one_call(apart_ms: int, calls: list[int]) -> None:
    first = skeleton(1, provider_request_id="r1")
    second = skeleton(2, provider_request_id="r1", scope="framework", start_ns=first.end_ns + apart_ms * MS)
    assert counted([first, second]) == calls


@pytest.mark.parametrize(("later_ms", "calls"), [(50, [1]), (51, [1, 2])])
def test_spans_of_two_traces_that_nest_within_50_ms_are_one_call(later_ms: int, calls: list[int]) -> None:
    facts: dict[str, Any] = {"provider_request_id": "r1", "input_tokens": 4}
    outer = skeleton(1, **facts)
    inner = skeleton(
        2,
        otel_trace_id=OTHER_TRACE,
        scope="gateway",
        start_ns=outer.start_ns + 60 * MS,
        latency_ms=40.0 + later_ms,
        **facts,
    )
    assert counted([outer, inner]) == calls


@pytest.mark.parametrize(("gap_ms", "calls"), [(5_000, [1]), (5_001, [1, 2])])
def test_stream_read_up_to_5_s_after_its_request_is_one_call(gap_ms: int, calls: list[int]) -> None:
    request = skeleton(1, partner_key="stream:k")
    part = skeleton(2, partner_key="stream:k", output_tokens=1, start_ns=request.end_ns + gap_ms * MS)
    assert counted([request, part]) == calls


def test_span_with_the_response_id_counts_rather_than_an_earlier_one() -> None:
    usage: dict[str, Any] = {"input_tokens": 42, "output_tokens": 12}
    without_id = skeleton(1, scope="framework", **usage)
    with_id = skeleton(2, provider_request_id="r1", latency_ms=80.0, **usage)
    assert counted([without_id, with_id]) == [2]


@pytest.mark.anyio
@pytest.mark.parametrize(("apart_s", "calls"), [(599, 1), (601, 2)])
@pytest.mark.parametrize("part_is_first", [False, True])
async def test_halves_of_a_stream_that_start_within_600_s_are_one_call(
    storage: Store, apart_s: int, calls: int, part_is_first: bool
) -> None:
    latency_ms = (apart_s - 1) * 1_000.0
    halves = [
        span(1, partner_key="stream:k", output_tokens=None, latency_ms=latency_ms),
        span(2, partner_key="stream:k", output_preview="Hi", start_ns=NOON_NS + (1 + apart_s) * SECOND_NS),
    ]
    for half in halves[::-1] if part_is_first else halves:
        await storage.ingest([half])
    assert len((await storage.list_traces("p", TraceFilter(), Page())).rows) == calls


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["Straße", "STRASSE", "STRAẞE"])
async def test_letters_that_fold_to_several_are_found_in_any_case(storage: Store, text: str) -> None:
    await storage.ingest([span(1, input_preview=f"Die lange {text} am Hafen")])
    for wanted in ("straße", "lange STRAẞE"):
        [found] = (await storage.list_traces("p", TraceFilter(text=wanted), Page())).rows
        assert found.input_preview == f"Die lange {text} am Hafen"
    assert (await storage.list_traces("p", TraceFilter(text="straßen"), Page())).rows == []


def test_latency_filter_finds_rows_whose_bucket_was_rounded_down(backend: SqlBackend, tmp_path: Path) -> None:
    """The logarithm of another machine's C library can be smaller in its last digit."""
    with_rows = asyncio.run(_stored(backend, tmp_path, [[span(1, latency_ms=512.0)]]))
    backend.execute(tmp_path, "UPDATE spans SET latency_bucket = latency_bucket - 1")

    async def listed() -> list[TraceRecord]:
        storage = backend.open(tmp_path)
        rows = (await storage.list_traces("p", TraceFilter(min_latency_ms=512.0), Page())).rows
        await storage.close()
        return list(rows)

    assert asyncio.run(listed()) == with_rows
    backend.release(tmp_path)


@pytest.mark.parametrize("levels", [1, 15])
def test_call_in_a_large_trace_takes_facts_from_16_levels_above(
    backend: SqlBackend, tmp_path: Path, levels: int
) -> None:
    """The steps between a framework's span and the client's are stored before the client's span."""
    framework = span(2, trace=1, parent=1, scope="framework", finish_reason=None, input_preview="a question")
    steps = [step(number, trace=1, parent=number - 1) for number in range(3, 3 + levels)]
    client = span(100, trace=1, parent=2 + levels, provider_request_id="r1", finish_reason="stop")
    many = [step(number, trace=1, parent=1) for number in range(1_000, 1_600)]
    rows = asyncio.run(_stored(backend, tmp_path, [[step(1, trace=1), *many], [framework, *steps], [client]]))
    [call] = [row for row in rows if row.counted]
    assert (call.otel_span_id, call.input_preview) == (client.otel_span_id, "a question")
    backend.check(tmp_path)


def test_calls_that_wait_together_are_committed_in_bounded_parts() -> None:
    database = RecordingDatabase()
    writer = Writer(database, max_queue_bytes=64 << 20)
    calls = [[span(number) for number in range(1_500)] for _ in range(6)]
    futures = [writer.submit(call, keep_all=False) for call in calls]
    database.go.release(len(calls))
    assert [future.result(timeout=30).stored for future in futures] == [1_500] * 6
    writer.close()
    assert max(map(len, database.commits)) <= _MAX_COMMIT_ROWS


def test_one_call_of_many_rows_is_committed_in_bounded_parts() -> None:
    database = RecordingDatabase()
    writer = Writer(database, max_queue_bytes=64 << 20)
    database.go.release(3)
    rows = [span(number) for number in range(10_000)]
    assert writer.submit(rows, keep_all=False).result(timeout=30).stored == 10_000
    writer.close()
    assert [len(commit) for commit in database.commits] == [4_000, 4_000, 2_000]


async def _stored(backend: SqlBackend, folder: Path, batches: list[list[SpanRow]]) -> list[TraceRecord]:
    """Store the batches one after the other; return all rows."""
    storage = backend.open(folder)
    await storage.create_project(*project())
    for batch in batches:
        await storage.ingest(batch, keep_all=True)
    rows = await everything(storage, "p")
    await storage.close()
    return rows
