"""Counts the objects and lists of a JSON text before it is parsed: each takes far more than its two bytes."""

from __future__ import annotations

import re

from pulse_proto.errors import TooManyParts

#: A dense request of the largest size has as many: an attribute with a short name is two objects of 40 bytes.
MAX_OBJECTS = 600_000
#: Elements and fields of objects and lists.
MAX_VALUES = 3_000_000

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def check_size(body: bytes) -> None:
    """Raise TooManyParts if the text has too many objects, lists or values to be parsed."""
    if len(body) <= MAX_OBJECTS or _is_small(body):
        return
    # Strings have such characters too, but few texts so many that they must be told apart.
    if not _is_small(_STRING.sub(b"", body)):
        raise TooManyParts(f"it has more than {MAX_OBJECTS} objects and lists, or {MAX_VALUES} values")


def _is_small(text: bytes) -> bool:
    return text.count(b"{") + text.count(b"[") <= MAX_OBJECTS and text.count(b",") <= MAX_VALUES
