"""Folds the events of a streamed Anthropic message into one message."""

from __future__ import annotations

import json

from pulse_instrumentation.fields import field, own_fields, pairs, text

# The kinds of delta with the field of the delta and of the block that it extends.
_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("partial_json", "input"),
}
_USAGE_FIELDS = frozenset(
    {
        "input_tokens",
        "output_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cache_creation",
        "output_tokens_details",
        "service_tier",
        "cost",
    }
)


class MessageFold:
    """One message from its events. Without content only the first and last events are looked into."""

    __slots__ = ("_blocks", "_content", "_counted", "_message", "_stop_reason", "_usage")

    def __init__(self, content: bool) -> None:
        self._content = content
        self._message: object = None
        self._stop_reason: object = None
        self._usage: dict[str, object] = {}
        self._counted = False
        """Whether the output has been counted: at its end, by the event that also tells why it stopped."""
        self._blocks: dict[object, _Block] = {}

    def add(self, chunk: object) -> bool:
        kind = own_fields(chunk).get("type")
        if kind == "content_block_delta":
            if self._content:
                block = self._blocks.get(field(chunk, "index"))
                if block is not None:
                    block.add(field(chunk, "delta"))
            return True
        if kind == "content_block_start":
            if self._content:
                self._blocks[field(chunk, "index")] = _Block(field(chunk, "content_block"))
            return True
        if kind == "message_start":
            self._message = field(chunk, "message")
            self._stop_reason = field(self._message, "stop_reason")
            self._take_usage(field(self._message, "usage"))
        elif kind == "message_delta":
            self._stop_reason = field(field(chunk, "delta"), "stop_reason") or self._stop_reason
            usage = field(chunk, "usage")
            self._counted = self._counted or field(usage, "output_tokens") is not None
            self._take_usage(usage)
        return False

    def response(self) -> object:
        message = self._message
        if not self._counted:
            # The opening counts the output up to itself, a token or two: how many came is not known.
            for name in ("output_tokens", "output_tokens_details"):
                self._usage.pop(name, None)
        return {
            "id": field(message, "id"),
            "model": field(message, "model"),
            "role": field(message, "role"),
            "stop_reason": self._stop_reason,
            "usage": self._usage or None,
            "content": [block.whole() for block in self._blocks.values()],
        }

    def _take_usage(self, usage: object) -> None:
        # The counts are cumulative: a later one replaces an earlier one, an absent one does not.
        for name, value in pairs(usage):
            if value is not None and name in _USAGE_FIELDS:
                self._usage[name] = value


class _Block:
    """One content block as its deltas arrive."""

    __slots__ = ("_opening", "_pieces")

    def __init__(self, opening: object) -> None:
        self._opening = opening
        self._pieces: dict[str, list[str]] = {}

    def add(self, delta: object) -> None:
        names = _DELTAS.get(text(field(delta, "type")) or "")
        if names is None:
            return
        piece = field(delta, names[0])
        if isinstance(piece, str):
            self._pieces.setdefault(names[1], []).append(piece)

    def whole(self) -> object:
        block: dict[str, object] = {
            name: field(self._opening, name)
            for name in ("type", "id", "name", "tool_use_id", "text", "thinking", "data", "input", "content")
        }
        for name, pieces in self._pieces.items():
            joined = "".join(pieces)
            opening = text(block.get(name)) or ""
            block[name] = _parsed(joined) if name == "input" else opening + joined
        return {name: value for name, value in block.items() if value is not None}


def _parsed(arguments: str) -> object:
    """The tool input as an object; as the text itself when the stream broke off within it."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
