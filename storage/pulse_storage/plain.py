"""Decides what traces show in which no two spans tell of one call, at a fraction of `reconcile`'s price."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_storage.reconcile import INHERITED, MAX_AGREEING_SPANS
from pulse_storage.rows import SpanRow
from pulse_storage.skeletons import OwnValue, Skeleton

_Values = tuple[OwnValue, ...]
#: Deeper trees, and cycles of parents, are left to `reconcile`.
_MAX_DEPTH = 64


def plain_overrides(trace: Mapping[bytes, SpanRow | Skeleton]) -> dict[bytes, dict[str, OwnValue]] | None:
    """What rows of a trace take from spans above them, by span id; None if it takes a closer look.

    `trace` must be all its spans, by span id, as they speak themselves: rows of new ones, skeletons of stored
    ones; and log events must tell of none. The answer is that of `reconcile`, which is needed where a span
    may have a partner in another trace, a call has a span below it, or two calls tell of the same response.
    """
    said: dict[bytes, _Values] = {}
    calls: set[bytes] = set()
    parents: set[bytes | None] = set()
    responses: set[str] = set()
    for span_id, row in trace.items():
        if row.partner_key is not None:
            return None
        said[span_id] = (row.session_id, row.user_id, row.tags or None, row.environment)
        parents.add(row.parent_span_id)
        if row.model_call:
            calls.add(span_id)
            if row.provider_request_id is not None:
                if row.provider_request_id in responses:
                    return None
                responses.add(row.provider_request_id)
    if not calls.isdisjoint(parents):
        return None
    different = set(said.values())
    return {} if len(different) == 1 else _inherited(trace, said, different)


def _inherited(
    trace: Mapping[bytes, SpanRow | Skeleton], said: Mapping[bytes, _Values], different: set[_Values]
) -> dict[bytes, dict[str, OwnValue]] | None:
    """For each span, what the nearest span above it says that it does not, else what all agree on."""
    if len(trace) > MAX_AGREEING_SPANS:
        return None
    agreed: list[OwnValue] = []
    for values in zip(*different, strict=True):
        given = {value for value in values if value}
        agreed.append(given.pop() if len(given) == 1 else None)
    known: dict[bytes, _Values] = {}
    overrides: dict[bytes, dict[str, OwnValue]] = {}
    for span_id, own in said.items():
        shown = _from_above(span_id, trace, said, known)
        if shown is None:
            return None
        taken: dict[str, OwnValue] = {
            column: value
            for column, mine, from_above, common in zip(INHERITED, own, shown, agreed, strict=True)
            if not mine and (value := from_above or common)
        }
        if taken:
            overrides[span_id] = taken
    return overrides


def _from_above(
    span_id: bytes,
    trace: Mapping[bytes, SpanRow | Skeleton],
    said: Mapping[bytes, _Values],
    known: dict[bytes, _Values],
) -> _Values | None:
    """What a span says, completed by the spans above it; None if there are too many of them."""
    path: list[bytes] = []
    above: _Values = (None,) * len(INHERITED)
    current: bytes | None = span_id
    while current is not None and current in trace:
        if current in known:
            above = known[current]
            break
        path.append(current)
        if len(path) > _MAX_DEPTH:
            return None
        current = trace[current].parent_span_id
    for step in reversed(path):
        above = known[step] = tuple(mine or theirs for mine, theirs in zip(said[step], above, strict=True))
    return above
