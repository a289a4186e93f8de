"""Recorded exports of real instrumentors: every fact is read, and every call counts once in any order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random

import pytest
from tests.storage.sql_backends import SqlBackend
from tests.support.captures import (
    Capture,
    Json,
    captures,
    differences,
    record_by_record,
    replay,
    span_by_span,
    stored_calls,
)

from pulse_storage import Project, Store
from pulse_storage.keys import key_record, new_key

CAPTURES = captures()
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def by_name(capture: Capture) -> str:
    return capture.name


@pytest.fixture
async def storage(backend: SqlBackend, tmp_path: Path) -> AsyncIterator[Store]:
    store = backend.open(tmp_path)
    for name in ("whole", "pieces", "everything"):
        key = key_record(new_key(), name, scopes={"ingest"}, created_ns=0)
        await store.create_project(Project(name, name, 0), key)
    yield store
    await store.close()
    backend.check(tmp_path)


@pytest.mark.parametrize("capture", CAPTURES, ids=by_name)
async def test_capture_has_each_call_once_with_all_its_facts(storage: Store, capture: Capture) -> None:
    logs = [] if capture.logs is None else [capture.logs]
    await replay(storage, "whole", capture, [capture.request, *logs])
    whole = await stored_calls(storage, "whole")
    assert differences(capture, whole) == []

    # Log records before their spans, last span first, each alone, then all once more.
    records = [record for request in logs for record in record_by_record(request)]
    pieces = [*records, *reversed(span_by_span(capture.request)), *logs, capture.request]
    await replay(storage, "pieces", capture, pieces)
    for call in whole:
        call["project_id"] = "pieces"
    assert [_without_id(call) for call in await stored_calls(storage, "pieces")] == [
        _without_id(call) for call in whole
    ]


@pytest.mark.parametrize("how", ["in order", "twice", "shuffled, one span a request"])
async def test_all_captures_in_one_project_have_the_same_calls_as_each_alone(
    storage: Store, how: str
) -> None:
    """The captures have the same calls, with the same response ids, recorded by different instrumentors."""
    alone: list[dict[str, Json]] = []
    for capture in CAPTURES:
        project = Project(capture.name, capture.name, 0)
        await storage.create_project(
            project, key_record(new_key(), capture.name, scopes={"ingest"}, created_ns=0)
        )
        logs = [] if capture.logs is None else [capture.logs]
        await replay(storage, capture.name, capture, [capture.request, *logs])
        alone += await stored_calls(storage, capture.name)

    pieces = [(capture, piece) for capture in CAPTURES for piece in (capture.request, capture.logs)]
    if how == "twice":
        pieces += pieces
    elif how != "in order":
        pieces = [
            (capture, piece)
            for capture in CAPTURES
            for piece in (
                *span_by_span(capture.request),
                *(() if capture.logs is None else record_by_record(capture.logs)),
            )
        ]
        Random(20261123).shuffle(pieces)
    for capture, piece in pieces:
        if piece is not None:
            await replay(storage, "everything", capture, [piece])

    together = await stored_calls(storage, "everything")
    assert _totals(together) == _totals(alone)
    assert sorted(map(_as_text, together)) == sorted(map(_as_text, alone))


def _totals(calls: Sequence[dict[str, Json]]) -> dict[str, float]:
    """Return the number of calls, and the sums of all columns that are summed anywhere."""
    summed = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_cents")
    return {
        "calls": len(calls),
        **{column: round(sum(float(str(call[column] or 0)) for call in calls), 9) for column in summed},
    }


def _as_text(call: dict[str, Json]) -> str:
    """Return a call as text without what depends on the project."""
    return str(sorted((field, value) for field, value in _without_id(call).items() if field != "project_id"))


def _without_id(call: dict[str, Json]) -> dict[str, Json]:
    """Return a call without its id, which differs between projects."""
    return {field: value for field, value in call.items() if field != "trace_id"}
