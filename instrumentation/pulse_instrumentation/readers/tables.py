"""Bodies to span attributes by tables: which field becomes which attribute, read as what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from opentelemetry.util.types import AttributeValue

from pulse_instrumentation import attributes as names
from pulse_instrumentation.fields import Attributes, count, field, integer, pairs, text

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
                found[attribute] = converted
        else:
            _read_into(found, item, entry)


def true(value: object) -> bool | None:
    """True, else nothing."""
    return True if value is True else None


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


def with_both_cache_writes(attributes: Attributes) -> Attributes:
    """The attributes, with the tokens written to a cache under both of their names."""
    if (written := attributes.get(names.USAGE_CACHE_WRITE)) is not None:
        attributes[names.USAGE_CACHE_CREATION] = written
    return attributes
