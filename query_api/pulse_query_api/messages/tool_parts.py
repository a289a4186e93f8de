"""Reads tool calls and tool results of any provider's form."""

from __future__ import annotations

from pulse_query_api.messages.json_values import Json, JsonObject, first_member, first_text, nested, without
from pulse_query_api.messages.parts import Parts

_IDS = ("call_id", "tool_call_id", "toolCallId", "toolUseId", "tool_use_id", "id")
_NAMES = ("name", "toolName", "tool_name")
_ARGUMENTS = ("arguments", "args", "input", "action", "queries", "code")
_OUTPUTS = ("output", "outputs", "results")
_RESULTS = ("response", "result", "output", "outputs", "results", "content")
#: Objects with name and arguments of a call inside the call.
_CALL_HOLDERS = (
    "function",
    "custom",
    "functionCall",
    "function_call",
    "toolUse",
    "server_tool_call",
    "tool_call",
)
_RESULT_HOLDERS = (
    *("functionResponse", "function_response", "toolResult", "server_tool_call_response", "tool_call_result"),
)
_MARKS = frozenset({"type", "id", "index", "status", "signature", "thoughtSignature", "thought_signature"})
_CALL = frozenset({*_IDS, *_NAMES, *_CALL_HOLDERS, *_MARKS, "truncated", "size"})
_RESULT = frozenset({*_IDS, *_NAMES, *_RESULT_HOLDERS, *_MARKS, "truncated", "size", "is_error", "isError"})
#: Types of the parts of a result; a result of another form is a JSON value.
_CONTENT_TYPES = frozenset(
    {
        "text",
        "image",
        "image_url",
        "input_text",
        "input_image",
        "input_file",
        "output_text",
        "document",
        "file",
    }
    | {"audio", "media", "image-data", "image-url", "file-data", "file-url", "resource", "resource_link"}
)
#: Members that only parts of content have, in results of Bedrock and Google.
_CONTENT_MEMBERS = frozenset({"text", "json", "image", "document", "inlineData", "video"})
#: Types of Vercel's results, which have the value in `value`.
#: Not a set: any JSON value is looked up.
_VALUE_TYPES = ("text", "json", "content", "error-text", "error-json")


def read_tool_call(part: JsonObject, parts: Parts) -> bool:
    """Add a tool call with its name and arguments."""
    inner = _inner(part, _CALL_HOLDERS)
    sources = (part, inner) if inner is not part else (part,)
    name = next((name for source in sources if (name := first_text(source, _NAMES))), None)
    id = next((id for source in sources if (id := first_text(source, _IDS))), None)
    kind = part.get("type")
    if name is None and isinstance(kind, str):
        name = kind.removesuffix("_call")
    source = inner
    member = first_member(inner, _ARGUMENTS)
    if member is None and inner is not part:
        source, member = part, first_member(part, _ARGUMENTS)
    arguments = None if member is None else source[member]
    parts.tool_call(id, name, arguments, source)
    known = _CALL if member is None else _CALL | {member}
    output = first_member(part, _OUTPUTS) if isinstance(kind, str) and kind.endswith("_call") else None
    if output is not None:
        # A tool that the provider runs, in OpenAI's responses.
        known = known | {output}
        result = parts.nested()
        add_result(part[output], result)
        parts.tool_result(id, name, result)
    parts.extra({**without(part, known), **(without(inner, known) if inner is not part else {})})
    return True


def read_tool_result(part: JsonObject, parts: Parts) -> bool:
    """Add the result of a tool call: its parts, or its value as a `json` part."""
    inner = _inner(part, _RESULT_HOLDERS)
    origin = nested(inner, "origin")
    sources = [part, inner, origin]
    name = next((name for source in sources if (name := first_text(source, _NAMES))), None)
    id = next((id for source in sources if (id := first_text(source, _IDS))), None)
    member = first_member(inner, _RESULTS)
    result = parts.nested()
    if member is not None:
        add_result(inner[member], result)
    failed = any(source.get("is_error") is True or source.get("isError") is True for source in sources)
    failed = failed or inner.get("error") is True or inner.get("status") == "error"
    parts.tool_result(id, name, result, inner, is_error=failed)
    known = {*_RESULT, "origin"} if origin else {*_RESULT}
    if member is not None:
        known.add(member)
    if inner.get("error") is True:
        known.add("error")
    parts.extra({**without(part, known), **(without(inner, known) if inner is not part else {})})
    return True


def add_result(value: Json, result: Parts) -> None:
    """Add the value of a tool result: a text, parts of content, or any other value as JSON."""
    if isinstance(value, dict) and "value" in value and value.get("type") in _VALUE_TYPES:
        inner = value["value"]
        result.content(inner) if value["type"] == "content" else add_result(inner, result)
    elif isinstance(value, dict) and isinstance(value.get("content"), list) and _is_content(value["content"]):
        # The result of an MCP server.
        result.content(value["content"])
        result.extra(without(value, ("content", "isError")))
    elif isinstance(value, str) or _is_content(value):
        result.content(value)
    elif value is not None:
        result.json(value)


def _is_content(value: Json) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) and _is_content(item) for item in value)
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    return (
        kind in _CONTENT_TYPES
        if isinstance(kind, str)
        else len(value) == 1 and not _CONTENT_MEMBERS.isdisjoint(value)
    )


def _inner(part: JsonObject, holders: tuple[str, ...]) -> JsonObject:
    """Return the object in the first of the holders that the part has, else the part."""
    for name in holders:
        value = part.get(name)
        if isinstance(value, dict):
            return value
    return part
