"""The content of one row as a conversation: messages, tools and parameters, from its two bodies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from pulse_query_api.messages.content import read_content
from pulse_query_api.messages.json_values import Json, JsonObject, load_body
from pulse_query_api.messages.message import Message
from pulse_query_api.messages.parts import Embedded, Parts, Reading, message_digest
from pulse_query_api.messages.request import read_request, tool_input
from pulse_query_api.messages.response import read_response, read_tool_output
from pulse_query_api.messages.tools import Tool

MessageObject: TypeAlias = "dict[str, object]"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowContent:
    """The fields of a row from which its messages are read."""

    request_body: bytes | None = None
    response_body: bytes | None = None
    #: Used in place of missing bodies.
    input_text: str | None = None
    output_text: str | None = None
    #: True for a span that runs a tool: its bodies are arguments and result, not messages.
    is_tool_run: bool = False
    tool_call_id: str | None = None
    tool_name: str | None = None


@dataclass(slots=True)
class Conversation:
    """Messages, tools and parameters as JSON values, and findings for the notes."""

    messages: list[MessageObject] = field(default_factory=list[MessageObject])
    tools: list[Tool] = field(default_factory=list[Tool])
    parameters: JsonObject = field(default_factory=dict[str, Json])
    is_redacted: bool = False
    is_truncated: bool = False
    is_unreadable: bool = False
    has_sizes_only: bool = False


def read_conversation(row: RowContent) -> Conversation:
    """Return the conversation of a row. Never raises; takes time and memory linear in the bodies' size.

    A message is new if it is in the response, or in the request after its last message of the role
    `assistant`; all messages of a request without one are new, and those of a span that runs a tool.
    """
    return _read(row, Reading(read_content))


def find_embedded(row: RowContent, digest: str) -> Embedded | None:
    """Return the data with a SHA-256 (hexadecimal) that the bodies contain as base64, or None."""
    reading = Reading(read_content, wanted=digest)
    _read(row, reading)
    return reading.found


def _read(row: RowContent, reading: Reading) -> Conversation:
    found = Conversation()
    request = _read_request(row, found, reading)
    # The response gets its share of parts even if the request has too many.
    reading.parts_left = max(reading.parts_left, reading.max_parts // 4)
    response = _read_response(row, reading)
    new_from = 0 if row.is_tool_run else _first_new(request)
    _name_results([*request, *response])
    found.messages = [
        *(_object(message, "request", new=index >= new_from) for index, message in enumerate(request)),
        *(_object(message, "response", new=True) for message in response),
    ]
    found.is_redacted, found.is_truncated = reading.is_redacted, reading.is_truncated
    found.is_unreadable, found.has_sizes_only = reading.is_unreadable, reading.has_sizes_only
    return found


def _name_results(messages: list[Message]) -> None:
    """Set the tool's name in results that have only the id of an earlier call."""
    names: dict[object, object] = {}
    for message in messages:
        for part in message.parts.shown:
            if part["type"] == "tool_call" and part["id"] is not None:
                names[part["id"]] = part["name"]
            elif part["type"] == "tool_result" and part["name"] is None:
                part["name"] = names.get(part["id"])


def _first_new(messages: list[Message]) -> int:
    """Return the index of the first message after the last one of the model."""
    answers = (index for index, message in enumerate(messages) if message.role == "assistant")
    return max(answers, default=-1) + 1


def _read_request(row: RowContent, found: Conversation, reading: Reading) -> list[Message]:
    if row.request_body is None:
        return _text_message("user", row.input_text, reading)
    document = load_body(row.request_body)
    if isinstance(document, str):
        return [_unreadable("user", document, reading)]
    if row.is_tool_run:
        parts = Parts(reading)
        parts.tool_call(row.tool_call_id, row.tool_name, tool_input(document))
        return [Message("assistant", parts)]
    request = read_request(document, reading)
    found.tools, found.parameters = request.tools, request.parameters
    return request.messages


def _read_response(row: RowContent, reading: Reading) -> list[Message]:
    if row.response_body is None:
        return _text_message("assistant", row.output_text, reading)
    document = load_body(row.response_body)
    if isinstance(document, str):
        return [_unreadable("assistant", document, reading)]
    if row.is_tool_run:
        return read_tool_output(document, row.tool_call_id, row.tool_name, reading)
    return read_response(document, reading)


def _text_message(role: str, text: str | None, reading: Reading) -> list[Message]:
    if not text:
        return []
    parts = Parts(reading)
    parts.text(text)
    return [Message(role, parts)]


def _unreadable(role: str, text: str, reading: Reading) -> Message:
    parts = Parts(reading)
    parts.unreadable(text)
    return Message(role, parts)


def _object(message: Message, source: str, *, new: bool) -> MessageObject:
    shown: MessageObject = {
        "role": message.role,
        "source": source,
        "parts": message.parts.shown,
        "digest": message_digest(message.role, message.parts),
        "new": new,
    }
    if message.name is not None:
        shown["name"] = message.name
    if message.finish_reason is not None:
        shown["finish_reason"] = message.finish_reason
    return shown
