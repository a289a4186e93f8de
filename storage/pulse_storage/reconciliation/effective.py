"""Apply overrides: the values of a span after reconciliation, as readers see them."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_storage.reconciliation.skeletons import REFERENCES, OwnValue, Skeleton
from pulse_storage.rows import SpanRow

_FIELD_AT = {field: at for at, field in enumerate(SpanRow._fields)}


def effective_row(row: SpanRow, overrides: Mapping[str, OwnValue]) -> SpanRow:
    """Return the row with its overrides applied; bodies remain those of the span itself."""
    values: list[object] = list(row)
    for name, value in overrides.items():
        if name not in REFERENCES:
            values[_FIELD_AT[name]] = value
    return SpanRow._make(values)


def effective_skeleton(span: Skeleton, overrides: Mapping[str, OwnValue]) -> Skeleton:
    """Return the skeleton with its overrides applied."""
    columns = {name: value for name, value in overrides.items() if name not in REFERENCES}
    return span._replace(**columns) if columns else span
