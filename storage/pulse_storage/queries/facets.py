"""Arguments and results of facets: how often each value of a field occurs among the rows of a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from pulse_storage.queries.filters import ALL_OPERATIONS, TraceFilter

#: `model` is the used, else the requested model. A row without tags has the tag None. `cost` has the values
#: of `CostFilter`, of which a row may have two, and None for rows that have none of these.
FacetField = Literal[
    "model",
    "provider",
    "status",
    "operation",
    "service",
    "environment",
    "release",
    "user_id",
    "session_id",
    "tag",
    "finish_reason",
    "error_type",
    "cost",
]
_NO_FILTER = TraceFilter()
FACET_FIELDS: tuple[FacetField, ...] = get_args(FacetField)


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetQuery:
    """The fields to count, and the rows: for each field those that match `filter` without its own filter."""

    fields: Sequence[FacetField] = FACET_FIELDS
    filter: TraceFilter = _NO_FILTER
    #: Maximum number of values per field.
    values: int = 20
    #: Fields that rollups do not contain are counted in this many of the newest matching rows.
    newest: int = 20_000
    #: Wall time for all fields.
    seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Facet:
    """The most frequent values of a field and their numbers of rows; of equal numbers by value, None last."""

    values: list[tuple[str | None, int]]
    #: Number of the newest matching rows that were counted; None if all were.
    newest: int | None = None


def filter_of_field(where: TraceFilter, field: FacetField) -> TraceFilter:
    """Return the filter without the filter by this field."""
    match field:
        case "operation":
            return replace(where, operation=ALL_OPERATIONS)
        case _:
            return replace(where, **{field: None})


def most_frequent(counts: Mapping[str | None, int], values: int) -> list[tuple[str | None, int]]:
    """Return up to this many values with their counts, in the order of `Facet.values`."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0] is None, item[0] or ""))
    return ranked[:values]
