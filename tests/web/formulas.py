"""Evaluate how a figure follows from the JSON answer to a request, as pages state it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any, TypeAlias

Number: TypeAlias = "int | float | Decimal"
Formula: TypeAlias = "str | int | Sequence[Any]"


def evaluate(formula: Formula, answer: Any) -> Number | str | None:
    """Return the value of a formula; None if it is unknown. Raises KeyError if a pointer has no target.

    A formula is a JSON pointer, a number, or an operation with its operands.
    """
    if isinstance(formula, int):
        return formula
    if isinstance(formula, str):
        (found,) = pointed(formula, answer)
        return found
    operation, *operands = formula
    match operation:
        case "count":
            return sum(1 for _ in _values(operands, answer))
        case "positive":
            return sum(1 for value in _values(operands, answer) if value is not None and value > 0)
        case "sum":
            known = [value for value in _values(operands, answer) if value is not None]
            return sum(known) if known else None
        case "minus" | "ratio":
            first, second = (evaluate(operand, answer) for operand in operands)
            if first is None or second is None:
                return None
            assert not isinstance(first, str)
            assert not isinstance(second, str)
            if operation == "minus":
                return Decimal(str(first)) - Decimal(str(second))
            return None if second == 0 else float(first) / float(second)
        case "spans":
            return _spans_sum(answer, *operands)
        case _:
            raise ValueError(f"unknown operation {operation}")


def _values(operands: Sequence[Formula], answer: Any) -> Iterator[Any]:
    for operand in operands:
        if isinstance(operand, str):
            yield from pointed(operand, answer)
        else:
            yield evaluate(operand, answer)


def _spans_sum(tree: Any, name: str, first: int | None = None, count: int = 0) -> int | None:
    """Return a sum over the spans of a trace, or over some siblings and all spans below them."""
    chosen = range(tree["spans"]) if first is None else sorted(_below(tree["parent"], first, count))
    calls = [at for at in chosen if tree["counted"][at] == "1"]
    tokens = {at: (tree["input_tokens"][at] or 0) + (tree["output_tokens"][at] or 0) for at in calls}
    match name:
        case "all":
            return len(chosen)
        case "counted":
            return len(calls)
        case "failed":
            status = tree["status"]
            return sum(status["values"][status["at"][at]] == "error" for at in chosen)
        case "unpriced":
            return sum(tree["cost_nano_usd"][at] is None and tokens[at] > 0 for at in calls)
        case "extent_us":
            starts: list[int] = list(accumulate(tree["start_us"]))
            ends: list[int] = [starts[at] + (tree["duration_us"][at] or 0) for at in chosen]
            known = any(tree["duration_us"][at] is not None for at in chosen)
            return max(ends) - starts[chosen[0]] if known else None
        case column:
            values = [tree[column][at] for at in calls if tree[column][at] is not None]
            return sum(values) if values else None


def _below(parents: Sequence[int], first: int, count: int) -> set[int]:
    siblings = [at for at, parent in enumerate(parents) if parent == parents[first] and at >= first]
    found = set(siblings[:count])
    # A child may have an earlier index than its parent, if their clocks differ.
    while more := {at for at, parent in enumerate(parents) if parent in found} - found:
        found |= more
    return found


def pointed(pointer: str, answer: Any) -> Iterator[Any]:
    """Yield the values at a JSON pointer, in which `*` is every element of an array."""
    found: list[Any] = [answer]
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if name == "*":
            found = [element for array in found for element in array]
        else:
            found = [each[int(name)] if isinstance(each, list) else each[name] for each in found]
    yield from found
