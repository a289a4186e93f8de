"""Fold the events of a streamed Anthropic message into one message."""

from __future__ import annotations

import json

from pulse_instrumentation.fields import field, own_fields, pairs, text

# The types of delta that extend text of a block, with the field, which delta and block both have.
_DELTAS = {
    "text_delta": (("text", "text"),),
    "thinking_delta": (("thinking", "thinking"),),
    "signature_delta": (("signature", "signature"),),
    "input_json_delta": (("partial_json", "input"),),
    "compaction_delta": (("content", "content"), ("encrypted_content", "encrypted_content")),
}
# Fields of a usage object that are not counts of one attempt, so they stay valid after a fallback.
_LASTING = frozenset({"service_tier", "inference_geo"})


class MessageFold:
    """Folds events into one message. Without content it reads only the first and the last events."""

    __slots__ = (
        "_blocks",
        "_content",
        "_counted",
        "_error",
        "_fell_back",
        "_head",
        "_open",
        "_stop_reason",
        "_usage",
    )

    def __init__(self, content: bool) -> None:
        self._content = content
        self._head: dict[str, object] = {}
        self._stop_reason: object = None
        self._usage: dict[str, object] = {}
        self._counted = False
        """Whether the output tokens have been counted, by the `message_delta` event with the stop reason."""
        self._fell_back = False
        self._error: object = None
        self._blocks: list[_Block] = []
        self._open: dict[object, _Block] = {}

    def add(self, chunk: object) -> bool:
        kind = own_fields(chunk).get("type")
        if kind == "content_block_delta":
            if self._content:
                block = self._open.get(field(chunk, "index"))
                if block is not None:
                    block.add(field(chunk, "delta"))
            return True
        if kind == "content_block_start":
            self._open_block(field(chunk, "index"), field(chunk, "content_block"))
            return True
        if kind == "message_start":
            message = field(chunk, "message")
            for name in ("id", "model", "role"):
                if value := field(message, name):
                    self._head[name] = value
            self._stop_reason = field(message, "stop_reason")
            self._take_usage(field(message, "usage"))
        elif kind == "message_delta":
            self._stop_reason = field(field(chunk, "delta"), "stop_reason") or self._stop_reason
            usage = field(chunk, "usage")
            self._counted = self._counted or field(usage, "output_tokens") is not None
            self._take_usage(usage)
        elif kind == "error":
            self._error = field(chunk, "error") or chunk
        return False

    def response(self) -> object:
        if not self._counted:
            # `message_start` counts only the first one or two output tokens, so the real count is unknown.
            for name in ("output_tokens", "output_tokens_details"):
                self._usage.pop(name, None)
        return {
            **self._head,
            "stop_reason": self._stop_reason,
            "usage": self._usage or None,
            "content": [block.whole() for block in self._blocks],
            "error": self._error,
        }

    def _open_block(self, index: object, opening: object) -> None:
        if field(opening, "type") == "fallback":
            # Another model continues. The counts before are those of the model that declined.
            self._head["model"] = field(field(opening, "to"), "model") or self._head.get("model")
            self._usage = {name: value for name, value in self._usage.items() if name in _LASTING}
            self._fell_back = True
        if self._content:
            block = _Block(opening)
            self._open[index] = block
            self._blocks.append(block)

    def _take_usage(self, usage: object) -> None:
        # The counts are cumulative: a later count replaces an earlier one; an absent count does not.
        for name, value in pairs(usage):
            if value is None:
                continue
            known = self._usage.get(name)
            if type(value) is int and type(known) is int and name != "output_tokens":
                # Some servers send zeros for counts that `message_start` has reported.
                value = max(known, value)
            self._usage[name] = value


class _Block:
    """One content block, while its deltas arrive."""

    __slots__ = ("_citations", "_opening", "_pieces")

    def __init__(self, opening: object) -> None:
        self._opening = opening
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[object] = []

    def add(self, delta: object) -> None:
        kind = text(field(delta, "type")) or ""
        if kind == "citations_delta":
            self._citations.append(field(delta, "citation"))
            return
        for source, target in _DELTAS.get(kind, ()):
            piece = field(delta, source)
            if isinstance(piece, str):
                self._pieces.setdefault(target, []).append(piece)

    def whole(self) -> object:
        """Return the block: the fields of its first event, extended by its deltas."""
        block = {name: value for name, value in pairs(self._opening) if value is not None}
        for name, pieces in self._pieces.items():
            if not (joined := "".join(pieces)):
                # A tool without arguments: its delta is empty, and `content_block_start` has the object.
                continue
            opening = block.get(name)
            block[name] = _parse_input(joined) if name == "input" else f"{text(opening) or ''}{joined}"
        if self._citations:
            opening = block.get("citations")
            block["citations"] = [*(opening if isinstance(opening, list) else ()), *self._citations]
        return block


def _parse_input(arguments: str) -> object:
    """Return the tool input parsed from JSON; the unparsed text if the stream ended within it."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
