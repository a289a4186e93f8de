"""The parts of a message: collects them in the form of the API, and what identifies the message."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import orjson

from pulse_query_api.messages.json_values import Json, JsonObject, parse_text

Part: TypeAlias = "dict[str, object]"

#: Further parts of a row are one `json` part, so that an answer is at most a few times as long as the bodies.
MAX_PARTS = 20_000
_MAX_DEPTH = 10
_MAX_MASK_CHARS = 100
#: Texts that senders write in place of content that they are configured to hide.
_MASKS = frozenset({"__redacted__", "[redacted]", "<redacted>", "[redaction failed]"})
_MASK_PREFIX = "[scrubbed due to"


class Embedded(NamedTuple):
    """Data that a body contains as base64, with the type that the body states or the data shows."""

    data: bytes
    media_type: str | None
    name: str | None


class Reading:
    """State of reading one row: the parts that may still be added, and findings for the notes."""

    def __init__(
        self,
        read_content: Callable[[Json, Parts], None],
        *,
        wanted: str | None = None,
        max_parts: int = MAX_PARTS,
    ) -> None:
        #: Adds the parts of any content; readers of one kind of part use it for the content inside.
        self.read_content = read_content
        self.parts_left = self.max_parts = max_parts
        #: The digest of the data to return in `found`.
        self.wanted = wanted
        self.found: Embedded | None = None
        self.is_redacted = False
        self.is_truncated = False
        #: A body or a part of it is not the JSON that it begins as.
        self.is_unreadable = False
        #: The sender recorded kinds and sizes instead of content.
        self.has_sizes_only = False


class Parts:
    """The parts of one message or of one tool result, in order."""

    def __init__(self, reading: Reading, depth: int = 0) -> None:
        self.reading = reading
        self.depth = depth
        self.shown: list[Part] = []
        self._identity: list[tuple[str, list[object]]] = []

    @property
    def is_full(self) -> bool:
        """Whether further content must be added as one `json` part, since there are too many parts."""
        return self.reading.parts_left <= 0 or self.depth > _MAX_DEPTH

    def content(self, value: Json) -> None:
        """Add the parts of any content: a text, one part, or a list of both."""
        self.reading.read_content(value, self)

    def text(self, text: str, source: JsonObject | None = None) -> None:
        """Add a text; `source` is the part that contains it, with marks of truncation."""
        if text or _size(source):
            self._add({"type": "text", "text": text}, text, source)
            self._identify("text", text)

    def refusal(self, text: str, source: JsonObject | None = None) -> None:
        """Add the text with which the model refuses an answer."""
        self._add({"type": "refusal", "text": text}, text, source)
        self._identify("refusal", text)

    def thinking(self, text: str | None, source: JsonObject | None = None) -> None:
        """Add reasoning; None if the provider returned it encrypted. It does not identify the message."""
        part: Part = {"type": "thinking", "text": text}
        if text is None:
            part["redacted"] = True
            self._add(part)
        else:
            self._add(part, text, source)

    def tool_call(
        self, id: str | None, name: str | None, arguments: Json, source: JsonObject | None = None
    ) -> None:
        """Add a tool call, with the value of a JSON text. The id does not identify the message."""
        value = parse_text(arguments)
        self._add({"type": "tool_call", "id": id, "name": name, "arguments": value}, arguments, source)
        self._identify("tool_call", name, value)

    def tool_result(
        self,
        id: str | None,
        name: str | None,
        result: Parts,
        source: JsonObject | None = None,
        *,
        is_error: bool = False,
    ) -> None:
        """Add the result of a tool call, whose parts were collected in `result`."""
        part: Part = {"type": "tool_result", "id": id, "name": name, "parts": result.shown}
        if is_error:
            part["is_error"] = True
        written = result.shown[0].get("text") if len(result.shown) == 1 else None
        self._add(part, written if isinstance(written, str) else "", source)
        self._identify("tool_result", result.identity())

    def media(self, part: Part, identity: str, source: JsonObject | None = None) -> None:
        """Add an image or a file; `identity` is its digest, address or file id."""
        self._add(part, "", source)
        self._identify("media", identity)

    def json(self, value: Json) -> None:
        """Add a value of an unknown kind unchanged."""
        if isinstance(value, str):
            self._add({"type": "json", "value": value}, value)
        else:
            self._add({"type": "json", "value": value})
        self._identify("json", value)

    def unreadable(self, text: str) -> None:
        """Add a text that begins as JSON and is not JSON, mostly because it was cut."""
        self.reading.is_unreadable = True
        self._add({"type": "json", "value": text}, text)
        self._identify("json", text)

    def extra(self, members: JsonObject) -> None:
        """Add the members of a part or message that have no place in the API's form, if there are any.

        They do not identify the message: marks such as `cache_control` differ between repetitions.
        """
        if members:
            self._add({"type": "json", "value": members})

    def append(self, others: Parts) -> None:
        """Add all parts of another list at the end."""
        self.shown += others.shown
        for kind, values in others._identity:
            self._identify(kind, *values)

    def nested(self) -> Parts:
        """Return an empty list for the parts inside a part."""
        return Parts(self.reading, self.depth + 1)

    def identity(self) -> list[object]:
        """Return what stays equal when a later call repeats the message: adjacent texts are one text.

        Reasoning counts only if there is nothing else.
        """
        if not self._identity:
            return [[part.get("type"), part.get("text")] for part in self.shown]
        return [
            [kind, "".join(map(str, values)) if kind == "text" else values] for kind, values in self._identity
        ]

    def _add(self, part: Part, written: Json = None, source: JsonObject | None = None) -> None:
        self.reading.parts_left -= 1
        if isinstance(written, str) and _is_mask(written):
            part["redacted"] = True
            self.reading.is_redacted = True
        size = _size(source)
        if source is not None and size is not None:
            missing = size - len(written.encode()) if isinstance(written, str) else size
            if source.get("truncated") is True:
                part["truncated_bytes"] = max(missing, 1)
                self.reading.is_truncated = True
            elif not written and part["type"] not in ("image", "file"):
                part["truncated_bytes"] = size
                self.reading.has_sizes_only = True
        self.shown.append(part)

    def _identify(self, kind: str, *values: object) -> None:
        if kind == "text" and self._identity and self._identity[-1][0] == "text":
            self._identity[-1][1].extend(values)
        else:
            self._identity.append((kind, [*values]))


def message_digest(role: str, parts: Parts) -> str:
    """Return 32 hexadecimal digits that are equal for a message and its repetition in a later call."""
    written = orjson.dumps([role, parts.identity()], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(written).hexdigest()[:32]


def _size(source: JsonObject | None) -> int | None:
    """Return the size in bytes that a sender states for content which it did not record completely."""
    size = None if source is None else source.get("size")
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None


def _is_mask(text: str) -> bool:
    if len(text) > _MAX_MASK_CHARS:
        return False
    plain = text.strip().lower()
    return plain in _MASKS or plain.startswith(_MASK_PREFIX)
