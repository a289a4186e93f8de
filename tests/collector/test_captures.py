"""Every fact that a real instrumentor sends comes out right, and once, however its spans arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
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

from pulse_storage import Project, StorageAdapter, open_storage
from pulse_storage.keys import key_record, new_key

CAPTURES = captures()
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def by_name(capture: Capture) -> str:
    return capture.name


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[StorageAdapter]:
    store = open_storage(f"sqlite:///{tmp_path / 'pulse.db'}")
    for name in ("whole", "pieces"):
        key = key_record(new_key(), name, scopes={"ingest"}, created_ns=0)
        await store.create_project(Project(name, name, 0), key)
    yield store
    await store.close()


@pytest.mark.parametrize("capture", CAPTURES, ids=by_name)
async def test_a_capture_gives_each_call_once_with_all_its_facts(
    storage: StorageAdapter, capture: Capture
) -> None:
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


def _without_id(call: dict[str, Json]) -> dict[str, Json]:
    """Ids differ between projects."""
    return {field: value for field, value in call.items() if field != "trace_id"}
