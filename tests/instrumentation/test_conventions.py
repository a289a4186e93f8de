"""Attribute names and message parts as in the registry and JSON schemas of the gen-ai conventions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.api_cases import MESSAGES, both_kinds, call, take
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import (
    choice,
    chunk,
    completion,
    delta,
    message,
    message_events,
    response,
    response_events,
)
from tests.support.llm_clients import anthropic_client, openai_client, result_of
from tests.support.llm_http import FakeProvider, event_answer, http, json_answer

CHAT: dict[str, Any] = {"model": "m", "messages": MESSAGES}
CLAUDE: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": MESSAGES}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
forms = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])


def chat(kind: str = "sync", **arguments: Any) -> None:
    client = openai_client(FakeProvider(json_answer(completion())), kind)
    call(kind, client.chat.completions.create, **CHAT, **arguments)


def responses(kind: str, streamed: bool, output: list[Any] | None = None, **extra: Any) -> None:
    body = response() if output is None else response(output=output)
    events = response_events("Hi", last={"type": "response.completed", "response": body})
    answer = event_answer(events) if streamed else json_answer(body)
    client = openai_client(FakeProvider(answer), kind)
    arguments = {"model": "m", "input": "Hi", "extra_body": extra}
    result_of(
        client.responses.create(**arguments, stream=True)
        if streamed
        else client.responses.create(**arguments)
    )


def messages(kind: str, streamed: bool, *content: Any, **extra: Any) -> None:
    events = message_events()
    events[1:3] = [
        event
        for index, block in enumerate(content)
        for event in (
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        )
    ]
    answer = event_answer(events) if streamed else json_answer(message(*content))
    client = anthropic_client(FakeProvider(answer), kind)
    arguments = {**CLAUDE, "extra_body": extra}
    result_of(
        client.messages.create(**arguments, stream=True) if streamed else client.messages.create(**arguments)
    )


def parts(recorded: Recorded) -> list[Any]:
    return recorded.attributes["gen_ai.output.messages"][0]["parts"]


def test_schema_url_is_that_of_the_attribute_names(instrumented: Recorded) -> None:
    chat()
    (span,) = instrumented.raw
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"


@pytest.mark.parametrize("host", ["api.moonshot.ai", "api.moonshot.cn"])
def test_provider_of_moonshot(instrumented: Recorded, host: str) -> None:
    client = openai_client(FakeProvider(json_answer(completion())), base_url=f"https://{host}/v1")
    client.chat.completions.create(**CHAT)
    assert instrumented.attributes["gen_ai.provider.name"] == "moonshot_ai"


@both_kinds
@forms
def test_api_and_references_of_a_response(instrumented: Recorded, kind: str, streamed: bool) -> None:
    prompt = {"id": "pmpt_1", "version": "2", "variables": {"who": "secret"}}
    responses(kind, streamed, previous_response_id="resp_0", prompt=prompt)
    found = instrumented.attributes
    assert found["openai.api.type"] == "responses"
    assert found["gen_ai.request.previous_response.id"] == "resp_0"
    assert (found["gen_ai.prompt.name"], found["gen_ai.prompt.version"]) == ("pmpt_1", "2")
    assert "secret" not in str(found)


@both_kinds
def test_api_of_a_chat(instrumented: Recorded, kind: str) -> None:
    chat(kind)
    assert instrumented.attributes["openai.api.type"] == "chat_completions"


@both_kinds
@forms
@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}}, "json"),
        ({"output_format": {"type": "json_schema", "schema": SCHEMA}}, "json"),
        ({"output_config": {"effort": "low"}}, None),
        ({"output_config": {"format": None}}, None),
    ],
)
def test_output_type_of_a_message(
    instrumented: Recorded, extra: dict[str, Any], expected: str | None, kind: str, streamed: bool
) -> None:
    messages(kind, streamed, {"type": "text", "text": "Hi"}, **extra)
    assert instrumented.attributes.get("gen_ai.output.type") == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}, "speech"),
        ({"extra_body": {"modalities": ["image", "text"]}}, "image"),
        ({"response_format": {"type": "json_object"}}, "json"),
        ({"response_format": {"type": "text"}}, "text"),
        ({}, None),
    ],
)
def test_output_type_of_a_chat(
    instrumented: Recorded, arguments: dict[str, Any], expected: str | None
) -> None:
    chat(**arguments)
    assert instrumented.attributes.get("gen_ai.output.type") == expected


@both_kinds
@forms
def test_server_tools_of_a_message(instrumented: Recorded, kind: str, streamed: bool) -> None:
    found = [{"type": "web_search_result", "url": "https://x", "title": "X", "encrypted_content": "e"}]
    messages(
        kind,
        streamed,
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": found},
        {"type": "mcp_tool_use", "id": "m1", "name": "echo", "server_name": "tools", "input": {"a": 1}},
        {
            "type": "mcp_tool_result",
            "tool_use_id": "m1",
            "is_error": True,
            "content": [{"type": "text", "text": "no"}],
        },
    )
    assert parts(instrumented) == [
        {
            "type": "server_tool_call",
            "id": "s1",
            "name": "web_search",
            "server_tool_call": {"type": "web_search", "arguments": {"query": "q"}},
        },
        {
            "type": "server_tool_call_response",
            "id": "s1",
            "server_tool_call_response": {"type": "web_search", "response": found},
        },
        {
            "type": "server_tool_call",
            "id": "m1",
            "name": "echo",
            "server_name": "tools",
            "server_tool_call": {"type": "mcp", "arguments": {"a": 1}},
        },
        {
            "type": "server_tool_call_response",
            "id": "m1",
            "is_error": True,
            "server_tool_call_response": {"type": "mcp", "response": [{"type": "text", "text": "no"}]},
        },
    ]


@both_kinds
@forms
def test_server_tools_of_a_response(instrumented: Recorded, kind: str, streamed: bool) -> None:
    responses(
        kind,
        streamed,
        [
            {
                "type": "web_search_call",
                "id": "w",
                "status": "completed",
                "action": {"type": "search", "query": "q"},
            },
            {
                "type": "code_interpreter_call",
                "id": "c",
                "status": "completed",
                "container_id": "k",
                "code": "1",
                "outputs": [{"type": "logs", "logs": "1"}],
            },
            {
                "type": "mcp_call",
                "id": "m",
                "name": "echo",
                "server_label": "tools",
                "arguments": '{"a":1}',
                "output": "one",
                "error": None,
            },
            {"type": "file_search_call", "id": "f", "status": "completed", "queries": ["q"], "results": None},
        ],
    )
    assert parts(instrumented) == [
        {
            "type": "server_tool_call",
            "id": "w",
            "name": "web_search",
            "server_tool_call": {
                "type": "web_search",
                "arguments": {"action": {"type": "search", "query": "q"}},
            },
        },
        {
            "type": "server_tool_call",
            "id": "c",
            "name": "code_interpreter",
            "server_tool_call": {
                "type": "code_interpreter",
                "arguments": {"container_id": "k", "code": "1"},
            },
        },
        {
            "type": "server_tool_call_response",
            "id": "c",
            "server_tool_call_response": {
                "type": "code_interpreter",
                "response": [{"type": "logs", "logs": "1"}],
            },
        },
        {
            "type": "server_tool_call",
            "id": "m",
            "name": "echo",
            "server_name": "tools",
            "server_tool_call": {"type": "mcp", "arguments": '{"a":1}'},
        },
        {
            "type": "server_tool_call_response",
            "id": "m",
            "server_tool_call_response": {"type": "mcp", "response": "one"},
        },
        {
            "type": "server_tool_call",
            "id": "f",
            "name": "file_search",
            "server_tool_call": {"type": "file_search", "arguments": {"queries": ["q"]}},
        },
    ]


@both_kinds
@forms
@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "compaction", "content": "They met."}, {"type": "compaction", "content": "They met."}),
        (
            {"type": "compaction", "content": None, "encrypted_content": "opaque"},
            {"type": "compaction", "size": 6},
        ),
        ({"type": "redacted_thinking", "data": "opaque"}, {"type": "redacted_thinking", "size": 6}),
        ({"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "reasoning", "content": "Hm."}),
    ],
)
def test_parts_of_a_message(
    instrumented: Recorded, block: dict[str, Any], part: dict[str, Any], kind: str, streamed: bool
) -> None:
    messages(kind, streamed, block)
    assert parts(instrumented) == [part]


@both_kinds
@forms
def test_compaction_of_a_response(instrumented: Recorded, kind: str, streamed: bool) -> None:
    responses(kind, streamed, [{"type": "compaction", "id": "cmp_1", "encrypted_content": "opaque"}])
    assert parts(instrumented) == [{"type": "compaction", "id": "cmp_1", "size": 6}]


def test_every_tool_definition_has_a_name(instrumented: Recorded) -> None:
    custom = {"type": "custom", "custom": {"name": "sql"}}
    builtin = {"type": "web_search"}
    labelled = {"type": "mcp", "server_label": "tools"}
    chat(
        extra_body={"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}, custom]}
    )
    responses(
        "sync",
        False,
        tools=[builtin, labelled, {"type": "custom", "name": "sql"}, {"type": "function", "name": "g"}],
    )
    own = {"type": "web_search_20250305", "name": "web_search", "max_uses": 1}
    messages("sync", False, {"type": "text", "text": ""}, tools=[own, {"name": "h", "input_schema": SCHEMA}])
    found = [span.attributes["gen_ai.tool.definitions"] for span in instrumented.spans]
    assert [[(tool["type"], tool["name"]) for tool in tools] for tools in found] == [
        [("function", "f"), ("custom", "sql")],
        [("web_search", "web_search"), ("mcp", "mcp"), ("custom", "sql"), ("function", "g")],
        [("web_search_20250305", "web_search"), ("function", "h")],
    ]


CUT_OFF = [
    chunk(delta(0, role="assistant", content="a"), delta(1, role="assistant", content="b")),
    chunk(delta(1, content="c"), delta(0, finish_reason="stop")),
]


@both_kinds
def test_choice_that_was_cut_off_is_an_error_at_its_position(instrumented: Recorded, kind: str) -> None:
    events = [CUT_OFF[0], chunk(delta(1, finish_reason="stop"))]
    answer = event_answer(events, breaks_with=http.ReadError("cut"))
    client = openai_client(FakeProvider(answer), kind)
    with pytest.raises(Exception, match=r"cut|Connection error"):
        result_of(client.chat.completions.create(**CHAT, n=2, stream=True))
    span = instrumented.only
    assert span.status is StatusCode.ERROR
    assert span.attributes["gen_ai.response.finish_reasons"] == ("error", "stop")


@both_kinds
def test_unfinished_choice_is_an_error_at_its_position(instrumented: Recorded, kind: str) -> None:
    async def run() -> None:
        client = openai_client(FakeProvider(event_answer(CUT_OFF)), kind)
        stream = client.chat.completions.create(**CHAT, n=2, stream=True)
        stream = stream if kind == "sync" else await stream
        await take(stream, 2)
        closing = stream.close()
        if kind == "async":
            await closing

    asyncio.run(run())
    found = instrumented.attributes
    assert found["gen_ai.response.finish_reasons"] == ("stop", "error")
    assert found["pulse.stream.closed_early"] is True


def test_choice_without_a_finish_reason_among_finished_ones(instrumented: Recorded) -> None:
    cut: Any = choice({"role": "assistant", "content": "b"}, index=1)
    body = completion(choices=[choice({"role": "assistant", "content": "a"}), {**cut, "finish_reason": None}])
    openai_client(FakeProvider(json_answer(body))).chat.completions.create(**CHAT)
    assert instrumented.attributes["gen_ai.response.finish_reasons"] == ("stop", "error")
