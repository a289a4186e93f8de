"""How message content becomes parts of a span: what is shown, redacted, cut or replaced.

The parts follow OpenTelemetry's JSON format for gen_ai messages. Base64 media are replaced by their
type, size in bytes and SHA-256, wherever they stand; then every string passes `redact`, and a part
longer than the limit is cut and has `truncated` and `size` (in bytes).
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
# What is beyond is cut off in the end, so only the beginning of a longer text is looked at.
_MAX_SEARCHED = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Capture:
    """How the content of one call is recorded. `metadata` keeps kinds and sizes, never words."""

    mode: ContentMode = "off"
    redact: Redact | None = None
    part_limit: int = DEFAULT_PART_LIMIT

    @property
    def full(self) -> bool:
        """Whether words are recorded."""
        return self.mode == "full"

    def text_part(self, value: str, kind: str = "text") -> Part:
        """A part that holds words: `text` or `reasoning`."""
        part: Part = {"type": kind}
        self._put(part, "content", value)
        return part

    def tool_call(self, id: object, name: object, arguments: object) -> Part:
        """A call of a tool that the model asks for; arguments as JSON text or as an object."""
        part: Part = {"type": "tool_call", "id": text(id), "name": text(name)}
        self.put_value(part, "arguments", arguments)
        return part

    def tool_response(self, id: object, response: object) -> Part:
        """What the application answered to a tool call."""
        part: Part = {"type": "tool_call_response", "id": text(id)}
        self.put_value(part, "response", response)
        return part

    def server_tool_call(self, id: object, name: object, kind: object, arguments: object) -> Part:
        """A call of a tool that the provider runs. The conventions ask for its details as an object."""
        details: Part = {"type": text(kind) or "unknown"}
        if arguments is not None:
            self.put_value(details, "arguments", arguments)
        name = text(name) or details["type"]
        return {"type": "server_tool_call", "id": text(id), "name": name, "server_tool_call": details}

    def server_tool_response(self, id: object, kind: object, response: object) -> Part:
        """What a tool that the provider runs answered."""
        details: Part = {"type": text(kind) or "unknown"}
        self.put_value(details, "response", response)
        return {"type": "server_tool_call_response", "id": text(id), "server_tool_call_response": details}

    def compaction(self, id: object, summary: object, opaque: object) -> Part:
        """The summary of a conversation that was compacted; its size if only the model can read it."""
        part: Part = {"type": "compaction"}
        if id is not None:
            part["id"] = text(id)
        if isinstance(summary, str):
            self._put(part, "content", summary)
        elif isinstance(opaque, str):
            part["size"] = len(opaque)
        return part

    def blob(self, data: object, mime_type: object, modality: str) -> Part:
        """Base64 media, replaced by type, size and hash."""
        if isinstance(data, str) and (parsed := data_url(data)) is not None:
            named, digested = parsed
        else:
            named, digested = None, digest(data) if isinstance(data, str) else {}
        part: Part = {"type": "blob", "modality": modality}
        if mime := mime_name(text(mime_type)) or named:
            part["mime_type"] = mime
        return {**part, **digested}

    def uri(self, uri: object, modality: str) -> Part:
        """Media by address; a `data:` address is a blob."""
        address = text(uri) or ""
        if address[:5].lower() == "data:":
            return self.blob(address, None, modality)
        part: Part = {"type": "uri", "modality": modality}
        self._put(part, "uri", address)
        return part

    def file(self, file_id: object, modality: str) -> Part:
        """A file that the provider already has."""
        return {"type": "file", "modality": modality, "file_id": text(file_id)}

    def other(self, value: object) -> Part:
        """A part of a kind that Pulse has no own form for."""
        if isinstance(value, str):
            return self.text_part(value)
        part: Part = {"type": text(field(value, "type")) or "unknown"}
        self.put_value(part, "content", value)
        return part

    def tool_definition(self, name: object, description: object, parameters: object) -> Part:
        """A function that the model may call."""
        definition: Part = {"type": "function", "name": text(name)}
        if words := text(description):
            self._put(definition, "description", words)
        if parameters is not None:
            self.put_value(definition, "parameters", parameters)
        return definition

    def tool(self, tool: object, name: object) -> Part:
        """A tool that the provider has built in; each has a name, if only that of its kind."""
        part = self.other(tool)
        return {"type": part["type"], "name": text(name) or part["type"], **part}

    def put_value(self, part: Part, key: str, value: object) -> None:
        """Put any JSON value into a part, cut as text when it is too long."""
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
        """Put the name of who speaks into a message. It is chosen freely, so it counts as words."""
        if self.full and (words := text(name)):
            message["name"] = encodable(self._words(words))

    def error_message(self, message: str) -> str | None:
        """The words of an error, which may quote the prompt; None unless content is full."""
        return encodable(self._words(message))[: self.part_limit] if self.full else None

    def _put(self, part: Part, key: str, value: str) -> None:
        if not self.full:
            part["size"] = _size(value)
            return
        searched = value
        if len(value) > (most := max(_MAX_SEARCHED, self.part_limit)) and " " in value[:most]:
            # Not all of it is media, so it stays as long as it is, and is cut; but not within media.
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
            # A broken redaction must not let through what it was meant to hide.
            return REDACTION_FAILED
        return redacted if isinstance(cast("object", redacted), str) else REDACTION_FAILED


def dumps(value: object) -> str:
    """Compact JSON that every OTLP encoder takes: no lone surrogates, no unknown types."""
    return encodable(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))


def modality(mime_type: object, default: str = "document") -> str:
    """`image`, `audio`, `video` or the default, from a media type."""
    kind = (text(mime_type) or "").partition("/")[0]
    return kind if kind in {"image", "audio", "video"} else default


def _plain(value: object, words: Callable[[str], str], depth: int) -> object:
    """A copy made of JSON types only, each string seen by `words`."""
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
    """The fields of a client's model, or of a TypedDict-like object; None for anything else."""
    if not hasattr(type(value), "model_fields"):
        return None
    extra = cast("dict[str, object] | None", getattr(value, "__pydantic_extra__", None))
    return {**vars(value), **(extra or {})}


def _size(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
