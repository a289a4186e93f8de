"""Reading values whose shape the provider decides: a client's model, a plain dict or anything else.

A field that is missing, or not of the type asked for, reads as absent; nothing here raises on odd data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from opentelemetry.util.types import AttributeValue

Attributes = dict[str, AttributeValue]

_NOTHING: tuple[object, ...] = ()


def field(value: object, name: str) -> object:
    """The field of a mapping or the attribute of a model; None when there is none."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value).get(name)
    # Straight to where a model keeps its fields: asking it for one that it lacks is slow.
    try:
        fields = cast("dict[str, object]", value.__dict__)
        if name in fields:
            return fields[name]
        extra = cast("_Model", value).__pydantic_extra__
    except AttributeError:
        return getattr(value, name, None)
    return None if extra is None else extra.get(name)


class _Model(Protocol):
    """A client's model, as far as it is looked into."""

    __pydantic_extra__: dict[str, object] | None


def items(value: object) -> Sequence[object]:
    """The elements of a list or tuple; empty for everything else."""
    if isinstance(value, (list, tuple)):
        return cast("Sequence[object]", value)
    return _NOTHING


def text(value: object) -> str | None:
    """A string, else None. Enum members of a string type count as their string."""
    return value if isinstance(value, str) else None


def integer(value: object) -> int | None:
    """An int that is not a bool, else None. A whole float counts, as some servers send 12.0."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None


def count(value: object) -> int | None:
    """An integer that can be a count: not negative and within 64 bits, else None."""
    number_ = integer(value)
    return number_ if number_ is not None and 0 <= number_ < 2**63 else None


def number(value: object) -> float | None:
    """An int or finite float as float, else None."""
    if type(value) is int or isinstance(value, float):
        as_float = float(value)
        # NaN and the infinities compare false.
        return as_float if -1e308 < as_float < 1e308 else None
    return None


def texts(value: object) -> list[str] | None:
    """The strings of a list, or one string as a list of one; None when there is none."""
    if isinstance(value, str):
        return [value]
    found = [item for item in items(value) if isinstance(item, str)]
    return found or None
