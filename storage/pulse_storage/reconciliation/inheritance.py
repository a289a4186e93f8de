"""Decides what traces show in which no two spans tell of one call, at a fraction of `reconcile`'s price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pulse_storage.reconciliation.partner_keys import has_side
from pulse_storage.reconciliation.reconcile import INHERITED, MAX_AGREEING_SPANS
from pulse_storage.reconciliation.skeletons import OwnValue
from pulse_storage.rows import SpanRow

#: The values of `INHERITED`; None where a span says nothing.
InheritedValues = tuple[OwnValue, ...]
Overrides = dict[str, OwnValue]
#: Deeper trees, and cycles of parents, are left to `reconcile`.
_MAX_DEPTH = 64


class Outline(NamedTuple):
    """A stored span of a trace, as far as new spans without partners have to do with it."""

    parent_span_id: bytes | None
    model_call: bool
    gen_ai: bool
    provider_request_id: str | None
    scope: str | None
    #: What the span says itself.
    own: InheritedValues
    #: In what its row differs from that: columns of `INHERITED`. None if it shows more of others than these,
    #: or is settled: then its trace is none for `inherited_overrides`.
    overrides: Overrides | None
    #: Names the row within its project: the last of `SqlDialect.row_key`.
    row: int | bytes


def inherited_overrides(
    new: Mapping[bytes, SpanRow], stored: Mapping[bytes, Outline]
) -> dict[bytes, Overrides] | None:
    """What rows of a trace take from spans above them, by span id; None if it takes a closer look.

    The arguments are all spans of the trace, by span id; log events must have content of none, and no span
    may have a partner in another trace. The answer is that of `reconcile`, which is needed where a call has a
    span below it, two calls have the same response id, one lacks an id while another scope records calls too,
    or one is half of a stream. Rows that take the same share their overrides.
    """
    own_values: dict[bytes, InheritedValues] = {}
    calls: list[bytes] = []
    parents: set[bytes | None] = set()
    responses: list[str] = []
    scopes: set[str | None] = set()
    for span_id, row in new.items():
        if row.partner_key is not None and not has_side(row.partner_key):
            return None
        own_values[span_id] = (row.session_id, row.user_id, row.tags or None, row.environment)
        parents.add(row.parent_span_id)
        if row.model_call:
            calls.append(span_id)
            scopes.add(row.scope)
            if row.provider_request_id is not None:
                responses.append(row.provider_request_id)
    for span_id, span in stored.items():
        if span.overrides is None:
            return None
        own_values[span_id] = span.own
        parents.add(span.parent_span_id)
        if span.model_call:
            calls.append(span_id)
            scopes.add(span.scope)
            if span.provider_request_id is not None:
                responses.append(span.provider_request_id)
    if not parents.isdisjoint(calls) or len(set(responses)) < len(responses):
        return None
    if len(scopes) > 1 and len(responses) < len(calls):
        return None
    different = set(own_values.values())
    if len(different) == 1:
        return {}
    if len(own_values) > MAX_AGREEING_SPANS:
        return None
    given = [{value for value in values if value} for values in zip(*different, strict=True)]
    common = tuple(next(iter(values)) if len(values) == 1 else None for values in given)
    if any(len(values) > 1 for values in given):
        parent = {span_id: row.parent_span_id for span_id, row in (*new.items(), *stored.items())}
        return _nearest(own_values, parent, common)
    # Whatever a span finds above itself is what all agree on.
    taken = {own: overrides for own in different if (overrides := _taken(own, common))}
    return {span_id: taken[own] for span_id, own in own_values.items() if own in taken}


def _taken(own: InheritedValues, offered: InheritedValues) -> Overrides:
    both = zip(INHERITED, own, offered, strict=True)
    return {column: value for column, mine, value in both if value and not mine}


def _nearest(
    own_values: Mapping[bytes, InheritedValues], parent: Mapping[bytes, bytes | None], common: InheritedValues
) -> dict[bytes, Overrides] | None:
    """For each span, what the nearest span above it says that it does not, else what all agree on."""
    known: dict[bytes, InheritedValues] = {}
    found: dict[bytes, Overrides] = {}
    for span_id, own in own_values.items():
        shown = _from_above(span_id, parent, own_values, known)
        if shown is None:
            return None
        if overrides := _taken(own, _completed(shown, common)):
            found[span_id] = overrides
    return found


def _from_above(
    span_id: bytes,
    parent: Mapping[bytes, bytes | None],
    own_values: Mapping[bytes, InheritedValues],
    known: dict[bytes, InheritedValues],
) -> InheritedValues | None:
    """What a span says, completed by the spans above it; None if there are too many of them."""
    path: list[bytes] = []
    above: InheritedValues = (None,) * len(INHERITED)
    current: bytes | None = span_id
    while current is not None and current in own_values:
        if current in known:
            above = known[current]
            break
        path.append(current)
        if len(path) > _MAX_DEPTH:
            return None
        current = parent[current]
    for step in reversed(path):
        above = known[step] = _completed(own_values[step], above)
    return above


def _completed(values: InheritedValues, others: InheritedValues) -> InheritedValues:
    return tuple(mine or theirs for mine, theirs in zip(values, others, strict=True))
