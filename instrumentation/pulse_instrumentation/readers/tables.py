"""Read bodies as span attributes by tables of (field, attribute, reader)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from opentelemetry.util.types import AttributeValue

from pulse_instrumentation.fields import Attributes, count, field, integer, pairs, text, texts

Reader = Callable[[object], AttributeValue | None]
Table: TypeAlias = "Mapping[str, tuple[str, Reader] | Table]"


def read(value: object, table: Table) -> Attributes:
    """Return the attributes of a mapping or model by a table. A nested table reads the fields of a field."""
    found: Attributes = {}
    _read_into(found, value, table)
    return found


def _read_into(found: Attributes, value: object, table: Table) -> None:
    # Iterates over the fields of the value, because most fields of a table are absent.
    for name, item in pairs(value):
        if item is None or (entry := table.get(name)) is None:
            continue
        if isinstance(entry, tuple):
            attribute, reader = entry
            if (converted := reader(item)) is not None:
                known = found.get(attribute)
                # One count with two names: some servers set one of them and send 0 for the other.
                if not (type(known) is int and type(converted) is int and known > converted):
                    found[attribute] = converted
        else:
            _read_into(found, item, entry)


def true_only(value: object) -> bool | None:
    """Return True for True; None for any other value."""
    return True if value is True else None


def non_empty_text(value: object) -> str | None:
    """Return a text that is not empty, else None: Azure and other servers send empty ids and models."""
    return text(value) or None


def boolean(value: object) -> bool | None:
    """Return a bool; None for any other value."""
    return value if isinstance(value, bool) else None


def choice_count(value: object) -> int | None:
    """Return a number of choices; None for 1, the default."""
    choices = integer(value)
    return None if choices == 1 else choices


def non_zero_count(value: object) -> int | None:
    """Return a count that is not zero, else None: most calls report 0 audio and image tokens."""
    return count(value) or None


def output_type(value: object) -> str | None:
    """Return `gen_ai.output.type` for the requested response format."""
    kind = text(field(value, "type"))
    return "json" if kind and kind.startswith("json") else kind or None


def output_modality(value: object) -> str | None:
    """Return `gen_ai.output.type` for the requested modalities; None if only text is requested."""
    asked = texts(value) or ()
    return "speech" if "audio" in asked else "image" if "image" in asked else None
