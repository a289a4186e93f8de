"""Bodies of all dialects, from golden rows and recorded exports, are read as messages without a loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from tests.storage.memory.backend import MemoryBackend
from tests.support.captures import Capture, captures, replay

from pulse_query_api.messages.conversation import RowContent, read_conversation
from pulse_storage import Project
from pulse_storage.engines import Store
from pulse_storage.keys import key_record, new_key
from pulse_storage.queries.filters import Page, TraceFilter

GOLDEN = Path(__file__).parents[1] / "collector" / "golden"
ROWS = sorted(path.relative_to(GOLDEN).as_posix() for path in GOLDEN.glob("*/*.row.json"))
CAPTURES = captures()
#: Members of bodies whose texts are not content: ids, types, and facts of the answer.
NO_CONTENT = frozenset(
    {"id", "model", "type", "object", "service_tier", "system_fingerprint", "signature", "encrypted_content"}
    | {"status", "response_metadata", "llm_output", "generation_info", "usage", "usage_metadata", "role"}
    | {"tool_choice", "truncation", "native_finish_reason", "provider", "model_version", "response_id"}
    | {"meta", "finish_reasons", "verbosity", "moderation"}
)
#: What OpenAI's responses repeat of the request.
REPEATED = frozenset({"instructions", "tools", "text", "metadata"})


def read(row: Mapping[str, Any]) -> dict[str, Any]:
    found = read_conversation(
        RowContent(
            request_body=row.get("request_body"),
            response_body=row.get("response_body"),
            is_tool_run=row.get("operation") == "execute_tool",
        )
    )
    return {"messages": found.messages, "tools": found.tools, "parameters": found.parameters}


def lost_texts(row: Mapping[str, Any], found: dict[str, Any]) -> list[str]:
    """Return the texts of the bodies that the messages lack."""
    written = set(texts(found, skipped=frozenset()))
    written |= {inner for text in [*written] for inner in texts(_parsed(text))}
    lost: list[str] = []
    for name in ("request_body", "response_body"):
        body: Any = orjson.loads(row[name]) if row.get(name) else None
        if name == "response_body" and isinstance(body, dict):
            response = cast("dict[str, Any]", body)
            if response.get("object") == "response":
                body = {key: value for key, value in response.items() if key not in REPEATED}
        lost += [text for text in texts(body) if text not in written and not _is_elsewhere(text, written)]
    return lost


def texts(value: Any, skipped: frozenset[str] = NO_CONTENT) -> Iterator[str]:
    """Yield the texts in a value, without those in the skipped members and encrypted reasoning."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from texts(item, skipped)
    elif isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if members.get("type") == "redacted_thinking":
            return
        for name, item in members.items():
            if name not in skipped:
                yield from texts(item, skipped)


def _is_elsewhere(text: str, written: set[str]) -> bool:
    if not text or text.startswith("data:"):
        return True
    parsed = _parsed(text)
    return parsed is not None and set(texts(parsed)) <= written


def _parsed(text: str) -> Any:
    """Return the document of a JSON text, or None."""
    try:
        return orjson.loads(text) if text[:1] in ("{", "[") else None
    except ValueError:
        return None


@pytest.mark.parametrize("name", ROWS)
def test_golden_row_is_read_without_a_loss(name: str) -> None:
    row: dict[str, Any] = orjson.loads((GOLDEN / name).read_bytes())
    for body in ("request_body", "response_body"):
        if row.get(body) is not None:
            row[body] = orjson.dumps(row[body])
    check(row)


def check(row: Mapping[str, Any]) -> None:
    found = read(row)
    orjson.dumps(found)
    assert lost_texts(row, found) == []
    roles = {message["role"] for message in found["messages"]}
    assert roles <= {"system", "user", "assistant", "tool"}
    if row.get("operation") not in ("chat", "text_completion", "generate_content"):
        return
    answers = [text_of(message) for message in found["messages"] if message["source"] == "response"]
    if row.get("response_body") and row.get("output_text"):
        assert row["output_text"] in answers
    questions = [text_of(message) for message in found["messages"] if message["source"] == "request"]
    if row.get("request_body") and row.get("input_preview"):
        preview = row["input_preview"]
        assert any(text[: len(preview)] == preview for text in questions) or preview.startswith("[")


def text_of(message: dict[str, Any]) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)
async def test_recorded_export_is_read_without_a_loss(capture: Capture, tmp_path: Path) -> None:
    store = MemoryBackend().open(tmp_path)
    rows = await _rows(store, capture)
    for row in rows:
        check(row)
    calls = [read(row) for row in rows if row["operation"] == "chat" and row["response_body"]]
    parts = [part for call in calls for message in call["messages"] for part in message["parts"]]
    scenario = capture.name.partition("/")[2]
    if calls and scenario in ("chat_tools", "a_tools", "chat_tools_stream_parallel"):
        tool_calls = [part for part in parts if part["type"] == "tool_call"]
        assert tool_calls
        assert {part["name"] for part in tool_calls} == {"get_weather"}
        assert all(part["arguments"]["city"] in ("Paris", "Rome") for part in tool_calls)
    if scenario == "chat_image" and any(b"base64," in (row["request_body"] or b"") for row in rows):
        assert any(part["type"] == "image" and part["digest"] for part in parts)


async def _rows(store: Store, capture: Capture) -> list[dict[str, Any]]:
    key = key_record(new_key(), "p", scopes={"ingest"}, created_ns=0)
    await store.create_project(Project("p", "p", 0), key)
    logs = [] if capture.logs is None else [capture.logs]
    await replay(store, "p", capture, [capture.request, *logs])
    page = await store.list_traces("p", TraceFilter(operation="all", counted=None), Page(limit=1000))
    found = [await store.get_trace("p", row.trace_id) for row in page.rows]
    await store.close()
    return [row._asdict() for row in found if row is not None]
