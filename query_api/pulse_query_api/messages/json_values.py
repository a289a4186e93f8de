"""JSON documents of unknown origin: parses bodies and JSON in texts, and picks members."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias, cast

import orjson

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"

#: A text with fewer opening brackets cannot be nested too deeply.
_SHALLOW = 100
#: Levels that the answer adds around a value. orjson writes at most 254 levels.
_LEVELS_AROUND = 64


def load_body(body: bytes) -> Json:
    """Return the document of a body; its text if it is not JSON or nested too deeply to be written again."""
    try:
        document = cast(Json, orjson.loads(body))
    except ValueError:
        return body.decode("utf-8", "replace")
    if body.count(b"[") + body.count(b"{") > _SHALLOW and _is_too_deep(document):
        return body.decode("utf-8", "replace")
    return document


def parse_text(value: Json) -> Json:
    """Return the object or array of a JSON text; any other value unchanged."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        document = cast(Json, orjson.loads(value))
    except ValueError:
        return value
    if value.count("[") + value.count("{") > _SHALLOW and _is_too_deep(document):
        return value
    return document


def first_text(document: JsonObject, names: Iterable[str]) -> str | None:
    """Return the first of these members that is a text which is not empty."""
    for name in names:
        value = document.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def first_member(document: JsonObject, names: Iterable[str]) -> str | None:
    """Return the name of the first of these members that is not null, else None."""
    return next((name for name in names if document.get(name) is not None), None)


def nested(document: JsonObject, name: str) -> JsonObject:
    """Return the object in a member; an empty object if it has none."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def without(document: JsonObject, names: Collection[str]) -> JsonObject:
    """Return the members with other names that are not null, false, zero or empty."""
    return {name: value for name, value in document.items() if name not in names and value}


def _is_too_deep(document: Json) -> bool:
    wrapped: object = document
    for _ in range(_LEVELS_AROUND):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except TypeError:
        return True
    return False
