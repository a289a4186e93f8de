"""Reads texts, refusals and reasoning of any provider's form."""

from __future__ import annotations

from pulse_query_api.messages.json_values import Json, JsonObject, without
from pulse_query_api.messages.parts import Parts

_MARKS = frozenset(
    {
        "type",
        "id",
        "index",
        "status",
        "truncated",
        "size",
        "signature",
        "thoughtSignature",
        "thought_signature",
    }
)
_TEXT = frozenset({*_MARKS, "text", "content", "thought"})
_REASONING = ("thinking", "content", "text", "summary", "reasoning", "reasoning_text", "reasoningText")
_OPAQUE = frozenset({"data", "encrypted_content", "redactedContent", "redacted_content"})


def read_text(part: JsonObject, parts: Parts) -> bool:
    """Add a text; Google marks reasoning by `thought`."""
    text = part.get("text")
    if text is None:
        text = part.get("content")
    if isinstance(text, dict) and isinstance(text.get("value"), str):
        # OpenAI's assistants.
        parts.extra(without(text, ("value",)))
        text = text["value"]
    if part.get("thought") is True and isinstance(text, str):
        parts.thinking(text, part)
    elif text is None or isinstance(text, str):
        parts.text(text or "", part)
    else:
        parts.content(text)
    parts.extra(without(part, _TEXT))
    return True


def read_refusal(part: JsonObject, parts: Parts) -> bool:
    """Add a refusal."""
    text = part.get("refusal") or part.get("content") or part.get("text")
    if not isinstance(text, str) and text is not None:
        return False
    parts.refusal(text or "", part)
    return True


def read_thinking(part: JsonObject, parts: Parts) -> bool:
    """Add reasoning, of which some providers return only a summary or only encrypted data."""
    inner = part.get("reasoningContent") or part.get("reasoning_content") or part.get("reasoning")
    source = inner if isinstance(inner, dict) else part
    texts = [text for name in _REASONING if (text := _joined(source.get(name)))]
    # Content and summary may both be there, as in a reasoning item of OpenAI.
    parts.thinking("\n\n".join(dict.fromkeys(texts)) if texts else _without_text(source), source)
    parts.extra(
        without(part, {*_MARKS, *_REASONING, *_OPAQUE, "reasoningContent", "reasoning_content", "format"})
    )
    return True


def _without_text(source: JsonObject) -> str | None:
    """Return None for encrypted reasoning, "" for reasoning of which only the size was recorded."""
    if source.get("type") == "reasoning" and source.get("size") and _OPAQUE.isdisjoint(source):
        return ""
    return None


def _joined(value: Json) -> str:
    """Return a text, or the texts of a list of summaries."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        text = value.get("text")
        return text if isinstance(text, str) else ""
    if isinstance(value, list):
        return "\n\n".join(text for item in value if (text := _joined_item(item)))
    return ""


def _joined_item(item: Json) -> str:
    return item if isinstance(item, str) else _joined(item) if isinstance(item, dict) else ""
