"""The beginning of a text, kept beside a row so that lists and searches need no body."""

from __future__ import annotations

from pulse_storage.rows import PREVIEW_CHARS


def preview(text: str | None) -> str | None:
    """The first PREVIEW_CHARS characters; None if there is no text."""
    if not text:
        return None
    text = text[:PREVIEW_CHARS]
    return text.replace("\x00", "\ufffd") if "\x00" in text else text
