"""Convert arguments and results of functions to JSON values of limited size, without running `__str__`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import Any, cast

from pulse_instrumentation.content import Capture, Part, dumps

# More values than fit into a part.
_MAX_VALUES = 10_000
_MAX_DEPTH = 32
# Values of these modules are recorded as `str()` of them.
_PRINTED = frozenset({"datetime", "decimal", "fractions", "ipaddress", "pathlib", "uuid"})


def content_value(value: object, capture: Capture) -> str | None:
    """Return a value as content: text unchanged, other values as JSON; None if content is not recorded."""
    if not capture.full:
        return None
    part: Part = {}
    capture.put_value(part, "value", value if isinstance(value, str) else _Copy().of(value, 0))
    found = part["value"]
    return found if isinstance(found, str) else dumps(found)


def arguments_of(
    signature: inspect.Signature | None, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> dict[str, object]:
    """Return the arguments of a call by the names of their parameters, without `self` and `cls`."""
    if signature is not None:
        try:
            named = dict(signature.bind(*args, **kwargs).arguments)
        except TypeError:
            # The call of the function is about to raise the same.
            named = None
        if named is not None:
            first = next(iter(signature.parameters), None)
            if first in {"self", "cls"}:
                named.pop(first, None)
            return named
    return {**({"args": list(args)} if args else {}), **kwargs}


def signature_of(function: Callable[..., object]) -> inspect.Signature | None:
    """Return the signature of a function; None if it has none, as some built-in functions."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


class _Copy:
    """Copies a value into lists and dictionaries, at most `_MAX_VALUES` values."""

    def __init__(self) -> None:
        self._left = _MAX_VALUES

    def of(self, value: object, depth: int) -> object:
        self._left -= 1
        if value is None or isinstance(value, (str, bool, int)):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if depth >= _MAX_DEPTH:
            return "..."
        if isinstance(value, Mapping):
            return self._fields(cast("Mapping[object, object]", value), depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._items(cast("Sequence[object] | Set[object]", value), depth)
        if is_dataclass(value) and not isinstance(value, type):
            named: dict[object, object] = {
                field.name: vars(value).get(field.name)
                if hasattr(value, "__dict__")
                else getattr(value, field.name)
                for field in fields(cast("Any", value))
            }
            return self._fields(named, depth)
        if type(value).__module__.partition(".")[0] in _PRINTED:
            return str(value)
        return value

    def _fields(self, given: Mapping[object, object], depth: int) -> dict[str, object]:
        copied: dict[str, object] = {}
        for key, item in given.items():
            if self._left <= 0:
                copied["..."] = "..."
                break
            copied[str(key)] = self.of(item, depth + 1)
        return copied

    def _items(self, given: Sequence[object] | Set[object], depth: int) -> list[object]:
        copied: list[object] = []
        for item in given:
            if self._left <= 0:
                copied.append("...")
                break
            copied.append(self.of(item, depth + 1))
        return copied
