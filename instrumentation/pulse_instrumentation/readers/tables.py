"""Bodies to span attributes by tables: which field becomes which attribute, read as what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from opentelemetry.util.types import AttributeValue

from pulse_instrumentation.fields import Attributes, count, field, integer, pairs, text, texts

Reader = Callable[[object], AttributeValue | None]
Table: TypeAlias = "Mapping[str, tuple[str, Reader] | Table]"


def read(value: object, table: Table) -> Attributes:
    """The attributes that a table finds in a mapping or model; a table within it reads a field of its own."""
    found: Attributes = {}
    _read_into(found, value, table)
    return found


def _read_into(found: Attributes, value: object, table: Table) -> None:
    # By the fields that are there, as most of what could be is not.
    for name, item in pairs(value):
        if item is None or (entry := table.get(name)) is None:
            continue
        if isinstance(entry, tuple):
            attribute, reader = entry
            if (converted := reader(item)) is not None:
                known = found.get(attribute)
                # One count under two names: a server that fills in only one of them has 0 in the other.
                if not (type(known) is int and type(converted) is int and known > converted):
                    found[attribute] = converted
        else:
            _read_into(found, item, entry)


def true(value: object) -> bool | None:
    """True, else nothing."""
    return True if value is True else None


def filled(value: object) -> str | None:
    """A text with something in it, else nothing: Azure and others have empty ids and models."""
    return text(value) or None


def boolean(value: object) -> bool | None:
    """True or False, else nothing."""
    return value if isinstance(value, bool) else None


def several(value: object) -> int | None:
    """A number of choices, unless it is the usual one."""
    choices = integer(value)
    return None if choices == 1 else choices


def some(value: object) -> int | None:
    """A count that is not zero: most calls have no audio and no images, and say so."""
    return count(value) or None


def output_type(value: object) -> str | None:
    """What the answer shall be, from the format that is asked for."""
    kind = text(field(value, "type"))
    return "json" if kind and kind.startswith("json") else kind or None


def output_modality(value: object) -> str | None:
    """What the answer shall be besides text, from the modalities that are asked for."""
    asked = texts(value) or ()
    return "speech" if "audio" in asked else "image" if "image" in asked else None
