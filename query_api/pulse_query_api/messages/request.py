"""Reads the request of a model call, and the input of any other span."""

from __future__ import annotations

from typing import NamedTuple

from pulse_query_api.messages.json_values import Json, JsonObject
from pulse_query_api.messages.media import read_bare_media
from pulse_query_api.messages.message import Message, is_message, read_message
from pulse_query_api.messages.message_list import messages_in, read_messages
from pulse_query_api.messages.parts import Parts, Reading, message_digest
from pulse_query_api.messages.tools import Tool, read_tools

_SYSTEM = (
    *("system_instructions", "system", "instructions", "systemInstruction", "system_instruction", "preamble"),
)
#: Members with the input, in order of preference; only the first is the input.
_INPUT = (
    *(
        "messages",
        "contents",
        "input",
        "prompt",
        "inputs",
        "prompts",
        "query",
        "question",
        "user_msg",
        "message",
    ),
)
#: Further members with content: documents of a rerank, images of an edit, the audio of a transcription.
_DOCUMENTS = ("documents", "texts", "passages", "chat_history")
_MEDIA = ("image", "images", "mask", "file", "audio", "input_reference")
#: Members with an object that has instructions, tools and parameters of Google's and Bedrock's requests.
_CONFIGS = ("config", "generation_config", "toolConfig", "tool_config")
_TOOLS = ("tools", "functions", "tool_definitions")
_MAX_DEPTH = 4
_OF_MESSAGES = frozenset({"role", "content", "parts", "kwargs", "data"})


class RequestContent(NamedTuple):
    """The content of a request: messages, tools, and all other members as parameters."""

    messages: list[Message]
    tools: list[Tool]
    parameters: JsonObject


def read_request(document: Json, reading: Reading) -> RequestContent:
    """Return messages, tools and parameters; a document without a known input is a `json` part."""
    if not isinstance(document, dict):
        return RequestContent(_read_input(document, reading, 0), [], {})
    if is_message(document):
        return RequestContent([read_message(document, "user", reading)], [], {})
    left = dict(document)
    tools: list[Tool] = []
    system: list[Message] = []
    for source in (left, *_config_copies(left)):
        for name in _TOOLS:
            if isinstance(source.get(name), list):
                tools += read_tools(source.pop(name), reading)
        for name in _SYSTEM:
            if source.get(name) and (name != "system" or isinstance(source[name], str | list | dict)):
                system += _read_system(source.pop(name), reading)
    name = next((name for name in _INPUT if left.get(name) is not None), None)
    messages = [] if name is None else _read_input(left.pop(name), reading, 0)
    messages += _read_others(left, reading)
    if system and messages and messages[0].role == "system" and _same(system[0], messages[0]):
        # Some instrumentations write the instructions twice.
        system = []
    if name is None and not (messages or system or tools):
        parts = Parts(reading)
        parts.content(document) if document.keys() == {"_raw"} else parts.json(document)
        return RequestContent([Message("user", parts)] if document else [], [], {})
    parameters: JsonObject = {name: value for name, value in left.items() if value not in (None, {})}
    return RequestContent([*system, *messages], tools, parameters)


def _config_copies(left: JsonObject) -> list[JsonObject]:
    """Replace the objects with settings by copies, from which members may be taken, and return these."""
    copies: list[JsonObject] = []
    for name in _CONFIGS:
        value = left.get(name)
        if isinstance(value, dict):
            copy = left[name] = dict(value)
            copies.append(copy)
    return copies


def _read_system(value: Json, reading: Reading) -> list[Message]:
    if isinstance(value, list) and any(isinstance(item, dict) and "role" in item for item in value):
        return read_messages(value, "system", reading)
    message = read_message({"role": "system", "content": value}, "system", reading)
    if isinstance(value, dict) and isinstance(value.get("parts"), list):
        message = read_message({**value, "role": "system"}, "system", reading)
    return [message]


def _read_input(value: Json, reading: Reading, depth: int) -> list[Message]:
    if isinstance(value, list):
        if value and all(isinstance(item, str | int | float) for item in value) and len(value) > 1:
            # Several texts to embed or to complete, or tokens, in one message.
            return [read_message({"role": "user", "content": value}, "user", reading)]
        return read_messages(value, "user", reading)
    if not isinstance(value, dict) or depth > _MAX_DEPTH or not _OF_MESSAGES.isdisjoint(value):
        return [] if value is None else [read_message(value, "user", reading)]
    listed = messages_in(value)
    if listed is not None:
        messages = read_messages(listed, "user", reading)
        others = {
            name: other for name, other in value.items() if name not in ("messages", "update") and other
        }
        if others and messages:
            messages[-1].parts.extra(others)
        return messages
    parts = Parts(reading)
    parts.json(value)
    return [Message("user", parts)]


def _read_others(left: JsonObject, reading: Reading) -> list[Message]:
    """Take documents and media out of the remaining members, and return them as one message."""
    parts = Parts(reading)
    for name in _DOCUMENTS:
        if isinstance(left.get(name), list) and left[name]:
            parts.json({name: left.pop(name)})
    for name in _MEDIA:
        value = left.get(name)
        listed = value if isinstance(value, list) else [value]
        if len(listed) > reading.parts_left:
            continue
        if listed and all(isinstance(item, str | dict) and read_bare_media(item, parts) for item in listed):
            del left[name]
    return [Message("user", parts)] if parts.shown else []


def _same(one: Message, other: Message) -> bool:
    return message_digest(one.role, one.parts) == message_digest(other.role, other.parts)


def tool_input(document: Json) -> Json:
    """Return the arguments in the request of a span that runs a tool."""
    if isinstance(document, dict) and len(document) == 1:
        for name in ("arguments", "input"):
            if name in document:
                return document[name]
    return document
