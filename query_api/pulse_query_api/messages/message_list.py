"""Reads lists of messages: also conversations in lists, and items and parts without a message around them."""

from __future__ import annotations

from pulse_query_api.messages.content import is_part
from pulse_query_api.messages.json_values import Json, JsonObject, nested
from pulse_query_api.messages.message import Message, read_message, role_of_parts
from pulse_query_api.messages.parts import Parts, Reading

_MAX_DEPTH = 5
_OF_MESSAGES = frozenset({"role", "content", "parts", "kwargs", "data", "message"})


def read_messages(values: list[Json], role: str, reading: Reading) -> list[Message]:
    """Return the messages of a list; `role` is the role of those that do not state one.

    Adjacent items of one answer in OpenAI's responses (reasoning, text, tool calls) are one message.
    """
    messages: list[Message] = []
    _read_list(values, role, reading, messages, 0)
    return messages


def messages_in(value: JsonObject) -> list[Json] | None:
    """Return the messages in an object that is no message: a state of LangGraph, a prompt of LangChain."""
    prompt = nested(value, "kwargs")
    if "content" not in prompt and isinstance(prompt.get("messages"), list):
        value = prompt
    elif not _OF_MESSAGES.isdisjoint(value):
        return None
    for source in (value, nested(value, "update")):
        listed = source.get("messages")
        if isinstance(listed, list):
            return listed
    return None


def _read_list(values: list[Json], role: str, reading: Reading, into: list[Message], depth: int) -> None:
    joins = False
    for index, value in enumerate(values):
        if reading.parts_left <= 0 or depth > _MAX_DEPTH:
            parts = Parts(reading)
            parts.json(values[index:])
            into.append(Message(role, parts))
            return
        listed = value if isinstance(value, list) else messages_in(value) if isinstance(value, dict) else None
        if listed is not None:
            _read_list(listed, role, reading, into, depth + 1)
            joins = False
        elif isinstance(value, dict) and "role" not in value and is_part(value):
            _add_item(value, role, reading, into, joins=joins)
            joins = into[-1].role == "assistant"
        else:
            message = read_message(value, role, reading)
            is_item = isinstance(value, dict) and value.get("type") == "message"
            if joins and is_item and message.role == "assistant":
                _join(into, message)
            else:
                into.append(message)
            joins = is_item and message.role == "assistant"


def _add_item(item: JsonObject, role: str, reading: Reading, into: list[Message], *, joins: bool) -> None:
    reading.parts_left -= 1
    parts = Parts(reading)
    parts.content(item)
    message = Message(role_of_parts(parts, role), parts)
    if joins and message.role == "assistant":
        _join(into, message)
    else:
        into.append(message)


def _join(into: list[Message], message: Message) -> None:
    last = into[-1]
    last.parts.append(message.parts)
    into[-1] = last._replace(finish_reason=message.finish_reason or last.finish_reason)
