"""Blocks of Anthropic's messages keep their fields, plain and streamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.instrumentation.anthropic_answers import TEXT, answer, counts
from tests.instrumentation.forms import ANTHROPIC, Form, every_form, streamed_forms
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import block_delta, message, text_delta
from tests.support.llm_clients import anthropic_client
from tests.support.llm_http import FakeProvider, json_answer

from pulse_instrumentation import observe

CITATION = {"type": "char_location", "cited_text": "Hi", "document_index": 0, "file_id": "file_1"}
BLOCKS: dict[str, tuple[dict[str, Any], Callable[[Any], bool]]] = {
    "a tool of a remote server": (
        {"type": "mcp_tool_use", "id": "t1", "name": "f", "server_name": "files", "input": {"a": 1}},
        lambda part: part["server_name"] == "files" and "t1" in json.dumps(part),
    ),
    "a failure of a remote server": (
        {
            "type": "mcp_tool_result",
            "tool_use_id": "t1",
            "is_error": True,
            "content": [{"type": "text", "text": "no"}],
        },
        lambda part: part["is_error"] is True and "no" in json.dumps(part),
    ),
    "results of a search": (
        {
            "type": "web_search_tool_result",
            "tool_use_id": "t1",
            "content": [{"type": "web_search_result", "url": "https://x.org", "title": "X"}],
        },
        lambda part: "https://x.org" in json.dumps(part),
    ),
    "a file of the container": (
        {"type": "container_upload", "file_id": "file_1"},
        lambda part: part == {"type": "file", "modality": "document", "file_id": "file_1"},
    ),
    "a kind that is not known yet": (
        {"type": "new_block", "title": "X", "pages": [1, 2]},
        lambda part: part["content"]["pages"] == [1, 2] and part["content"]["title"] == "X",
    ),
    "text with a citation": (
        {"type": "text", "text": "Hello", "citations": [CITATION]},
        lambda part: part["citations"] == [CITATION],
    ),
}


@every_form
@pytest.mark.parametrize("case", BLOCKS)
def test_blocks_keep_their_fields(instrumented: Recorded, form: Form, case: str) -> None:
    block, is_whole = BLOCKS[case]
    span = ANTHROPIC.make(instrumented, form, answer(form, counts(30, 12), block))
    (output,) = span.attributes["gen_ai.output.messages"]
    (part,) = output["parts"]
    assert is_whole(part)


@streamed_forms
def test_deltas_of_compactions_and_citations(instrumented: Recorded, form: Form) -> None:
    events = answer(
        form, counts(30, 12), {"type": "compaction", "content": None}, {"type": "text", "text": ""}
    )
    events[2:2] = [
        block_delta(0, type="compaction_delta", content="They said ", encrypted_content="x"),
        block_delta(0, type="compaction_delta", content="hello."),
    ]
    events[6:6] = [
        text_delta("Hello", 1),
        block_delta(1, type="citations_delta", citation=CITATION),
        block_delta(1, type="citations_delta", citation=CITATION),
    ]
    span = ANTHROPIC.make(instrumented, form, events)
    (output,) = span.attributes["gen_ai.output.messages"]
    compaction, text = output["parts"]
    assert compaction["type"] == "compaction"
    assert "They said hello." in json.dumps(compaction)
    assert text == {"type": "text", "content": "Hello", "citations": [CITATION, CITATION]}


@streamed_forms
def test_tool_call_without_arguments(instrumented: Recorded, form: Form) -> None:
    opening: dict[str, Any] = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    events = answer(form, counts(30, 12), opening)
    events.insert(2, block_delta(0, type="input_json_delta", partial_json=""))
    span = ANTHROPIC.make(instrumented, form, events)
    (output,) = span.attributes["gen_ai.output.messages"]
    assert output["parts"] == [{"type": "tool_call", "id": "t1", "name": "f", "arguments": {}}]


@streamed_forms
def test_blocks_that_all_have_index_0(instrumented: Recorded, form: Form) -> None:
    events = answer(form, counts(30, 12), TEXT, {"type": "text", "text": "again"})
    for event in events:
        if "index" in event:
            event["index"] = 0
    span = ANTHROPIC.make(instrumented, form, events)
    (output,) = span.attributes["gen_ai.output.messages"]
    assert [part["content"] for part in output["parts"]] == ["Hello", "again"]


def test_citations_are_content(recorded: Recorded) -> None:
    body = message({"type": "text", "text": "Hello", "citations": [CITATION]})
    client = anthropic_client(FakeProvider(json_answer(body)))
    observe(client, tracer_provider=recorded.provider, capture_content=False)
    client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
    assert "cited_text" not in json.dumps(recorded.attributes)
