"""Builds request and response bodies: a provider's own document unchanged, or one rebuilt from messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import orjson

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.json_text import Json, JsonObject, dump_json, parse_json, to_json

#: Instrumentors write this in place of content that they are configured to hide.
_REDACTED = "__REDACTED__"


class Content(NamedTuple):
    """The parsed value of a content attribute, and the JSON text that is stored (never re-serialized)."""

    value: Json
    raw: object


def content_of(value: AttributeValue) -> Content | None:
    """Return the content of an attribute: its JSON, else its text. Truncated JSON is stored under `_raw`.

    Returns None if the attribute is absent or empty, or if its content was redacted.
    """
    if value is None:
        return None
    if isinstance(value, str):
        if not value or value == _REDACTED:
            return None
        try:
            return Content(cast(Json, orjson.loads(value)), orjson.Fragment(value))
        except ValueError:
            pass
    elif not value and not isinstance(value, int | float):
        return None
    document = parse_json(value)
    if document is None:
        text = value if isinstance(value, str) else repr(value)
        document = _unreadable(text) if text.lstrip()[:1] in ("{", "[") else text
    return Content(document, orjson.Fragment(dump_json(document)))


def as_content(messages: Sequence[Json]) -> Content | None:
    """Return messages that were built from other attributes as content; None if there are none."""
    return content_of(dump_json([*messages])) if messages else None


def plain_text(value: AttributeValue) -> str | None:
    """Return the text of a content attribute that is not JSON; None if it is JSON or has no text."""
    if isinstance(value, str) and value and value != _REDACTED and value[0] not in "{[":
        return value
    return None


def request_body(
    *,
    model: str | None,
    messages: Content | None,
    system: Content | None = None,
    tools: Content | None = None,
    parameters: Mapping[str, AttributeValue],
) -> bytes | None:
    """Rebuild a request body from model, system instructions, messages, tools and parameters.

    Returns None without messages, system instructions and tools: parameters alone are no request body.
    """
    if messages is None and system is None and tools is None:
        return None
    body: dict[str, object] = {}
    if model is not None:
        body["model"] = model
    if system is not None:
        body["system_instructions"] = system.raw
    if messages is not None:
        body["messages"] = messages.raw
    if tools is not None:
        body["tools"] = tools.raw
    body.update(parameters)
    return dump_body(body)


def response_body(
    *, response_id: str | None, model: str | None, finish_reasons: list[str], messages: Content | None
) -> bytes | None:
    """Rebuild a response body from its parts; None without messages."""
    if messages is None:
        return None
    body: dict[str, object] = {}
    if response_id is not None:
        body["id"] = response_id
    if model is not None:
        body["model"] = model
    body["messages"] = messages.raw
    if finish_reasons:
        body["finish_reasons"] = finish_reasons
    return dump_body(body)


def document_body(content: Content, name: str, extra: JsonObject | None = None) -> bytes:
    """Return content as a JSON object: an object unchanged, any other value wrapped under `name`.

    The members of `extra` (parameters) are added to a wrapped value only.
    """
    return dump_body(content.raw if isinstance(content.value, dict) else {name: content.raw, **(extra or {})})


def with_member(body: bytes, name: str, content: Content) -> bytes:
    """Return a JSON object with one more member at its end."""
    member = dump_body({name: content.raw})
    return member if body == b"{}" else body[:-1] + b"," + member[1:]


def _unreadable(text: str) -> JsonObject:
    return {"_raw": text}


def dump_body(body: object) -> bytes:
    """Return the JSON of an object whose members are JSON values, attribute values or JSON fragments."""
    try:
        return orjson.dumps(body)
    except (TypeError, ValueError):
        # A parameter that JSON cannot represent, such as bytes or a lone surrogate.
        return dump_json(_plain(body))


def _plain(body: object) -> Json:
    if not isinstance(body, dict):
        return cast(Json, body)
    members = cast("dict[str, object]", body)
    return {
        name: cast(Json, member)
        if isinstance(member, orjson.Fragment)
        else to_json(cast(AttributeValue, member))
        for name, member in members.items()
    }
