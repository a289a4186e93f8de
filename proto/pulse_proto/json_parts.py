"""Count objects and lists of a JSON text before parsing, since each needs far more memory than two bytes."""

from __future__ import annotations

import re

from pulse_proto.errors import TooManyParts

#: Enough for a dense request of the maximum size: an attribute with a short name is two objects, 40 bytes.
MAX_OBJECTS = 600_000
#: Maximum number of list elements and object fields.
MAX_VALUES = 3_000_000

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def check_size(body: bytes) -> None:
    """Raise TooManyParts if the text has too many objects, lists or values to be parsed."""
    if len(body) <= MAX_OBJECTS or _is_small(body):
        return
    # Characters within strings were counted too; only if there are too many, count again without strings.
    if not _is_small(_STRING.sub(b"", body)):
        raise TooManyParts(f"it has more than {MAX_OBJECTS} objects and lists, or {MAX_VALUES} values")


def _is_small(text: bytes) -> bool:
    return text.count(b"{") + text.count(b"[") <= MAX_OBJECTS and text.count(b",") <= MAX_VALUES
