"""Extracts texts from lists of messages in any library's format."""

from __future__ import annotations

from pulse_collector.facts.json_text import Json, JsonObject
from pulse_collector.facts.media import media_of

#: Types of the parts that are a message's text; other parts are reasoning, tool calls or media.
_TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
_USER_ROLES = frozenset({"user", "human"})
_ANSWER_ROLES = frozenset({"assistant", "ai", "model"})
_LANGCHAIN_ROLES = {
    "HumanMessage": "user",
    "HumanMessageChunk": "user",
    "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "SystemMessage": "system",
    "ToolMessage": "tool",
}


def text_of(content: Json) -> str:
    """Return the text of a message's content or parts, joined; empty if there is none."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return _part_text(content[0]) if len(content) == 1 else "".join(map(_part_text, content))
    return _part_text(content)


def message_text(message: Json) -> str:
    """Return the text of one message in any format; empty if it has none."""
    if not isinstance(message, dict):
        return message if isinstance(message, str) else ""
    parts = message.get("parts")
    if isinstance(parts, list):
        return _part_text(parts[0]) if len(parts) == 1 else "".join(map(_part_text, parts))
    body = _body(message)
    for key in ("parts", "content", "contents", "text", "blocks"):
        inner = body.get(key)
        if isinstance(inner, dict) and "parts" in inner:
            return message_text(inner)
        if inner is not None:
            return text_of(inner)
    audio = body.get("audio")
    transcript = audio.get("transcript") if isinstance(audio, dict) else None
    return transcript if isinstance(transcript, str) else ""


def shown_text(message: Json) -> str:
    """Return the text of a message, or `[image]` and the like if it has only media."""
    return message_text(message) or (media_of(_body(message)) if isinstance(message, dict) else "")


def last_user_text(messages: Json) -> str | None:
    """Return the text of the last user message with text, else of the last message of any role."""
    listed = _each(messages)
    if len(listed) == 1:
        return shown_text(listed[0]) or None
    any_role = None
    for message in reversed(listed):
        from_user = _role(message) in _USER_ROLES or isinstance(message, str)
        # Without a user message, the last message of another role is used.
        if from_user or any_role is None:
            text = shown_text(message)
            if text and from_user:
                return text
            any_role = text or any_role
    return any_role


def first_answer_text(messages: Json) -> str | None:
    """Return the text of the first choice: the first message of the model, else the first message."""
    listed = _each(messages)
    if len(listed) == 1:
        return shown_text(listed[0]) or None
    first: Json = None
    for message in listed:
        if _role(message) in _ANSWER_ROLES:
            return shown_text(message) or None
        first = first or message
    return shown_text(first) or None


def last_answer_text(messages: Json) -> str | None:
    """Return the text of the last message of the model that has text."""
    for message in reversed(_each(messages)):
        if _role(message) in _ANSWER_ROLES and (text := shown_text(message)):
            return text
    return None


def answer_finish_reasons(messages: Json) -> list[str]:
    """Return the finish reasons of output messages, in their order."""
    reasons: list[str] = []
    for message in _each(messages):
        reason = message.get("finish_reason") if isinstance(message, dict) else None
        if isinstance(reason, str) and reason:
            reasons.append(reason)
    return reasons


def _each(messages: Json) -> list[Json]:
    if isinstance(messages, dict) and isinstance(messages.get("messages"), list):
        messages = messages["messages"]
    if not isinstance(messages, list):
        return [messages] if messages else []
    if messages and isinstance(messages[0], list):
        # LangChain's batches are lists of conversations.
        return [one for message in messages for one in (message if isinstance(message, list) else [message])]
    return messages


def _role(message: Json) -> str | None:
    if not isinstance(message, dict):
        return None
    role = message.get("role")
    if not isinstance(role, str):
        kind = message.get("type")
        identity = message.get("id")
        if isinstance(identity, list) and identity and isinstance(identity[-1], str):
            return _LANGCHAIN_ROLES.get(identity[-1])
        return kind if isinstance(kind, str) else None
    return role.lower()


def _body(message: JsonObject) -> JsonObject:
    """Return the object with a message's content: itself, or LangChain's `kwargs` or `data` in it."""
    if "parts" in message or "content" in message:
        return message
    for key in ("kwargs", "data", "message"):
        inner = message.get(key)
        if isinstance(inner, dict) and "content" in inner:
            return inner
    return message


def _part_text(part: Json) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    kind = part.get("type", "text")
    if not isinstance(kind, str) or kind not in _TEXT_TYPES:
        return ""
    inner = part.get("content")
    if inner is None:
        inner = part.get("text")
    if isinstance(inner, str):
        return inner
    return "" if inner is None else text_of(inner)
