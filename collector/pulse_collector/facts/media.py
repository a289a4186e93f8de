"""Describes the media of a message without text, so that a preview can show `[image]`."""

from __future__ import annotations

from pulse_collector.facts.json_text import Json, JsonObject

_MEDIA = ("image", "audio", "video", "document", "file")
#: Part types that do not name the medium; a MIME type or a modality does.
_GENERIC = frozenset({"blob", "uri", "file", "input_file", "media", "binary", "inline_data", "file_data"})
#: Members with a part's data in documents of Google and Bedrock, whose parts have no type.
_HOLDERS = ("inline_data", "inlineData", "file_data", "fileData", *_MEDIA)
_MIME_KEYS = ("modality", "mime_type", "mimeType", "mediaType", "media_type", "kind")


def media_of(message: JsonObject) -> str:
    """Return the media of a message's parts, such as `[image]`; empty if there are none."""
    parts = message.get("parts") or message.get("content") or message.get("contents")
    found = [medium for part in parts if (medium := _medium(part))] if isinstance(parts, list) else []
    if not found and isinstance(parts, dict):
        found = [_medium(parts)]
    images = message.get("images")
    if isinstance(images, list):
        found += ["image"] * len(images)
    if isinstance(message.get("audio"), dict):
        found.append("audio")
    return " ".join(f"[{medium}]" for medium in dict.fromkeys(found) if medium)


def _medium(part: Json) -> str | None:
    if not isinstance(part, dict):
        return None
    kind = part.get("type")
    if not isinstance(kind, str):
        holder = next((name for name in _HOLDERS if isinstance(part.get(name), dict)), None)
        if holder is None:
            return None
        return holder if holder in _MEDIA else _by_mime(part[holder])
    if kind in _GENERIC:
        return _by_mime(part) or _by_mime(part.get("file")) or "file"
    # `image`, `image_url`, `input_image` and `image-url` are one medium.
    name = kind.removeprefix("input_").replace("-", "_").removesuffix("_url")
    return name if name in _MEDIA else None


def _by_mime(part: Json) -> str | None:
    if not isinstance(part, dict):
        return None
    for key in _MIME_KEYS:
        mime = part.get(key)
        if isinstance(mime, str) and mime:
            name = mime.partition("/")[0].partition("-")[0].lower()
            return name if name in _MEDIA else "file"
    return None
