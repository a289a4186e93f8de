"""Reads the content of a message: decides by type and members of each part which reader fits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pulse_query_api.messages.json_values import Json, JsonObject
from pulse_query_api.messages.media import read_media
from pulse_query_api.messages.parts import Parts
from pulse_query_api.messages.text_parts import read_refusal, read_text, read_thinking
from pulse_query_api.messages.tool_parts import read_tool_call, read_tool_result

#: Adds a part of one form, or returns False and adds nothing.
PartReader = Callable[[JsonObject, Parts], bool]


def _each(reader: PartReader, *names: str) -> Mapping[str, PartReader]:
    return dict.fromkeys(names, reader)


#: Readers by the member `type`.
_BY_TYPE: Mapping[str, PartReader] = {
    **_each(read_text, "text", "input_text", "output_text", "text-plain"),
    **_each(read_refusal, "refusal"),
    **_each(read_thinking, "thinking", "redacted_thinking", "reasoning", "redacted-reasoning"),
    **_each(read_thinking, "reasoning.text", "reasoning.summary", "reasoning.encrypted"),
    **_each(
        read_tool_call, "tool_call", "tool-call", "tool_use", "server_tool_use", "mcp_tool_use", "function"
    ),
    **_each(read_tool_call, "server_tool_call", "tool_call_chunk", "custom"),
    **_each(read_tool_result, "tool_result", "tool-result", "tool_call_response", "tool_response"),
    **_each(read_tool_result, "server_tool_call_response", "function_response"),
    **_each(
        read_media,
        "image",
        "image_url",
        "input_image",
        "image-url",
        "image_file",
        "image-data",
        "blob",
        "uri",
    ),
    **_each(read_media, "file", "input_file", "file-data", "file-url", "document", "media", "binary"),
    **_each(read_media, "audio", "input_audio", "audio_url", "video", "video_url", "container_upload"),
    **_each(read_media, "image_generation_call"),
}


def _read_nested(name: str, reader: PartReader) -> PartReader:
    """Return a reader of parts without a type, which have an object in the member `name`."""

    def read(part: JsonObject, parts: Parts) -> bool:
        return isinstance(part.get(name), dict) and reader(part, parts)

    return read


def _read_json(part: JsonObject, parts: Parts) -> bool:
    """Add the value of a part of Bedrock's tool results."""
    if len(part) != 1:
        return False
    parts.json(part["json"])
    return True


def _read_raw(part: JsonObject, parts: Parts) -> bool:
    """Add a text that the collector could not parse, mostly because the sender cut it."""
    text = part["_raw"]
    if len(part) != 1 or not isinstance(text, str):
        return False
    parts.unreadable(text)
    return True


#: Readers of parts without a type, by a member: Google's, Bedrock's and Haystack's.
_BY_MEMBER: Mapping[str, PartReader] = {
    "text": read_text,
    **{
        name: _read_nested(name, read_tool_call)
        for name in ("functionCall", "function_call", "toolUse", "tool_call", "function")
    },
    **{
        name: _read_nested(name, read_tool_result)
        for name in ("functionResponse", "function_response", "toolResult", "tool_call_result")
    },
    **{
        name: _read_nested(name, read_media)
        for name in (
            "inlineData",
            "inline_data",
            "fileData",
            "file_data",
            "image",
            "document",
            "video",
            "audio",
        )
    },
    **{
        name: _read_nested(name, read_thinking)
        for name in ("reasoningContent", "reasoning_content", "reasoning")
    },
    "thinking": read_thinking,
    "json": _read_json,
    "_raw": _read_raw,
}


def read_content(value: Json, parts: Parts) -> None:
    """Add the parts of any content: a text, one part, or a list of both; anything unknown as `json` parts."""
    if value is None:
        return
    if isinstance(value, str):
        parts.text(value)
    elif parts.is_full or not isinstance(value, dict | list):
        parts.json(value)
    elif isinstance(value, dict):
        parts.depth += 1
        _read_part(value, parts)
        parts.depth -= 1
    elif value and not any(isinstance(item, str | dict | list) for item in value):
        # Tokens or a vector.
        parts.json(value)
    else:
        parts.depth += 1
        _read_list(value, parts)
        parts.depth -= 1


def is_part(value: JsonObject) -> bool:
    """Return whether an object is a part of a known type, not a message."""
    return _reader_of(value.get("type")) is not None


def _read_list(items: list[Json], parts: Parts) -> None:
    for index, item in enumerate(items):
        if parts.is_full:
            parts.json(items[index:])
            return
        read_content(item, parts)


def _read_part(part: JsonObject, parts: Parts) -> None:
    reader = _reader_of(part.get("type"))
    if reader is not None and reader(part, parts):
        return
    for name, reader in _BY_MEMBER.items():
        if name in part and reader(part, parts):
            return
    parts.json(part)


def _reader_of(kind: Json) -> PartReader | None:
    if not isinstance(kind, str):
        return None
    reader = _BY_TYPE.get(kind)
    if reader is not None:
        return reader
    if kind.endswith(("_tool_result", "_call_output")):
        return read_tool_result
    if kind.endswith(("_call", "_tool_use")):
        return read_tool_call
    return None
