"""Converts OTLP attributes to Python values, once per span."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

AttributeValue: TypeAlias = (
    "str | int | float | bool | bytes | Sequence[AttributeValue] | Mapping[str, AttributeValue] | None"
)
Attributes: TypeAlias = Mapping[str, AttributeValue]

#: The largest count that is accepted: no model reads or writes more in one call, so a larger one is an error.
MAX_TOKENS = 10_000_000_000


def read_attributes(pairs: Iterable[KeyValue]) -> dict[str, AttributeValue]:
    """Return the attribute values by key.

    NUL becomes U+FFFD, NaN and infinities become text; a later key wins.
    """
    attributes: dict[str, AttributeValue] = {}
    for pair in pairs:
        value = pair.value
        # Most values are texts, then numbers. Each field access costs time, `WhichOneof` the most.
        if text := value.string_value:
            attributes[pair.key] = text if "\x00" not in text else text.replace("\x00", "\ufffd")
        elif integer := value.int_value:
            attributes[pair.key] = integer
        elif double := value.double_value:
            attributes[pair.key] = double if math.isfinite(double) else _non_finite(double)
        else:
            attributes[pair.key] = _read_value(value)
    return attributes


def _read_value(value: AnyValue) -> AttributeValue:
    if text := value.string_value:
        return text if "\x00" not in text else text.replace("\x00", "\ufffd")
    match value.WhichOneof("value"):
        case "array_value":
            return [_read_value(item) for item in value.array_value.values]
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            double = value.double_value
            return double if math.isfinite(double) else _non_finite(double)
        case "string_value":
            return ""
        case "kvlist_value":
            return {pair.key: _read_value(pair.value) for pair in value.kvlist_value.values}
        case "bytes_value":
            return value.bytes_value
        case _:
            return None


def _non_finite(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def as_text(value: AttributeValue) -> str | None:
    """Return a non-blank text, or a number as text; None for any other value."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value)


def as_count(value: AttributeValue) -> int | None:
    """Return a token count from an integer, a float or a numeral; None if the value cannot be a count."""
    if isinstance(value, str):
        value = as_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MAX_TOKENS and value == int(value) else None


def as_number(value: AttributeValue) -> float | None:
    """Return a finite number of at least zero from a number or a numeral; None for any other value."""
    if type(value) is float and 0.0 <= value < math.inf:
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def add_dollars(*amounts: float) -> float:
    """Return the sum of decimal amounts, computed in decimal so that it has no binary rounding error."""
    return float(sum(Decimal(repr(amount)) for amount in amounts))
