"""Reading messages never raises, returns JSON, and its size and time are bounded by the bodies."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.examples import examples

from pulse_query_api.messages.content import read_content
from pulse_query_api.messages.conversation import RowContent, find_embedded, read_conversation
from pulse_query_api.messages.json_values import Json
from pulse_query_api.messages.parts import MAX_PARTS, Parts, Reading

_NAMES = st.sampled_from(
    [
        *(
            "messages",
            "role",
            "content",
            "parts",
            "type",
            "text",
            "tool_calls",
            "function",
            "name",
            "arguments",
            "id",
        ),
        *(
            "input",
            "output",
            "choices",
            "message",
            "generations",
            "kwargs",
            "data",
            "thinking",
            "reasoning",
            "image",
        ),
        *(
            "source",
            "url",
            "tools",
            "system",
            "prompt",
            "config",
            "contents",
            "candidates",
            "toolUse",
            "toolResult",
        ),
        *(
            "functionCall",
            "inlineData",
            "tool_call",
            "result",
            "response",
            "size",
            "truncated",
            "additional_kwargs",
        ),
        *(
            "audio",
            "images",
            "_raw",
            "value",
            "update",
            "summary",
            "instructions",
            "documents",
            "file",
            "outputs",
        ),
        *(
            "tool_call_result",
            "origin",
            "error",
            "json",
            "refusal",
            "finish_reason",
            "__proto__",
            "constructor",
            "",
        ),
    ]
)
_TEXTS = st.sampled_from(
    [
        *(
            "text",
            "tool_use",
            "tool_result",
            "image",
            "image_url",
            "reasoning",
            "tool_call",
            "function_call_output",
        ),
        *(
            "message",
            "user",
            "assistant",
            "tool",
            "system",
            "ai",
            "data:image/png;base64,iVBORw0KGgo=",
            "iVBORw0KGgo=",
        ),
        *('{"a": [1]}', "https://x.example/a", "__REDACTED__", "\u202e\x1b[31m", "\x00", ""),
    ]
)
_SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | _TEXTS | st.text()
)
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_NAMES | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=40,
)


def answer(row: RowContent) -> bytes:
    found = read_conversation(row)
    return orjson.dumps([found.messages, found.tools, found.parameters])


@example(None, {"type": [], "value": None}, True)
@given(_DOCUMENTS, _DOCUMENTS, st.booleans())
@settings(max_examples=examples(400))
def test_any_document_is_read_without_an_error(request: Any, response: Any, is_tool_run: bool) -> None:
    bodies = (orjson.dumps(request), orjson.dumps(response))
    row = RowContent(request_body=bodies[0], response_body=bodies[1], is_tool_run=is_tool_run)
    written = answer(row)
    assert len(written) <= 2_000 + 400 * sum(map(len, bodies))
    assert written == answer(row)
    assert find_embedded(row, "0" * 64) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(body: bytes) -> None:
    answer(RowContent(request_body=body, response_body=body))


@pytest.mark.parametrize("levels", [100, 200, 260, 900, 5_000])
@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        (b"[", b"]"),
        (b'{"a":', b"}"),
        (b'{"content":[', b"]}"),
        (b'{"type":"tool_result","content":[', b"]}"),
        (b'{"messages":[', b"]}"),
        (b'{"message":', b"}"),
        (b'{"image":', b"}"),
    ],
)
def test_deeply_nested_bodies_are_read(levels: int, opening: bytes, closing: bytes) -> None:
    nested = opening * levels + b'"x"' + closing * levels
    for body in (nested, b'{"messages":[{"role":"user","content":[' + nested + b"]}]}"):
        assert b"x" in answer(RowContent(request_body=body, response_body=body))
    argument = orjson.dumps({"messages": [{"tool_calls": [{"name": "f", "arguments": nested.decode()}]}]})
    assert b"x" in answer(RowContent(request_body=argument))


LARGE: dict[str, object] = {
    "long text": {"messages": [{"role": "user", "content": "x" * 5_000_000}]},
    "messages": {"messages": [{"role": "user", "content": f"message {index}"} for index in range(2_000)]},
    "leaves": {"messages": [{"content": {"type": "x", "value": [[str(i)] for i in range(100_000)]}}]},
    "empty texts": {"messages": [""] * 200_000},
    "empty messages": {"messages": [{}] * 200_000},
    "empty lists": {"messages": [[]] * 200_000},
    "parts": {"messages": [{"role": "user", "content": ["x"] * 200_000}]},
    "tool calls": {"messages": [{"role": "assistant", "tool_calls": [{}] * 200_000}]},
    "images": {"messages": [{"role": "user", "images": ["x"] * 200_000}]},
    "images of the request": {"prompt": "x", "images": ["x"] * 200_000},
    "summaries": {"messages": [{"content": [{"type": "reasoning", "summary": ["a"] * 200_000}]}]},
    "tools": {"tools": [{}] * 200_000},
    "members": {f"k{index}": "x" for index in range(100_000)},
}


@pytest.mark.parametrize("name", LARGE)
def test_large_bodies_have_answers_of_about_their_size(name: str) -> None:
    written = orjson.dumps(LARGE[name])
    found = answer(RowContent(request_body=written, response_body=written))
    assert len(found) <= 3 * 2 * len(written) + 300 * 2 * MAX_PARTS


def test_parts_beyond_the_maximum_are_one_json_part() -> None:
    reading = Reading(read_content, max_parts=3)
    parts = Parts(reading)
    parts.content(["a", "b", "c", "d", "e"])
    assert [part.get("text", part.get("value")) for part in parts.shown] == ["a", "b", "c", ["d", "e"]]


def test_large_number_of_items_is_read_in_steps_linear_in_their_number() -> None:
    def steps(count: int) -> int:
        reading = Reading(read_content, max_parts=10**9)
        called = 0

        def count_calls(value: Any, parts: Parts) -> None:
            nonlocal called
            called += 1
            read_content(value, parts)

        reading.read_content = count_calls
        content: list[Json] = [{"type": "text", "text": [{"text": "a"}]}]
        Parts(reading).content(content * count)
        return called

    assert steps(2_000) - 1 == 2 * (steps(1_000) - 1)
