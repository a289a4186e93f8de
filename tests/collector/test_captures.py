"""Every fact that a real instrumentor sends comes out right, and once, however its spans arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.captures import (
    Capture,
    Json,
    captures,
    content_differences,
    differences,
    replay,
    span_by_span,
    stored_calls,
    unpacked,
)

from pulse_collector.events import content_of_parts, event_parts
from pulse_collector.mapping import map_spans
from pulse_storage import Project, StorageAdapter, open_storage
from pulse_storage.keys import key_record, new_key

CAPTURES = captures()
pytestmark = pytest.mark.anyio

#: Content that only log records have; the store joins it to its span elsewhere.
FROM_LOGS = ("request_body", "response_body", "output_text", "finish_reason")


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
    besides = FROM_LOGS if capture.logs is not None else ()
    await replay(storage, "whole", capture, [capture.request])
    whole = await stored_calls(storage, "whole")
    assert differences(capture, whole, besides=besides) == []

    # Last span first, each alone, then all once more.
    pieces = [*reversed(span_by_span(capture.request)), capture.request]
    await replay(storage, "pieces", capture, pieces)
    for call in whole:
        call["project_id"] = "pieces"
    assert [_without_id(call) for call in await stored_calls(storage, "pieces")] == [
        _without_id(call) for call in whole
    ]


@pytest.mark.parametrize("capture", [one for one in CAPTURES if one.logs is not None], ids=by_name)
def test_log_events_tell_the_content_that_their_spans_lack(capture: Capture) -> None:
    assert capture.logs is not None
    parts = event_parts(capture.logs).parts
    calls = sorted(
        (row for row in map_spans("p", capture.request, capture.received_ns).rows if row.model_call),
        key=lambda row: row.start_ns,
    )
    joined: list[dict[str, Json]] = []
    for row in calls:
        own = [part for part in parts if part.otel_span_id == row.otel_span_id]
        # Whatever order the records came in, and however often.
        content = content_of_parts([*reversed(own), *own])
        assert content == content_of_parts(own)
        text = row.output_preview or content.output_preview
        joined.append(
            {
                "request_body": unpacked(row.request_body or content.request_body),
                "response_body": unpacked(row.response_body or content.response_body),
                "output_text": text,
                "finish_reason": row.finish_reason or content.finish_reason,
            }
        )
    assert content_differences(capture, joined, FROM_LOGS) == []


def _without_id(call: dict[str, Json]) -> dict[str, Json]:
    """Ids differ between projects."""
    return {field: value for field, value in call.items() if field != "trace_id"}
