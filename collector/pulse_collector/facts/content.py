"""Request and response bodies: a provider's own documents as they are, or rebuilt from messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import orjson

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.json_text import Json, JsonObject, dump_json, parse_json, to_json

#: Written by instrumentors where content was hidden from them.
_REDACTED = "__REDACTED__"


class Content(NamedTuple):
    """A content attribute: what it says, and the JSON it is kept as (never parsed and written again)."""

    value: Json
    raw: object


def content_of(value: AttributeValue) -> Content | None:
    """What a content attribute says: JSON, or else its text. JSON that was cut off is kept under `_raw`.

    None if there is nothing, or only a note that it was hidden.
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


def plain_text(value: AttributeValue) -> str | None:
    """A content attribute that is not JSON but simply text."""
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
    """A request rebuilt from its parts: model, system instructions, messages, tools and parameters.

    None without messages and system instructions: parameters alone are no request body.
    """
    if messages is None and system is None:
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
    """An answer rebuilt from its parts; None without messages."""
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


def document_body(content: Content, name: str, beside: JsonObject | None = None) -> bytes:
    """A document kept as it came; what is no object is wrapped in one, under `name`.

    What is known `beside` it (parameters) goes into the wrapping, and is dropped where there is none.
    """
    return dump_body(
        content.raw if isinstance(content.value, dict) else {name: content.raw, **(beside or {})}
    )


def with_member(body: bytes, name: str, content: Content) -> bytes:
    """Return a JSON object with one more member at its end."""
    member = dump_body({name: content.raw})
    return member if body == b"{}" else body[:-1] + b"," + member[1:]


def _unreadable(text: str) -> JsonObject:
    return {"_raw": text}


def dump_body(body: object) -> bytes:
    """Write a body whose members are JSON values, attribute values or fragments of JSON."""
    try:
        return orjson.dumps(body)
    except (TypeError, ValueError):
        # A parameter that JSON cannot hold as it is, such as bytes or a lone surrogate.
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
