"""Parses JSON in attributes, which may be truncated, encoded twice or written by Python's repr."""

from __future__ import annotations

import ast
import base64
import json
import math
from collections.abc import Mapping
from typing import TypeAlias, cast

import orjson

from pulse_collector.facts.attributes import AttributeValue

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"

#: Longer texts are not parsed as Python's repr: that parser is slow, and only short usage details need it.
_MAX_REPR_CHARS = 4096


def parse_json(value: AttributeValue) -> Json:
    """Return the document of an attribute: JSON text, bytes of it, or a structured value; else None.

    Lone surrogates become U+FFFD; NaN and infinities become text.
    """
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, bytes):
        return _parse_text(value.decode("utf-8", "replace"))
    return to_json(value)


def parse_object(value: AttributeValue) -> JsonObject:
    """Return the JSON object of an attribute; empty if it has none."""
    document = parse_json(value)
    if isinstance(document, str):
        document = _parse_text(document)
    return document if isinstance(document, dict) else {}


def parse_repr(value: AttributeValue) -> Json:
    """Parse JSON as `parse_json` does, or Python's repr (`{'cache_read': 0}`)."""
    document = parse_json(value)
    if document is not None or not isinstance(value, str) or len(value) > _MAX_REPR_CHARS:
        return document
    try:
        return to_json(cast(AttributeValue, ast.literal_eval(value)))
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def unquote(value: AttributeValue) -> str | None:
    """Return a text without one extra JSON encoding (`"\"stop\""`)."""
    if not isinstance(value, str):
        return None
    if len(value) >= 2 and value[0] == value[-1] == '"':
        document = _parse_text(value)
        if isinstance(document, str):
            return document
    return value


def to_json(value: AttributeValue) -> Json:
    """Return a structured attribute as a JSON document: bytes become UTF-8 text, else base64."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return [to_json(item) for item in value]


def dump_json(document: Json) -> bytes:
    """Return a document as JSON in UTF-8, including huge integers, lone surrogates and deep nesting."""
    try:
        return orjson.dumps(document)
    except (TypeError, ValueError):
        pass
    try:
        return orjson.dumps(_scrub(document))
    except (TypeError, ValueError, RecursionError):
        return b'{"_raw":"nested too deeply to be kept"}'


def without_nul(written: bytes) -> bytes:
    """Return JSON text with each escaped NUL replaced by U+FFFD: some databases reject it in JSON columns."""
    return written.replace(b"\\u0000", b"\\ufffd")


def _parse_text(text: str) -> Json:
    try:
        return cast(Json, orjson.loads(text))
    except ValueError:
        pass
    # The strict parser rejects what some senders write: NaN, lone surrogates, raw control characters.
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        return _scrub(cast(Json, json.loads(text, strict=False)))
    except (ValueError, RecursionError):
        return None


def _scrub(document: Json) -> Json:
    if isinstance(document, str):
        return document.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(document, list):
        return [_scrub(item) for item in document]
    if isinstance(document, dict):
        return {str(_scrub(key)): _scrub(item) for key, item in document.items()}
    if isinstance(document, float) and not math.isfinite(document):
        return str(document)
    if isinstance(document, int) and not -(1 << 63) <= document < 1 << 64:
        return str(document)
    return document
