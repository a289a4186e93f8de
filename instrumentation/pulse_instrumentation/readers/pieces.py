"""Join the pieces of a stream: texts, and lists of parts."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_instrumentation.fields import field, items, text


def join_texts(pieces: Sequence[object]) -> object:
    """Join texts; if a piece is a list of parts, return a list with adjacent parts of one kind joined."""
    words = [piece for piece in pieces if isinstance(piece, str)]
    if len(words) == len(pieces):
        return "".join(words)
    parts: list[object] = []
    for piece in pieces:
        for part in (piece,) if isinstance(piece, str) else items(piece):
            kind, said = _kind_and_words(part)
            last = parts[-1] if parts else None
            if kind is None:
                parts.append(part)
            elif isinstance(last, _Run) and last.kind == kind:
                last.words.append(said)
            else:
                parts.append(_Run(kind, [said]))
    return [part.part() if isinstance(part, _Run) else part for part in parts]


class _Run:
    """Adjacent pieces of one kind."""

    __slots__ = ("kind", "words")

    def __init__(self, kind: str, words: list[str]) -> None:
        self.kind = kind
        self.words = words

    def part(self) -> object:
        """Return one part with the joined text of the pieces."""
        return {"type": self.kind, self.kind: "".join(self.words)}


def _kind_and_words(part: object) -> tuple[str | None, str]:
    """Return the kind and text of a part that can be joined with an adjacent one; None for other parts."""
    if isinstance(part, str):
        return "text", part
    kind = field(part, "type")
    if kind == "thinking":
        return "thinking", thoughts(part)
    return ("text", text(field(part, "text")) or "") if kind == "text" else (None, "")


def thoughts(part: object) -> str:
    """Return the text of a part with reasoning: a text, or a list of parts with text (Mistral)."""
    words = field(part, "thinking")
    if isinstance(words, str):
        return text(words) or ""
    return "".join(text(field(piece, "text")) or "" for piece in items(words))
