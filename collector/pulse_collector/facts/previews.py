"""Cuts a text to the length of the preview columns, which lists and searches read instead of bodies."""

from __future__ import annotations

from pulse_storage.rows import PREVIEW_CHARS


def preview(text: str | None) -> str | None:
    """Return the first PREVIEW_CHARS characters; None for an empty or absent text."""
    if not text:
        return None
    text = text[:PREVIEW_CHARS]
    return text.replace("\x00", "\ufffd") if "\x00" in text else text
