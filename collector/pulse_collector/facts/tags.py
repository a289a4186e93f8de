"""Reads tags from the forms in which senders write a list."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_collector.facts.attributes import AttributeValue, as_text
from pulse_collector.facts.json_text import parse_json


def tags_of(value: AttributeValue) -> list[str]:
    """Return the tags in an array, in its JSON text, or in a text that separates them by commas."""
    if isinstance(value, str):
        parsed = parse_json(value) if value.startswith("[") else None
        items = parsed if isinstance(parsed, list) else value.split(",")
        return [text for item in items if isinstance(item, str) and (text := item.strip())]
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [text for item in value if (text := as_text(item)) is not None]
    return []
