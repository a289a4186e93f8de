"""One conversation in the form of each provider and library is read as the same messages."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pulse_query_api.messages.conversation import Conversation, RowContent, read_conversation

ARGUMENTS = {"city": "Paris"}


def read(request: object = None, response: object = None, **facts: Any) -> Conversation:
    return read_conversation(
        RowContent(
            request_body=None if request is None else orjson.dumps(request),
            response_body=None if response is None else orjson.dumps(response),
            **facts,
        )
    )


def short(found: Conversation) -> list[tuple[Any, ...]]:
    """Return each message as its role and its parts in short form."""
    return [(message["role"], *map(_short, _parts(message))) for message in found.messages]


def _parts(message: dict[str, object]) -> list[dict[str, Any]]:
    parts: Any = message["parts"]
    return parts


def _short(part: dict[str, Any]) -> object:
    match part["type"]:
        case "text" | "thinking" | "refusal":
            return (part["type"], part["text"])
        case "tool_call":
            return ("call", part["id"], part["name"], part["arguments"])
        case "tool_result":
            return ("result", part["id"], part["name"], *map(_short, part["parts"]))
        case "json":
            return ("json", part["value"])
        case kind:
            return (kind, part["media_type"], part["url"] or part["bytes"])


OPENAI_CHAT = {
    "messages": [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"city": "Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "18 C"},
    ]
}
OPENAI_RESPONSES = {
    "instructions": "Be terse.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {
            "type": "function_call",
            "id": "fc1",
            "call_id": "c1",
            "name": "look",
            "arguments": '{"city": "Paris"}',
        },
        {"type": "function_call_output", "call_id": "c1", "output": "18 C"},
    ],
}
ANTHROPIC = {
    "system": [{"type": "text", "text": "Be terse."}],
    "messages": [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": ARGUMENTS}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "18 C"}]}
            ],
        },
    ],
}
BEDROCK = {
    "system": [{"text": "Be terse."}],
    "messages": [
        {"role": "user", "content": [{"text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [{"toolUse": {"toolUseId": "c1", "name": "look", "input": ARGUMENTS}}],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "c1", "content": [{"text": "18 C"}], "status": "success"}}
            ],
        },
    ],
}
OPENTELEMETRY = {
    "system_instructions": [{"type": "text", "content": "Be terse."}],
    "messages": [
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "look", "arguments": ARGUMENTS}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "18 C"}]},
    ],
}
VERCEL = {
    "messages": [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "look", "input": ARGUMENTS}],
        },
        {
            "role": "tool",
            "content": [
                {
                    "type": "tool-result",
                    "toolCallId": "c1",
                    "toolName": "look",
                    "output": {"type": "text", "value": "18 C"},
                }
            ],
        },
    ]
}
LANGCHAIN = {
    "messages": [
        [
            {
                "lc": 1,
                "id": ["langchain", "SystemMessage"],
                "kwargs": {"content": "Be terse.", "type": "system"},
            },
            {"type": "human", "data": {"content": "Weather?", "type": "human"}},
            {
                "type": "ai",
                "content": [{"type": "tool_use", "id": "c1", "name": "look", "input": ARGUMENTS}],
                "tool_calls": [{"type": "tool_call", "id": "c1", "name": "look", "args": ARGUMENTS}],
            },
            {"type": "tool", "data": {"content": "18 C", "tool_call_id": "c1", "status": "success"}},
        ]
    ]
}
GOOGLE = {
    "config": {"systemInstruction": {"parts": [{"text": "Be terse."}]}},
    "contents": [
        {"role": "user", "parts": [{"text": "Weather?"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "look", "args": ARGUMENTS}}]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": "c1", "name": "look", "response": {"result": "18 C"}}}],
        },
    ],
}
HAYSTACK = {
    "messages": [
        {"role": "system", "content": [{"text": "Be terse."}]},
        {"role": "user", "content": [{"text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [{"tool_call": {"id": "c1", "tool_name": "look", "arguments": ARGUMENTS}}],
        },
        {
            "role": "tool",
            "content": [
                {
                    "tool_call_result": {
                        "result": "18 C",
                        "origin": {"id": "c1", "tool_name": "look", "arguments": ARGUMENTS},
                        "error": False,
                    }
                }
            ],
        },
    ]
}
FORMS = {
    "openai-chat": OPENAI_CHAT,
    "openai-responses": OPENAI_RESPONSES,
    "anthropic": ANTHROPIC,
    "bedrock": BEDROCK,
    "opentelemetry": OPENTELEMETRY,
    "vercel": VERCEL,
    "langchain": LANGCHAIN,
    "haystack": HAYSTACK,
}


@pytest.mark.parametrize("form", FORMS)
def test_request_of_each_form_has_the_same_messages(form: str) -> None:
    found = read(FORMS[form])
    assert short(found) == [
        ("system", ("text", "Be terse.")),
        ("user", ("text", "Weather?")),
        ("assistant", ("call", "c1", "look", ARGUMENTS)),
        ("tool", ("result", "c1", "look", ("text", "18 C"))),
    ]
    assert [message["new"] for message in found.messages] == [False, False, False, True]
    assert found.parameters == {}


def test_digests_are_equal_in_all_forms() -> None:
    digests = [[message["digest"] for message in read(form).messages] for form in FORMS.values()]
    assert all(one == digests[0] for one in digests)
    assert len(set(digests[0])) == 4


def test_google_requests_have_messages_and_results_as_json() -> None:
    assert short(read(GOOGLE)) == [
        ("system", ("text", "Be terse.")),
        ("user", ("text", "Weather?")),
        ("assistant", ("call", "c1", "look", ARGUMENTS)),
        ("tool", ("result", "c1", "look", ("json", {"result": "18 C"}))),
    ]


ANSWERS = {
    "openai-chat": {
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Sunny.", "reasoning": "Hm."},
            }
        ]
    },
    "openai-responses": {
        "object": "response",
        "output": [
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "Hm."}],
                "encrypted_content": "x",
            },
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sunny."}]},
        ],
    },
    "anthropic": {
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "stop_reason": "end_turn",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
            {"type": "text", "text": "Sunny."},
        ],
        "usage": {"input_tokens": 3},
    },
    "bedrock": {
        "output": {
            "message": {
                "role": "assistant",
                "content": [{"reasoningContent": {"reasoningText": {"text": "Hm."}}}, {"text": "Sunny."}],
            }
        },
        "stopReason": "end_turn",
    },
    "google": {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": "Sunny."}]},
                "finishReason": "STOP",
            }
        ]
    },
    "opentelemetry": {
        "messages": [
            {
                "role": "assistant",
                "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Sunny."}],
                "finish_reason": "stop",
            }
        ]
    },
    "ollama": {
        "message": {"role": "assistant", "thinking": "Hm.", "content": "Sunny."},
        "done_reason": "stop",
    },
    "vercel": {
        "messages": [
            {
                "role": "assistant",
                "content": [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": "Sunny."}],
            }
        ]
    },
    "langchain": {
        "generations": [
            [
                {
                    "text": "Sunny.",
                    "message": {
                        "lc": 1,
                        "id": ["langchain", "AIMessage"],
                        "kwargs": {
                            "type": "ai",
                            "content": "Sunny.",
                            "additional_kwargs": {"reasoning_content": "Hm."},
                            "response_metadata": {"finish_reason": "stop"},
                        },
                    },
                }
            ]
        ]
    },
}


@pytest.mark.parametrize("form", ANSWERS)
def test_response_of_each_form_has_reasoning_and_text(form: str) -> None:
    found = read(response=ANSWERS[form])
    assert short(found) == [("assistant", ("thinking", "Hm."), ("text", "Sunny."))]
    assert [(message["source"], message["new"]) for message in found.messages] == [("response", True)]


def test_answer_has_the_digest_of_its_repetition_in_the_next_request() -> None:
    repeated = read({"messages": [{"role": "assistant", "content": "Sunny."}]}).messages[0]["digest"]
    for answer in ANSWERS.values():
        assert read(response=answer).messages[0]["digest"] == repeated


def test_several_choices_are_several_messages_with_their_finish_reasons() -> None:
    found = read(
        response={
            "choices": [
                {"message": {"role": "assistant", "content": "A"}, "finish_reason": "stop"},
                {"message": {"role": "assistant", "refusal": "No."}, "finish_reason": "content_filter"},
            ]
        }
    )
    assert short(found) == [("assistant", ("text", "A")), ("assistant", ("refusal", "No."))]
    assert [message["finish_reason"] for message in found.messages] == ["stop", "content_filter"]


def test_tool_that_the_provider_runs_has_call_and_result() -> None:
    found = read(
        response={
            "output": [
                {"type": "mcp_call", "id": "m1", "name": "roll", "arguments": '{"sides": 6}', "output": "4"},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Four."}],
                },
            ]
        }
    )
    assert short(found) == [
        (
            "assistant",
            ("call", "m1", "roll", {"sides": 6}),
            ("result", "m1", "roll", ("text", "4")),
            ("text", "Four."),
        )
    ]


@pytest.mark.parametrize(
    ("request_body", "messages", "parameters"),
    [
        ({"prompt": "Once", "max_tokens": 3}, [("user", ("text", "Once"))], {"max_tokens": 3}),
        ({"input": ["a", "b"]}, [("user", ("text", "a"), ("text", "b"))], {}),
        ({"input": [1, 2, 3]}, [("user", ("json", [1, 2, 3]))], {}),
        (
            {"query": "q", "documents": ["d"]},
            [("user", ("text", "q")), ("user", ("json", {"documents": ["d"]}))],
            {},
        ),
        ({"input": "Say it", "voice": "alloy"}, [("user", ("text", "Say it"))], {"voice": "alloy"}),
        ({"city": "Paris"}, [("user", ("json", {"city": "Paris"}))], {}),
        ({"_raw": '[{"role":'}, [("user", ("json", '[{"role":'))], {}),
        ([{"role": "user", "content": "Hi"}], [("user", ("text", "Hi"))], {}),
    ],
)
def test_requests_without_messages_are_read(
    request_body: object, messages: list[Any], parameters: dict[str, Any]
) -> None:
    found = read(request_body)
    assert (short(found), found.parameters) == (messages, parameters)


@pytest.mark.parametrize(
    ("response_body", "messages"),
    [
        ({"text": "is it late", "usage": {}}, [("assistant", ("text", "is it late"))]),
        ({"choices": [{"text": " upon a time", "index": 0}]}, [("assistant", ("text", " upon a time"))]),
        ({"output": "done", "score": 1}, [("assistant", ("text", "done"), ("json", {"score": 1}))]),
        ({"documents": ["d"]}, [("assistant", ("json", {"documents": ["d"]}))]),
        (
            {"data": [{"url": "https://x.example/a.png"}]},
            [("assistant", ("image", None, "https://x.example/a.png"))],
        ),
        ({"id": "chatcmpl-1", "usage": {"input_tokens": 1}}, []),
    ],
)
def test_responses_without_messages_are_read(response_body: object, messages: list[Any]) -> None:
    assert short(read(response=response_body)) == messages


def test_tool_run_is_a_call_with_its_result() -> None:
    found = read({"city": "Paris"}, {"result": "18 C"}, is_tool_run=True, tool_call_id="c1", tool_name="look")
    assert short(found) == [
        ("assistant", ("call", "c1", "look", ARGUMENTS)),
        ("tool", ("result", "c1", "look", ("text", "18 C"))),
    ]
    assert [message["new"] for message in found.messages] == [True, True]


def test_unknown_content_is_a_json_part() -> None:
    block = {"type": "hologram", "points": [1, 2]}
    found = read({"messages": [{"role": "user", "content": [block], "mood": "calm"}]})
    assert short(found) == [("user", ("json", block), ("json", {"mood": "calm"}))]


def test_texts_replace_missing_bodies() -> None:
    assert short(read(input_text="Hi", output_text="Hello.")) == [
        ("user", ("text", "Hi")),
        ("assistant", ("text", "Hello.")),
    ]


@pytest.mark.parametrize(
    "definition",
    [
        {
            "type": "function",
            "function": {"name": "look", "description": "Sees", "parameters": {"type": "object"}},
        },
        {"type": "function", "name": "look", "description": "Sees", "parameters": {"type": "object"}},
        {"name": "look", "description": "Sees", "input_schema": {"type": "object"}},
        {"name": "look", "description": "Sees", "inputSchema": {"type": "object"}},
        {"toolSpec": {"name": "look", "description": "Sees", "inputSchema": {"json": {"type": "object"}}}},
        {"functionDeclarations": [{"name": "look", "description": "Sees", "parameters": {"type": "object"}}]},
        '{"type": "function", "name": "look", "description": "Sees", "parameters": {"type": "object"}}',
    ],
)
def test_tool_definitions_of_each_form_are_equal(definition: object) -> None:
    assert read({"messages": [], "tools": [definition]}).tools == [
        {"name": "look", "description": "Sees", "parameters": {"type": "object"}}
    ]


def test_tools_of_the_provider_keep_their_settings() -> None:
    found = read({"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]})
    assert found.tools == [
        {
            "name": "web_search",
            "description": None,
            "parameters": None,
            "other": {"max_uses": 3, "type": "web_search_20250305"},
        }
    ]


def test_digest_ignores_ids_key_order_marks_and_reasoning() -> None:
    def digest(*parts: object) -> object:
        return read({"messages": [{"role": "assistant", "content": [*parts]}]}).messages[0]["digest"]

    plain = digest(
        {"type": "text", "text": "ab"},
        {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1, "b": 2}},
    )
    assert plain == digest(
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "b"},
        {"type": "tool_use", "id": "2", "name": "f", "input": {"b": 2, "a": 1}},
    )
    assert plain != digest(
        {"type": "text", "text": "ab"}, {"type": "tool_use", "id": "1", "name": "f", "input": {}}
    )


def test_parts_that_the_sender_cut_or_hid_are_marked() -> None:
    found = read(
        {
            "messages": [
                {
                    "role": "user",
                    "parts": [{"type": "text", "content": "abcd", "truncated": True, "size": 10}],
                },
                {"role": "user", "parts": [{"type": "text", "size": 7}]},
                {"role": "user", "content": "__REDACTED__"},
                {"role": "assistant", "parts": [{"type": "redacted_thinking", "size": 12}]},
            ]
        }
    )
    assert [_parts(message) for message in found.messages] == [
        [{"type": "text", "text": "abcd", "truncated_bytes": 6}],
        [{"type": "text", "text": "", "truncated_bytes": 7}],
        [{"type": "text", "text": "__REDACTED__", "redacted": True}],
        [{"type": "thinking", "text": None, "redacted": True}],
    ]
    assert (found.is_truncated, found.has_sizes_only, found.is_redacted) == (True, True, True)
