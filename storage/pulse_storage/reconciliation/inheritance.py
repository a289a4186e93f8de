"""Decide which session, user, tags and environment a span inherits from its trace.

A span keeps its own value. Without one it inherits that of its nearest ancestor with a value. If there is
none, and the trace has at most `MAX_AGREEING_SPANS` spans, it inherits the value on which all spans with a
value agree. `inherited_in_trace` implements this rule for `reconcile` and for `inherited_overrides`, which is
the fast path of ingest for traces in which no two spans can record the same call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from pulse_storage.reconciliation.partner_keys import has_side
from pulse_storage.reconciliation.skeletons import OwnValue, Skeleton, SpanKey
from pulse_storage.rows import SpanRow

#: The columns that a span inherits.
INHERITED = ("session_id", "user_id", "tags", "environment")
#: In larger traces a value that all spans share is neither looked for nor passed to all of them.
MAX_AGREEING_SPANS = 500

#: The values of `INHERITED`; None where there is no value.
InheritedValues = tuple[OwnValue, ...]
#: Column name to value, for the columns in which a row differs from its span.
Overrides = dict[str, OwnValue]

#: A span is named by its span id within one trace, by its `SpanKey` within several.
Name = TypeVar("Name", bytes, SpanKey)

_NO_VALUES: InheritedValues = (None,) * len(INHERITED)


def own_values(span: SpanRow | Skeleton) -> InheritedValues:
    """Return the values of `INHERITED` that the span itself has."""
    return span.session_id, span.user_id, span.tags or None, span.environment


def inherited_in_trace(
    own: Mapping[bytes, InheritedValues], parents: Mapping[bytes, bytes | None], *, seek_agreed: bool
) -> dict[bytes, Overrides]:
    """Return the values that spans of one trace inherit, by span id; without the spans that inherit none.

    `own` and `parents` map the span id of each span to its own values and to its parent's span id. With
    `seek_agreed` False, only ancestors are sources. Spans may share one dictionary: treat it as read-only.
    """
    distinct = set(own.values())
    if len(distinct) == 1:
        return {}
    given = [{value for value in values if value} for values in zip(*distinct, strict=True)]
    agreed = _NO_VALUES
    if seek_agreed:
        agreed = tuple(next(iter(values)) if len(values) == 1 else None for values in given)
        if all(len(values) <= 1 for values in given):
            # No ancestor can have another value than the agreed one.
            missing = {values: found for values in distinct if (found := _missing(values, agreed))}
            return {span_id: missing[values] for span_id, values in own.items() if values in missing}
    effective: dict[bytes, InheritedValues] = {}
    inherited: dict[bytes, Overrides] = {}
    # Most spans of a trace repeat a few pairs of own and inherited values.
    known: dict[tuple[InheritedValues, InheritedValues], tuple[InheritedValues, Overrides]] = {}
    for span_id, parent_id in parents_first(parents):
        pair = own[span_id], _NO_VALUES if parent_id is None else effective[parent_id]
        result = known.get(pair)
        if result is None:
            values, above = pair
            result = known[pair] = _completed(values, above), _missing(values, _completed(above, agreed))
        effective[span_id], overrides = result
        if overrides:
            inherited[span_id] = overrides
    return inherited


def parents_first(parents: Mapping[Name, Name | None]) -> Iterator[tuple[Name, Name | None]]:
    """Yield each span and its parent, after that parent. Linear in the number of spans, without recursion.

    The parent is None if it is not in `parents`, or if the span is part of a cycle of parents.
    """
    done: set[Name] = set()
    for start, parent in parents.items():
        if start in done:
            continue
        if parent is None or parent in done:
            # The common case, without the cost of a path.
            done.add(start)
            yield start, parent
            continue
        path: dict[Name, int] = {}
        span: Name | None = start
        while span is not None and span not in done and span not in path and span in parents:
            path[span] = len(path)
            span = parents[span]
        steps = list(path)
        done.update(steps)
        if span in path:
            cycle_at = path[span]
            for looped in steps[cycle_at:]:
                yield looped, None
            del steps[cycle_at:]
        elif span not in done:
            span = None
        for step in reversed(steps):
            yield step, span
            span = step


def _completed(values: InheritedValues, fallback: InheritedValues) -> InheritedValues:
    return tuple(value or other for value, other in zip(values, fallback, strict=True))


def _missing(own: InheritedValues, offered: InheritedValues) -> Overrides:
    columns = zip(INHERITED, own, offered, strict=True)
    return {column: value for column, own_value, value in columns if value and not own_value}


class Outline(NamedTuple):
    """The columns of a stored span that `inherited_overrides` needs."""

    parent_span_id: bytes | None
    model_call: bool
    gen_ai: bool
    provider_request_id: str | None
    scope: str | None
    own: InheritedValues
    #: The overrides of the row, if all are inherited. None if the row has other overrides or a partner key
    #: without a side, or is frozen: then `inherited_overrides` does not decide its trace.
    overrides: Overrides | None
    #: Names the row within its project: the last column of `SqlDialect.row_key`.
    row: int | bytes


def inherited_overrides(
    new: Mapping[bytes, SpanRow], stored: Mapping[bytes, Outline]
) -> dict[bytes, Overrides] | None:
    """Return the overrides of the rows of one trace, by span id; None if `reconcile` has to decide the trace.

    `new` and `stored` are together all spans of the trace, by span id. None of them may have content from
    log events, or a partner in another trace. If not None, the result equals that of `reconcile`. `reconcile`
    has to decide if a call has a span below it, if two calls have the same response id, if a call lacks a
    response id while the calls have different scopes, or if a span is half of a stream.
    """
    own: dict[bytes, InheritedValues] = {}
    parents: dict[bytes, bytes | None] = {}
    calls: set[bytes] = set()
    responses: list[str] = []
    scopes: set[str | None] = set()
    for span_id, row in new.items():
        if row.partner_key is not None and not has_side(row.partner_key):
            return None
        own[span_id] = own_values(row)
        parents[span_id] = row.parent_span_id
        if row.model_call:
            calls.add(span_id)
            scopes.add(row.scope)
            if row.provider_request_id is not None:
                responses.append(row.provider_request_id)
    for span_id, span in stored.items():
        if span.overrides is None:
            return None
        own[span_id] = span.own
        parents[span_id] = span.parent_span_id
        if span.model_call:
            calls.add(span_id)
            scopes.add(span.scope)
            if span.provider_request_id is not None:
                responses.append(span.provider_request_id)
    if not calls.isdisjoint(parents.values()) or len(set(responses)) < len(responses):
        return None
    if len(scopes) > 1 and len(responses) < len(calls):
        return None
    if len(own) > MAX_AGREEING_SPANS and len(set(own.values())) > 1:
        return None
    return inherited_in_trace(own, parents, seek_agreed=True)
