"""Reads images and files of any provider's form: base64, an address, an id at the provider, or a digest."""

from __future__ import annotations

from pulse_query_api.messages.embedded import data_digest, decode_base64, image_type, split_data_url
from pulse_query_api.messages.json_values import Json, JsonObject
from pulse_query_api.messages.parts import Embedded, Part, Parts

#: Members with the facts of a medium, by the fact. The first that has a text is used.
_FACTS = {
    "media_type": ("media_type", "mime_type", "mimeType", "mediaType", "contentType"),
    "name": ("filename", "file_name", "name", "title", "display_name", "displayName"),
    "data": ("data", "base64", "bytes", "b64_json", "result", "content", "file_data", "imageBytes"),
    "url": ("url", "uri", "file_url", "fileUri", "file_uri", "gcsUri", "image_url", "audio_url", "video_url"),
    "file_id": ("file_id", "fileId"),
    "format": ("format",),
    "modality": ("modality",),
    "sha256": ("sha256",),
}
_FACT_OF = {member: fact for fact, members in _FACTS.items() for member in members}
#: Members with an object that has the facts, or with the data or the address as a text.
_HOLDERS = frozenset(
    {"source", "image", "image_url", "audio", "audio_url", "input_audio", "video", "video_url", "document"}
    | {"file", "file_data", "fileData", "inline_data", "inlineData", "s3Location"}
)
#: Members without content: what they mean is already in the part.
_MARKS = frozenset({"type", "id", "index", "status", "truncated", "size"})
_MAX_DEPTH = 3
_FORMATS = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv"}
_KINDS = ("image", "audio", "video")


class _Facts:
    """The facts of one medium, and the members that are none of them."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.others: JsonObject = {}
        self.text: Json = None


def read_media(part: JsonObject, parts: Parts) -> bool:
    """Add an image or a file; return False, and add nothing, if the part has neither data nor a reference."""
    facts = _Facts()
    _gather(part, facts, 0)
    size = part.get("size")
    has_reference = not facts.found.keys().isdisjoint(("url", "file_id", "sha256"))
    if "data" not in facts.found and facts.text is None and not has_reference and not isinstance(size, int):
        return False
    kind = _kind(part, facts.found)
    shown: Part = {
        "type": kind,
        "media_type": _media_type(facts.found, part),
        "name": facts.found.get("name"),
        "url": facts.found.get("url"),
        "digest": None,
        "bytes": size if isinstance(size, int) and not isinstance(size, bool) else None,
    }
    if "file_id" in facts.found:
        shown["file_id"] = facts.found["file_id"]
    if "sha256" in facts.found:
        shown["sha256"] = facts.found["sha256"]
    if "data" in facts.found and not _embed(shown, facts.found["data"], parts):
        return False
    identity = shown["digest"] or shown.get("sha256") or shown["url"] or shown.get("file_id")
    parts.media(shown, str(identity), part)
    if facts.text is not None:
        parts.content(facts.text)
    parts.extra(facts.others)
    return True


def read_bare_media(value: Json, parts: Parts) -> bool:
    """Add a medium that is only a text, an address or base64, or that is a part; return False otherwise."""
    if isinstance(value, str):
        return read_media({"data": value}, parts)
    return isinstance(value, dict) and read_media(value, parts)


def _gather(part: JsonObject, facts: _Facts, depth: int) -> None:
    """Collect the facts of a part and of the objects in it that hold facts."""
    for name, value in part.items():
        if value is None or value == "" or name in _MARKS:
            continue
        if name in _HOLDERS and isinstance(value, dict) and depth < _MAX_DEPTH:
            _gather(value, facts, depth + 1)
        elif name == "content" and isinstance(value, list):
            # Anthropic's documents of several texts.
            facts.text = value
        elif isinstance(value, str) and (name in _FACT_OF or name in _HOLDERS):
            _set_text(name, value, part, facts)
        else:
            facts.others[name] = value


def _set_text(name: str, value: str, part: JsonObject, facts: _Facts) -> None:
    fact = _FACT_OF.get(name, "data")
    if fact in ("data", "url"):
        split = split_data_url(value)
        if split is not None:
            media_type, value = split
            fact = "data"
            if media_type is not None:
                facts.found.setdefault("media_type", media_type)
        elif value[:8].lower().startswith(("http://", "https://", "gs://", "s3://")):
            fact = "url"
        elif fact == "data" and part.get("type") == "text":
            # Anthropic's documents of one text.
            facts.text = value
            return
    if fact in facts.found:
        facts.others[name] = value
    else:
        facts.found[fact] = value


def _embed(shown: Part, text: str, parts: Parts) -> bool:
    """Set digest, size and type of base64 data; return False if the text is not base64."""
    data = decode_base64(text)
    if not data:
        return False
    found = image_type(data)
    media_type = shown["media_type"] = shown["media_type"] or found
    digest = data_digest(data)
    if found is not None:
        shown["type"] = "image"
    shown["digest"], shown["bytes"] = digest, len(data)
    reading = parts.reading
    if reading.wanted == digest:
        name = shown["name"]
        reading.found = Embedded(
            data,
            media_type if isinstance(media_type, str) else None,
            name if isinstance(name, str) else None,
        )
    return True


def _kind(part: JsonObject, found: dict[str, str]) -> str:
    """Return `image` or `file`."""
    stated = found.get("media_type", "").partition("/")[0] or found.get("modality", "")
    if stated:
        return "image" if stated == "image" else "file"
    kind = part.get("type")
    named = kind if isinstance(kind, str) else next(iter(part), "")
    return "image" if "image" in named else "file"


def _media_type(found: dict[str, str], part: JsonObject) -> str | None:
    """Return the stated media type, or the one of a format such as `png`, `mp3` or `pdf`."""
    stated, form = found.get("media_type"), found.get("format", "").lower()
    if stated is not None or not form:
        return stated
    if form in _FORMATS:
        return _FORMATS[form]
    words = " ".join([str(part.get("type")), *part]).lower()
    kind = next((kind for kind in _KINDS if kind in words), None)
    return None if kind is None else f"{kind}/{form}"
