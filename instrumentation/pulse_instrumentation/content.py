"""Make the parts of recorded messages: replace media, redact text, truncate long parts.

The parts follow OpenTelemetry's JSON format for gen_ai messages. Base64 media anywhere in the content are
replaced by their type, size in bytes and SHA-256. Then `redact` is called with every string, and a part
longer than the limit is truncated and has `truncated` and `size` (in bytes).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from pulse_instrumentation.blob_fields import declared_blob, without_media
from pulse_instrumentation.blobs import data_url, digest, end_of_run, mime_name
from pulse_instrumentation.fields import encodable, field, text

ContentMode = Literal["off", "metadata", "full"]
Redact = Callable[[str], str]
Part = dict[str, object]

DEFAULT_PART_LIMIT = 32 * 1024
REDACTION_FAILED = "[redaction failed]"

# Deeper than any tool schema, shallower than Python's own limit.
_MAX_DEPTH = 64
# Longer texts are truncated later, so only this many characters are searched for media.
_MAX_SEARCHED = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Capture:
    """The settings for recording the content of one call. `metadata` records kinds and sizes, never text."""

    mode: ContentMode = "off"
    redact: Redact | None = None
    part_limit: int = DEFAULT_PART_LIMIT

    @property
    def full(self) -> bool:
        """Whether text is recorded, not only kinds and sizes."""
        return self.mode == "full"

    def text_part(self, value: str, kind: str = "text") -> Part:
        """Return a part with text; `kind` is `text` or `reasoning`."""
        part: Part = {"type": kind}
        self._put(part, "content", value)
        return part

    def tool_call(self, id: object, name: object, arguments: object) -> Part:
        """Return the part for a tool call that the model requests; arguments are JSON text or an object."""
        part: Part = {"type": "tool_call", "id": text(id), "name": text(name)}
        self.put_value(part, "arguments", arguments)
        return part

    def tool_response(self, id: object, response: object) -> Part:
        """Return the part for the application's result of a tool call."""
        part: Part = {"type": "tool_call_response", "id": text(id)}
        self.put_value(part, "response", response)
        return part

    def server_tool_call(self, id: object, name: object, kind: object, arguments: object) -> Part:
        """Return the part for a call of a tool that the provider runs; its details are a nested object."""
        details: Part = {"type": text(kind) or "unknown"}
        if arguments is not None:
            self.put_value(details, "arguments", arguments)
        name = text(name) or details["type"]
        return {"type": "server_tool_call", "id": text(id), "name": name, "server_tool_call": details}

    def server_tool_response(self, id: object, kind: object, response: object) -> Part:
        """Return the part for the result of a tool that the provider runs."""
        details: Part = {"type": text(kind) or "unknown"}
        self.put_value(details, "response", response)
        return {"type": "server_tool_call_response", "id": text(id), "server_tool_call_response": details}

    def compaction(self, id: object, summary: object, opaque: object) -> Part:
        """Return the part for the summary of a compacted conversation; only its size if it is encrypted."""
        part: Part = {"type": "compaction"}
        if id is not None:
            part["id"] = text(id)
        if isinstance(summary, str):
            self._put(part, "content", summary)
        elif isinstance(opaque, str):
            part["size"] = len(opaque)
        return part

    def blob(self, data: object, mime_type: object, modality: str) -> Part:
        """Return the part for base64 media: their type, size and hash."""
        if isinstance(data, str) and (parsed := data_url(data)) is not None:
            named, digested = parsed
        else:
            named, digested = None, digest(data) if isinstance(data, str) else {}
        part: Part = {"type": "blob", "modality": modality}
        if mime := mime_name(text(mime_type)) or named:
            part["mime_type"] = mime
        return {**part, **digested}

    def uri(self, uri: object, modality: str) -> Part:
        """Return the part for media at a URL; for a `data:` URL that of a blob."""
        address = text(uri) or ""
        if address[:5].lower() == "data:":
            return self.blob(address, None, modality)
        part: Part = {"type": "uri", "modality": modality}
        self._put(part, "uri", address)
        return part

    def file(self, file_id: object, modality: str) -> Part:
        """Return the part for a file that is stored at the provider."""
        return {"type": "file", "modality": modality, "file_id": text(file_id)}

    def other(self, value: object) -> Part:
        """Return the part for a value of a kind that the conventions do not define."""
        if isinstance(value, str):
            return self.text_part(value)
        part: Part = {"type": text(field(value, "type")) or "unknown"}
        self.put_value(part, "content", value)
        return part

    def tool_definition(self, name: object, description: object, parameters: object) -> Part:
        """Return the definition of a function that the model may call."""
        definition: Part = {"type": "function", "name": text(name)}
        if words := text(description):
            self._put(definition, "description", words)
        if parameters is not None:
            self.put_value(definition, "parameters", parameters)
        return definition

    def tool(self, tool: object, name: object) -> Part:
        """Return the definition of a tool of the provider; its type is the name if it has none."""
        part = self.other(tool)
        return {"type": part["type"], "name": text(name) or part["type"], **part}

    def put_value(self, part: Part, key: str, value: object) -> None:
        """Set a field of a part to a JSON value; to truncated JSON text if that exceeds the limit."""
        if isinstance(value, str):
            self._put(part, key, value)
            return
        plain = _plain(value, self._words if self.redact else without_media, 0)
        encoded = dumps(plain)
        if not self.full:
            part["size"] = _size(encoded)
        elif _size(encoded) > self.part_limit:
            self._cut(part, key, encoded)
        else:
            part[key] = plain

    def put_name(self, message: Part, name: object) -> None:
        """Set the participant name of a message. Applications choose it freely, so it is content."""
        if self.full and (words := text(name)):
            message["name"] = encodable(self._words(words))

    def error_message(self, message: str) -> str | None:
        """Return an error message, which may quote the prompt, truncated; None unless content is full."""
        return encodable(self._words(message))[: self.part_limit] if self.full else None

    def _put(self, part: Part, key: str, value: str) -> None:
        if not self.full:
            part["size"] = _size(value)
            return
        searched = value
        if len(value) > (most := max(_MAX_SEARCHED, self.part_limit)) and " " in value[:most]:
            # A text with a space is not one piece of media. Ends after a piece, so that none is divided.
            searched = value[: end_of_run(value, most)]
        words = self._words(searched)
        beyond = _size(value[len(searched) :])
        if not beyond and (len(words) <= self.part_limit // 4 or _size(words) <= self.part_limit):
            part[key] = words
            return
        self._cut(part, key, words, beyond)

    def _cut(self, part: Part, key: str, words: str, beyond: int = 0) -> None:
        part[key] = words.encode("utf-8", "replace")[: self.part_limit].decode("utf-8", "ignore")
        part["truncated"] = True
        part["size"] = _size(words) + beyond

    def _words(self, value: str) -> str:
        value = without_media(value)
        if self.redact is None:
            return value
        try:
            redacted = self.redact(value)
        except Exception:
            # The text must not be recorded without redaction.
            return REDACTION_FAILED
        return redacted if isinstance(cast("object", redacted), str) else REDACTION_FAILED


def dumps(value: object) -> str:
    """Return compact JSON text that can be encoded as UTF-8; values of unknown types as `str()` of them."""
    return encodable(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))


def modality(mime_type: object, default: str = "document") -> str:
    """Return `image`, `audio` or `video` from a media type; the default for any other type."""
    kind = (text(mime_type) or "").partition("/")[0]
    return kind if kind in {"image", "audio", "video"} else default


def _plain(value: object, words: Callable[[str], str], depth: int) -> object:
    """Return a copy that has JSON types only, with each string replaced by `words(string)`."""
    if isinstance(value, str):
        return words(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth >= _MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        mapping = cast("Mapping[object, object]", value)
        return _plain_fields(mapping, words, depth)
    if isinstance(value, (list, tuple)):
        sequence = cast("Sequence[object]", value)
        return [_plain(item, words, depth + 1) for item in sequence]
    fields = _model_fields(value)
    if fields is None:
        return f"<{type(value).__name__}>"
    given: Mapping[object, object] = {key: item for key, item in fields.items() if item is not None}
    return _plain_fields(given, words, depth)


def _plain_fields(fields: Mapping[object, object], words: Callable[[str], str], depth: int) -> object:
    return {
        str(key): (isinstance(item, str) and declared_blob(fields, key, item))
        or _plain(item, words, depth + 1)
        for key, item in fields.items()
    }


def _model_fields(value: object) -> dict[str, object] | None:
    """Return the declared and extra fields of a pydantic model; None for any other value."""
    if not hasattr(type(value), "model_fields"):
        return None
    extra = cast("dict[str, object] | None", getattr(value, "__pydantic_extra__", None))
    return {**vars(value), **(extra or {})}


def _size(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
