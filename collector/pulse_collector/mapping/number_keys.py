"""Finds attributes with tokens, costs and terms of billing among the keys that a dialect's table lacks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pulse_collector.dialects.dialect import Table
from pulse_collector.facts.cost_names import BillingTerm, CostPart, billing_term, cost_part, is_of_request
from pulse_collector.facts.usage_names import CountColumn, count_column, is_usage_object

#: Prefixes of names that one dialect defines: on spans of another dialect the numbers follow other rules.
_OF_ONE_DIALECT = ("llm.token_count.", "ai.usage.")


#: Counts that only complete another one.
_WITHOUT_COLUMN = frozenset[CountColumn](("cache_write_5m",))


class NumberKeys(NamedTuple):
    """Attribute keys by the number or term that they contain."""

    counts: dict[CountColumn, tuple[str, ...]]
    cost_usd: tuple[str, ...]
    #: Parts of the cost; their attributes are stored in the metadata too.
    cost_parts: tuple[tuple[CostPart, str], ...]
    #: Terms of billing, the response's before the request's; stored in the metadata too.
    billing: tuple[tuple[BillingTerm, str], ...]
    #: Usage objects, as structured values or JSON.
    objects: tuple[str, ...]

    def columns(
        self, listed: tuple[tuple[CountColumn, tuple[str, ...]], ...]
    ) -> tuple[tuple[CountColumn, tuple[str, ...]], ...]:
        """Return the columns, each with the keys that a dialect lists for it, followed by these keys."""
        if not self.counts:
            return listed
        keys = dict(listed)
        for column, others in self.counts.items():
            keys[column] = keys.get(column, ()) + others
        return tuple(keys.items())

    @property
    def used(self) -> frozenset[str]:
        """Return the keys that fill a column and therefore are not stored in the metadata."""
        counts = (
            key for column, keys in self.counts.items() if column not in _WITHOUT_COLUMN for key in keys
        )
        return frozenset((*counts, *self.cost_usd, *self.objects))


def number_keys(keys: Iterable[str], table: Table) -> NumberKeys:
    """Return the keys of numbers and terms among `keys`, which must not include keys of the table."""
    foreign = tuple(
        start for start in _OF_ONE_DIALECT if not any(key.startswith(start) for key in table.known)
    )
    counts: dict[CountColumn, tuple[str, ...]] = {}
    costs: list[tuple[CostPart, str]] = []
    billing: list[tuple[BillingTerm, str]] = []
    objects: list[str] = []
    # Names with fewer segments first: `gen_ai.usage.cached_tokens` before
    # `gen_ai.usage.details.cached_tokens`.
    for key in sorted(keys, key=lambda key: key.count(".")):
        if (column := count_column(key)) is not None:
            if not key.startswith(foreign):
                counts[column] = (*counts.get(column, ()), key)
        elif (part := cost_part(key)) is not None:
            costs.append((part, key))
        elif (term := billing_term(key)) is not None:
            billing.append((term, key))
        elif is_usage_object(key):
            objects.append(key)
    return NumberKeys(
        counts,
        tuple(key for part, key in costs if part == "total"),
        tuple((part, key) for part, key in costs if part != "total"),
        tuple(sorted(billing, key=lambda pair: is_of_request(pair[1]))),
        tuple(objects),
    )
