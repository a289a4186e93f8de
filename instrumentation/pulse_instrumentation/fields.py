"""Reading values whose shape the provider decides: a client's model, a plain dict or anything else.

A field that is missing, or not of the type asked for, reads as absent; nothing here raises on odd data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, TypeGuard, cast

from opentelemetry.util.types import AttributeValue

Attributes = dict[str, AttributeValue]

# `isinstance` that needs no `cast`, a call of its own, to tell the type checker what is in the list.
_is_list = cast("Callable[[object], TypeGuard[list[object]]]", list.__instancecheck__)

_NOTHING: tuple[object, ...] = ()
_NO_FIELDS: dict[str, object] = {}
_NO_PAIRS: tuple[tuple[str, object], ...] = ()


def field(value: object, name: str) -> object:
    """The field of a mapping or the attribute of a model; None when there is none."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value).get(name)
    # Straight to where a model keeps its fields: asking it for one that it lacks is slow.
    fields: dict[str, object] = getattr(value, "__dict__", _NO_FIELDS)
    if name in fields:
        return fields[name]
    extra: dict[str, object] | None = getattr(value, "__pydantic_extra__", _NO_FIELDS)
    if extra is _NO_FIELDS:
        return getattr(value, name, None)
    return None if extra is None else extra.get(name)


def pairs(value: object) -> Iterable[tuple[str, object]]:
    """The fields of a mapping or model with their names; none for everything else."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value).items()
    shape = _shape(type(value))
    if shape == "model":
        fields: dict[str, object] = value.__dict__
        extra: dict[str, object] | None = getattr(value, "__pydantic_extra__", None)
        return {**fields, **extra}.items() if extra else fields.items()
    return cast("Mapping[str, object]", value).items() if shape == "mapping" else _NO_PAIRS


@lru_cache(maxsize=512)
def _shape(value_class: type) -> Literal["mapping", "model", "neither"]:
    """What the values of a class are. Most of anthropic's arguments are marks of absent ones: neither."""
    if hasattr(value_class, "__pydantic_extra__"):
        return "model"
    return "mapping" if issubclass(value_class, Mapping) else "neither"


def own_fields(value: object) -> Mapping[str, object]:
    """The fields of a mapping, or those that a model declares; none for everything else."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    fields: dict[str, object] = getattr(value, "__dict__", _NO_FIELDS)
    return fields


def items(value: object) -> Sequence[object]:
    """The elements of a list or tuple; empty for everything else."""
    if _is_list(value):
        return value
    return cast("Sequence[object]", value) if isinstance(value, tuple) else _NOTHING


def text(value: object) -> str | None:
    """A string that every encoder takes, else None. Enum members of a string type are strings."""
    if not isinstance(value, str):
        return None
    return value if value.isascii() else encodable(value)


def encodable(value: str) -> str:
    """The string with lone surrogates, which UTF-8 cannot say, replaced by question marks."""
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def integer(value: object) -> int | None:
    """An int of 64 bits that is not a bool, else None. A whole float counts: some servers send 12.0."""
    if type(value) is int:
        return value if -(2**63) <= value < 2**63 else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
        return value if -(2**63) <= value < 2**63 else None
    return None


def count(value: object) -> int | None:
    """An integer that is not negative, else None."""
    if type(value) is int and 0 <= value < 2**63:
        return value
    number_ = integer(value)
    return number_ if number_ is not None and number_ >= 0 else None


def number(value: object) -> float | None:
    """An int or finite float as float, else None."""
    if isinstance(value, float):
        # NaN and the infinities compare false.
        return value if -1e308 < value < 1e308 else None
    whole = integer(value)
    return None if whole is None else float(whole)


def texts(value: object) -> list[str] | None:
    """The strings of a list, or one string as a list of one; None when there is none."""
    if isinstance(value, str):
        return [encodable(value)]
    found = [encodable(item) for item in items(value) if isinstance(item, str)]
    return found or None
