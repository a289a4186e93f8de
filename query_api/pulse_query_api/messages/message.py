"""Reads one message of any provider's or library's form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pulse_query_api.messages.json_values import Json, JsonObject, first_text, nested, without
from pulse_query_api.messages.media import read_bare_media
from pulse_query_api.messages.parts import Parts, Reading
from pulse_query_api.messages.tool_parts import add_result

#: Roles of libraries, by the role of the API.
_ROLES = {
    "human": "user",
    "humanmessage": "user",
    "humanmessagechunk": "user",
    "ai": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "model": "assistant",
    "systemmessage": "system",
    "function": "tool",
    "toolmessage": "tool",
    "functionmessage": "tool",
}
_KNOWN_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_MAX_WRAPPERS = 3
_CONTENT = ("parts", "content", "contents", "text", "blocks")
_REASONING = ("reasoning_content", "reasoning", "thinking")
_IDS = ("tool_call_id", "toolCallId", "tool_use_id", "call_id", "id")
_NAMES = ("name", "tool_name", "toolName")
_FINISH = ("finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason")
#: Members without content: ids, usage, and facts of the answer that are columns of the row.
_ENVELOPE = frozenset(
    {
        "role",
        "type",
        "id",
        "index",
        "object",
        "created",
        "status",
        "lc",
        "example",
        "usage",
        "usage_metadata",
        "native_finish_reason",
    }
    | {
        "response_metadata",
        "tool_call_chunks",
        "meta",
        "_meta",
        "_role",
        "parsed",
        "logprobs",
        "truncated",
        "size",
    }
    | {
        "tool_call_id",
        "name",
        *_FINISH,
        *_CONTENT,
        *_REASONING,
        "reasoning_details",
        "tool_calls",
        "function_call",
    }
    | {"refusal", "audio", "model", "stop_sequence", "stop_details", "images", "additional_kwargs"}
)

#: Members around the object with role and content. LangChain repeats the text there.
_WRAPPER = _ENVELOPE | {"message", "kwargs", "data", "delta", "generation_info"}


class Message(NamedTuple):
    """One message in the form of the API."""

    role: str
    parts: Parts
    #: The participant or the tool, and why the model stopped; None if the message does not state it.
    name: str | None = None
    finish_reason: str | None = None


def read_message(value: Json, role: str, reading: Reading) -> Message:
    """Return a message; `role` is its role if it does not state one."""
    reading.parts_left -= 1
    parts = Parts(reading)
    if not isinstance(value, dict):
        parts.content(value)
        return Message(role, parts)
    body = _unwrapped(value)
    role = _role_of(value, body, role)
    _read_members(body, parts)
    if body is not value:
        parts.extra(without(value, _WRAPPER))
    name, result = first_text(body, _NAMES), parts
    kinds = {str(part["type"]) for part in parts.shown}
    if role == "tool" and "tool_result" not in kinds and "tool_call" not in kinds:
        result = _as_tool_result(body, name, parts)
        name = None
    elif kinds == {"tool_result"}:
        role = "tool"
    sources = (body, value, nested(value, "generation_info"), nested(body, "response_metadata"))
    finish = next((reason for source in sources if (reason := first_text(source, _FINISH))), None)
    return Message(role, result, name, finish)


def is_message(value: JsonObject) -> bool:
    """Return whether an object is one message: it has a role and content, or is a message of LangChain."""
    if isinstance(value.get("role"), str) and ("content" in value or "parts" in value):
        return True
    return any(
        isinstance(inner := value.get(name), dict) and "content" in inner for name in ("kwargs", "data")
    )


def role_of_parts(parts: Parts, role: str) -> str:
    """Return the role of parts that are not in a message: `role` if they do not show it."""
    for part in parts.shown:
        if part["type"] in ("tool_call", "thinking", "refusal"):
            return "assistant"
        if part["type"] == "tool_result":
            return "tool"
    return role


def _unwrapped(message: JsonObject) -> JsonObject:
    """Return the object with role and content: the message, or the one inside of it.

    LangChain has it in `kwargs` or `data`, choices have it in `message` or `delta`.
    """
    for _ in range(_MAX_WRAPPERS):
        inner = _inside(message)
        if inner is None:
            break
        message = inner
    return message


def _inside(message: JsonObject) -> JsonObject | None:
    if "parts" in message or "content" in message:
        return None
    for name in ("kwargs", "data", "message", "delta"):
        inner = message.get(name)
        if isinstance(inner, dict) and (name != "data" or "content" in inner):
            return inner
    return None


def _role_of(message: JsonObject, body: JsonObject, default: str) -> str:
    for source in (body, message):
        role = source.get("role") or source.get("_role")
        if isinstance(role, str) and role and role.lower() != "unknown":
            return _ROLES.get(role.lower(), role.lower() if role.lower() in _KNOWN_ROLES else role)
    kinds: list[Json] = [body.get("type"), message.get("type")]
    identity = message.get("id")
    if isinstance(identity, list) and identity:
        kinds.append(identity[-1])
    for kind in kinds:
        if isinstance(kind, str) and (kind.lower() in _ROLES or kind in _KNOWN_ROLES):
            return _ROLES.get(kind.lower(), kind)
    return default


def _read_members(body: JsonObject, parts: Parts) -> None:
    kwargs = nested(body, "additional_kwargs")
    _read_reasoning([body, kwargs], parts)
    content = next((name for name in _CONTENT if body.get(name) is not None), None)
    if content is not None:
        _read_body(body[content], body, parts)
    elif body.get("size"):
        parts.text("", body)
    for source in (body, kwargs):
        refusal = source.get("refusal")
        if isinstance(refusal, str) and refusal:
            parts.refusal(refusal)
    _read_audio(body.get("audio"), parts)
    _read_images(body.get("images"), parts)
    _read_tool_calls(body, kwargs, parts)
    known = _ENVELOPE if content is None else _ENVELOPE - {*_CONTENT} | {content}
    parts.extra({**without(body, known), **without(kwargs, _ENVELOPE)})


def _read_body(content: Json, body: JsonObject, parts: Parts) -> None:
    if isinstance(content, str):
        parts.text(content, body)
    elif isinstance(content, dict) and isinstance(content.get("parts"), list):
        parts.content(content["parts"])
        parts.extra(without(content, ("parts", "role")))
    else:
        parts.content(content)


def _read_reasoning(sources: Iterable[JsonObject], parts: Parts) -> None:
    for source in sources:
        for name in _REASONING:
            text = source.get(name)
            if isinstance(text, str) and text:
                parts.thinking(text)
                return
            if isinstance(text, dict | list) and text:
                parts.content({"type": "reasoning", "reasoning": text} if isinstance(text, dict) else text)
                return
        details = source.get("reasoning_details")
        if isinstance(details, list) and details:
            parts.content(details)
            return


def _read_images(images: Json, parts: Parts) -> None:
    """Add the images of a message that has them apart from its content."""
    listed: list[Json] = images if isinstance(images, list) else [images]
    for index, image in enumerate(listed):
        if parts.is_full:
            parts.json(listed[index:])
            return
        if image is not None and not read_bare_media(image, parts):
            parts.content(image)


def _read_audio(audio: Json, parts: Parts) -> None:
    if not isinstance(audio, dict):
        return
    transcript = audio.get("transcript")
    if isinstance(transcript, str):
        parts.text(transcript)
    if not read_bare_media({"type": "audio", **without(audio, ("transcript", "expires_at"))}, parts):
        parts.extra(without(audio, ("transcript", "expires_at")))


def _read_tool_calls(body: JsonObject, kwargs: JsonObject, parts: Parts) -> None:
    """Add the tool calls of a message, without those that are in its content too."""
    shown = {part.get("id") for part in parts.shown if part["type"] == "tool_call" and part.get("id")}
    had_calls = any(part["type"] == "tool_call" for part in parts.shown)
    for source in (body, kwargs):
        calls = source.get("tool_calls") or source.get("function_call")
        if not calls or (source is kwargs and had_calls):
            continue
        listed: list[Json] = calls if isinstance(calls, list) else [calls]
        for index, call in enumerate(listed):
            if parts.is_full:
                parts.json(listed[index:])
                return
            if not isinstance(call, dict):
                parts.json(call)
            elif not (isinstance(call.get("id"), str) and call["id"] in shown):
                parts.content({**call, "type": "tool_call"})
                had_calls = True


def _as_tool_result(body: JsonObject, name: str | None, parts: Parts) -> Parts:
    """Return one tool result with the content of a message of a tool."""
    outer = Parts(parts.reading, parts.depth)
    content = next((body[name] for name in _CONTENT if body.get(name) is not None), None)
    result = parts
    if isinstance(content, dict) and "parts" not in content:
        result = outer.nested()
        add_result(content, result)
    failed = body.get("status") == "error" or body.get("is_error") is True
    outer.tool_result(first_text(body, _IDS), name, result, is_error=failed)
    return outer
