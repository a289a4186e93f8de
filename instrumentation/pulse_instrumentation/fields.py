"""Read fields of values whose type the provider decides: a client's model, a plain dict or anything else.

A field that is missing or has another type is read as absent. No function here raises for unexpected data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, TypeGuard, cast

from opentelemetry.util.types import AttributeValue

Attributes = dict[str, AttributeValue]

# An `isinstance` that narrows to `list[object]` for the type checker, without the cost of calling `cast`.
_is_list = cast("Callable[[object], TypeGuard[list[object]]]", list.__instancecheck__)

_NOTHING: tuple[object, ...] = ()
_NO_FIELDS: dict[str, object] = {}
_NO_PAIRS: tuple[tuple[str, object], ...] = ()


def field(value: object, name: str) -> object:
    """Return a field of a mapping or an attribute of a model; None if it has none of this name."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value).get(name)
    # Read from the model's `__dict__`: `getattr` for a missing attribute of a pydantic model is slow.
    fields: dict[str, object] = getattr(value, "__dict__", _NO_FIELDS)
    if name in fields:
        return fields[name]
    extra: dict[str, object] | None = getattr(value, "__pydantic_extra__", _NO_FIELDS)
    if extra is _NO_FIELDS:
        return getattr(value, name, None)
    return None if extra is None else extra.get(name)


def pairs(value: object) -> Iterable[tuple[str, object]]:
    """Return the names and values of the fields of a mapping or model; nothing for any other value."""
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
    """Return how the values of a class have fields. The anthropic client's `omit` markers have none."""
    if hasattr(value_class, "__pydantic_extra__"):
        return "model"
    return "mapping" if issubclass(value_class, Mapping) else "neither"


def own_fields(value: object) -> Mapping[str, object]:
    """Return the fields of a mapping, or the declared fields of a model; nothing for any other value."""
    if isinstance(value, dict):
        return cast("dict[str, object]", value)
    fields: dict[str, object] = getattr(value, "__dict__", _NO_FIELDS)
    return fields


def items(value: object) -> Sequence[object]:
    """Return a list or tuple as it is; an empty tuple for any other value."""
    if _is_list(value):
        return value
    return cast("Sequence[object]", value) if isinstance(value, tuple) else _NOTHING


def text(value: object) -> str | None:
    """Return a string, encodable as UTF-8; None for any other value. Members of a `StrEnum` are strings."""
    if not isinstance(value, str):
        return None
    return value if value.isascii() else encodable(value)


def encodable(value: str) -> str:
    """Return the string with lone surrogates, which UTF-8 cannot encode, replaced by question marks."""
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def integer(value: object) -> int | None:
    """Return a 64-bit integer; None for any other value. `12.0`, which some servers send, is read as 12."""
    if type(value) is int:
        return value if -(2**63) <= value < 2**63 else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
        return value if -(2**63) <= value < 2**63 else None
    return None


def count(value: object) -> int | None:
    """Return a 64-bit integer that is not negative; None for any other value."""
    if type(value) is int and 0 <= value < 2**63:
        return value
    number_ = integer(value)
    return number_ if number_ is not None and number_ >= 0 else None


def number(value: object) -> float | None:
    """Return an integer or finite float as a float; None for any other value."""
    if isinstance(value, float):
        # Comparisons with NaN and the infinities are false.
        return value if -1e308 < value < 1e308 else None
    whole = integer(value)
    return None if whole is None else float(whole)


def texts(value: object) -> list[str] | None:
    """Return the strings of a list, or a single string as a list of one; None if there is no string."""
    if isinstance(value, str):
        return [encodable(value)]
    found = [encodable(item) for item in items(value) if isinstance(item, str)]
    return found or None
