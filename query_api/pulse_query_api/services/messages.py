"""Read the messages of one row, and the images and files in its bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

import orjson

from pulse_query_api.errors import ApiError
from pulse_query_api.messages.conversation import RowContent, find_embedded, read_conversation
from pulse_query_api.messages.notes import RowState, notes_of
from pulse_query_api.messages.parts import Embedded
from pulse_query_api.services.traces import find_trace
from pulse_storage.adapter import StorageAdapter
from pulse_storage.rows import TraceRecord
from pulse_storage.trace_json import rfc3339

#: Larger bodies are read in a thread, so that other requests do not wait for them.
_INLINE_BYTES = 64 * 1024
_TOOL_NAMES = (
    *("gen_ai.tool.name", "tool.name", "tool_name", "ai.toolCall.name", "tool.function_name"),
    *("lk.function_tool.name", "spring.ai.tool.definition.name"),
)
_TOOL_CALL_IDS = (
    *("gen_ai.tool.call.id", "tool_call.id", "ai.toolCall.id", "tool.call_id", "lk.function_tool.id"),
)
_TOOL_OPERATION = "execute_tool"

T = TypeVar("T")


async def messages_json(storage: StorageAdapter, project_id: str, trace_id: str) -> bytes:
    """Return the JSON of a row's messages, tools, parameters and notes. Raises ApiError 404."""
    record = await find_trace(storage, project_id, trace_id)
    state = _state(record, await _expired_before(storage, record))
    content = _content(record)

    def read() -> bytes:
        found = read_conversation(content)
        notes = [note._asdict() for note in notes_of(found, state)]
        return orjson.dumps(
            {
                "messages": found.messages,
                "tools": found.tools,
                "parameters": found.parameters,
                "notes": notes,
            }
        )

    return await _run(record, read)


async def embedded_part(storage: StorageAdapter, project_id: str, trace_id: str, digest: str) -> Embedded:
    """Return the data with this SHA-256 that the bodies of a row contain. Raises ApiError 404."""
    record = await find_trace(storage, project_id, trace_id)
    content = _content(record)
    found = await _run(record, lambda: find_embedded(content, digest))
    if found is None:
        raise ApiError(404, "The bodies of this row contain no image or file with this digest.")
    return found


async def _run(record: TraceRecord, read: Callable[[], T]) -> T:
    size = len(record.request_body or b"") + len(record.response_body or b"")
    return read() if size <= _INLINE_BYTES else await asyncio.to_thread(read)


def _content(record: TraceRecord) -> RowContent:
    is_tool_run = record.operation == _TOOL_OPERATION
    attributes: Mapping[str, object] = _attributes(record) if is_tool_run else {}
    return RowContent(
        request_body=record.request_body,
        response_body=record.response_body,
        input_text=record.input_preview,
        output_text=record.output_text or record.output_preview,
        is_tool_run=is_tool_run,
        tool_call_id=_first(attributes, _TOOL_CALL_IDS),
        tool_name=_first(attributes, _TOOL_NAMES) or record.name.removeprefix(f"{_TOOL_OPERATION} "),
    )


def _attributes(record: TraceRecord) -> Mapping[str, object]:
    """Return the attributes of a span that have no column."""
    metadata = cast("dict[str, object]", orjson.loads(record.metadata)) if record.metadata else {}
    attributes = metadata.get("attributes")
    return cast("dict[str, object]", attributes) if isinstance(attributes, dict) else {}


def _first(attributes: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    values = (attributes.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value), None)


async def _expired_before(storage: StorageAdapter, record: TraceRecord) -> str | None:
    """Return the start of the project's remaining content if the row is older and has no content."""
    texts = (record.input_preview, record.output_preview, record.output_text)
    if record.request_body is not None or record.response_body is not None or any(texts):
        return None
    try:
        progress = await storage.maintenance.progress(record.project_id)
    except KeyError:
        return None  # the project was deleted after the row was read
    content_from_ns = progress.content_from_ns
    if content_from_ns is None or record.start_ns >= content_from_ns:
        return None
    return rfc3339(content_from_ns)


def _state(record: TraceRecord, expired_before: str | None) -> RowState:
    return RowState(
        has_request=record.request_body is not None,
        has_response=record.response_body is not None,
        input_text=record.input_preview,
        output_text=record.output_text or record.output_preview,
        is_output_cut=record.output_text is None,
        is_error=record.status == "error",
        operation=record.operation,
        dialect=record.dialect,
        expired_before=expired_before,
    )
