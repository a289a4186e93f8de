"""Find base64 media in JSON values and JSON text, by what the fields of an object declare."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from pulse_instrumentation import blobs
from pulse_instrumentation.fields import encodable

# Levels of JSON text within JSON text that are parsed; deeper levels are searched as text.
_MAX_NESTING = 8
_MAX_DEPTH = 64
_SHORTEST = 8

# Fields that declare the media type of another field of the same object.
_TYPE_FIELDS = ("media_type", "mime_type", "mimeType", "mimetype", "content_type", "contentType", "format")
_FORMATS = frozenset(
    (
        *("base64", "wav", "mp3", "pcm", "pcm16", "flac", "opus", "aac", "ogg", "webm", "mp4", "m4a"),
        *("g711_ulaw", "g711_alaw", "png", "jpeg", "jpg", "gif", "webp", "svg", "pdf"),
    )
)
_MEDIA_KINDS = frozenset(
    (
        *("image", "audio", "video", "document", "file", "media", "blob", "base64"),
        *("input_image", "input_audio", "input_file", "input_video"),
    )
)
# Content of these types is often sent as text, not as base64.
_TEXTUAL = ("text/", "application/json", "application/xml", "application/javascript", "application/x-ndjson")
# Fields that always contain base64 bytes, and fields that may contain other text.
_DATA = frozenset(("data", "blob", "bytes"))
_MAYBE_DATA = frozenset(("content", "body", "image", "audio", "video", "file", "result"))
_ENCODED = re.compile(r"b64|ase64|(?:file|image|audio|video|media|binary)_?data$", re.IGNORECASE)
# JSON text whose fields declare media contains at least one of these.
_HINTS = ("b64", "ase64", "mime", "edia_type", "ontent_type", "ontentType", "format", "_data", "\\/")


def without_media(value: str, nesting: int = 0) -> str:
    """Return a string with its base64 media replaced, whether all of it is media, JSON text or prose."""
    if len(value) < blobs.SHORTEST:
        return value
    if (whole := blobs.whole_blob(value)) is not None:
        return whole
    has_run = blobs.find_run(value, 0) is not None
    opening = value[0] if not value[0].isspace() else value.lstrip()[:1]
    if opening in ("{", "[", '"') and nesting < _MAX_NESTING and (has_run or _has_hint(value)):
        value = _json_without_media(value, nesting)
    may_have_some = has_run or "ase64," in value or "ASE64," in value or "\\/" in value
    return blobs.without_blobs(value) if may_have_some else value


def declared_blob(fields: Mapping[object, object], key: object, value: str) -> str | None:
    """Return the digest of a base64 field if its name or another field declares it as media, else None."""
    if len(value) < _SHORTEST or not isinstance(key, str):
        return None
    is_data, may_be_data = key in _DATA, key in _MAYBE_DATA
    if not (is_data or may_be_data or _ENCODED.search(key)):
        return None
    mime_type = _declared_type(fields)
    if mime_type is None and (is_data or may_be_data):
        return None
    # Any short word is valid base64, so a short value needs a declared media type.
    if len(value) < blobs.SHORTEST and not mime_type:
        return None
    if not blobs.is_base64(value) or (may_be_data and not blobs.is_media(value)):
        return None
    return blobs.digest_text(mime_type, blobs.digest(value))


def _declared_type(fields: Mapping[object, object]) -> str | None:
    """Return the media type that an object declares, "" for media of unknown type, None for no media."""
    for name in _TYPE_FIELDS:
        if isinstance(declared := fields.get(name), str):
            if declared.lower() in _FORMATS:
                return ""
            if (mime_type := blobs.mime_name(declared.partition(";")[0])) is not None:
                return None if mime_type.startswith(_TEXTUAL) else mime_type
    kind = fields.get("type")
    if fields.get("encoding") == "base64" or (isinstance(kind, str) and kind in _MEDIA_KINDS):
        return ""
    return None


def _has_hint(value: str) -> bool:
    return any(hint in value for hint in _HINTS)


def _json_without_media(value: str, nesting: int) -> str:
    """Return JSON text with its media replaced; the same text if it has no media or is not JSON."""
    try:
        parsed: object = json.loads(value)
        changed = _replace_media(parsed, nesting + 1, 0)
        return value if changed is parsed else _dumps(changed)
    except (ValueError, RecursionError):
        return value


def _replace_media(value: object, nesting: int, depth: int) -> object:
    """Return a JSON value with its media replaced; the same object if it has no media."""
    if isinstance(value, str):
        cleaned = without_media(value, nesting)
        return value if cleaned == value else cleaned
    if depth >= _MAX_DEPTH or not isinstance(value, (dict, list)):
        return value
    if isinstance(value, list):
        entries = cast("list[object]", value)
        copied = [_replace_media(item, nesting, depth + 1) for item in entries]
        return entries if all(map(_is, copied, entries)) else copied
    fields = cast("dict[object, object]", value)
    replaced = {
        key: (isinstance(item, str) and declared_blob(fields, key, item))
        or _replace_media(item, nesting, depth + 1)
        for key, item in fields.items()
    }
    return fields if all(map(_is, replaced.values(), fields.values())) else replaced


def _is(one: object, other: object) -> bool:
    return one is other


def _dumps(value: object) -> str:
    return encodable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
