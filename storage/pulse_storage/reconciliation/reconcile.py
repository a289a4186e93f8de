"""Decide, for all stored spans of one or more OTel traces, which row counts for each model call.

A call can be in several spans: wrapper and agent spans repeat the sums of their children, frameworks and
client instrumentors both record it, and the Anthropic client traces itself. `reconcile` is a pure function
of the *set* of spans: the order of arrival, repetition and batching do not affect the result. So a store may
run it in every transaction and write only the differences.

The rules, for spans that are model calls:

0. Spans with different response models are of different calls, whatever other values they share. An alias, a
   dated version and a route (`gpt-4o`, `gpt-4o-2024-08-06`, `openai/gpt-4o`) are the same model.
1. Siblings of different scopes with the same provider response id are one call if they overlap in time (an
   instrumentor's span and the client's own). Spans of different traces with the same response id are one
   call if one lies within the other in time, and input and output tokens do not both differ. They must be of
   different scopes, or of one scope in different services with equal usage (a client and a gateway without
   propagation). Equal ids within one scope of one service are different calls: one scope never records a
   call twice, but some servers with a compatible API repeat ids.
2. A span without response id and without a call below it is one call with a sibling of another scope if all
   of these hold:
   - One lies within the other in time. A framework's span (partner key `outer`) of a stream may also end
     shortly before the other starts, since the request is sent later.
   - They report the same tokens. If tokens are unknown: the same question to the same requested model. If
     one has no content, the same requested model suffices if the client's span lies within the framework's.
   - Both failed, or both were answered.
   The same applies to spans of different traces if one is a framework's and the other is the root of its
   trace, and to spans whose partner keys have the same fact and opposite sides.
3. A streamed call that one scope records as two spans (partner key `stream:…`) is joined by time.
4. A span is compared with the nearest model calls below it that are of the same service. A call with its
   response id is the same call. Otherwise, if the span has an id, it is the same call as the only call below
   without one; if the span has no id, as the only call below. If exactly one of several candidates was
   answered and the others failed, it is that one. A span above several candidates is a wrapper: it does not
   count, and supplies no values. A span with an answer above failed attempts only is a separate call.
5. A span above calls of another service was answered by these (a gateway, or an agent served as a model):
   only the calls below count. A single one with the same response model is the same call, whatever the
   response ids.
6. Of the spans of one call exactly one counts. In order of priority: the span that opens a stream, a span
   that is not the Anthropic client's own, one with tokens, the innermost, one with a response id, the
   earliest. The other spans supply the values that it lacks.

First of all, content and finish reason that a span lacks are taken from its own log events. Session, user,
tags and environment are inherited as `inheritance` describes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from pulse_storage.reconciliation.call_groups import CallGroups, CallsAbove, Join
from pulse_storage.reconciliation.inheritance import (
    INHERITED,
    MAX_AGREEING_SPANS,
    InheritedValues,
    Overrides,
    inherited_in_trace,
    own_values,
    parents_first,
)
from pulse_storage.reconciliation.merge import merged_call, preference, with_content
from pulse_storage.reconciliation.nesting import join_nested
from pulse_storage.reconciliation.pairs import join_pairs
from pulse_storage.reconciliation.skeletons import ContentSkeleton, OwnValue, Skeleton, SpanKey

_INHERITED = frozenset(INHERITED)


class Verdict(NamedTuple):
    """The result for one row: whether it counts, and in which columns it differs from its span."""

    counted: bool
    #: Column name to effective value, only for columns in which that is not the span's own value.
    overrides: Overrides


class Reason(NamedTuple):
    """Why the row of a model call counts or not, if it shares the call with other spans or is a wrapper."""

    #: The row that counts for the call; None for a wrapper: the calls below it count.
    counted: SpanKey | None
    #: The other spans of the call; for a wrapper, the calls below that it repeats.
    others: tuple[SpanKey, ...]
    #: The pairs of spans by which the spans of the call were joined.
    joins: tuple[Join, ...]
    #: Why the row in `counted` counts instead of the other ones, as text for users; None for a wrapper.
    preferred: str | None


def reconcile(
    spans: Sequence[Skeleton],
    contents: Sequence[ContentSkeleton] = (),
    *,
    partial: Collection[bytes] = (),
    reasons: dict[SpanKey, Reason] | None = None,
) -> dict[SpanKey, Verdict]:
    """Return the verdict on each span that has overrides, shares a call, or is a wrapper.

    A span without a verdict has no overrides, and counts if it is a model call.

    Args:
        spans: the spans as received, without overrides; each (trace id, span id) once.
        contents: the content of log events for these spans; each (trace id, span id) once.
        partial: ids of traces of which `spans` has only a part; there, only ancestors supply values.
        reasons: if given, filled with the reason for each span that shares a call or is a wrapper.

    Takes time linear in the number of spans, except for sorting, at any depth. Cycles of parents are cut.
    """
    if len(spans) == 1 and not contents:
        return {}
    verdicts: dict[SpanKey, Verdict] = {}
    if contents:
        spans = _completed(spans, contents, verdicts)
    inherited = _inherited_by_trace(spans, partial)
    for span in spans:
        if overrides := inherited[span.otel_trace_id].get(span.otel_span_id):
            verdicts[span.key] = Verdict(span.model_call, _overrides(verdicts, span) | overrides)
    calls = [span for span in spans if span.model_call]
    if len(calls) < 2:
        return verdicts
    groups = _grouped(calls, _calls_above(spans))
    for wrapper, repeated in groups.wrappers:
        verdicts[wrapper.key] = Verdict(False, _overrides(verdicts, wrapper))
        if reasons is not None:
            reasons[wrapper.key] = Reason(None, tuple(call.key for call in repeated), (), None)
    for members in groups.shared_calls():
        supplied = {member.key: _overrides(verdicts, member) for member in members}
        winner, merged = merged_call(members, groups.outer, supplied)
        for member in members:
            verdicts[member.key] = Verdict(member is winner, _overrides(verdicts, member))
        overrides = {**merged, **verdicts[winner.key].overrides}
        for column in INHERITED:
            if not getattr(winner, column) and column not in overrides:
                _supply(column, overrides, members, verdicts)
        if len({member.otel_trace_id for member in members}) > 1 and overrides.keys() <= _INHERITED:
            # Mark a row with a partner in another trace by an override outside `INHERITED`, so that
            # `inherited_overrides` does not decide its trace.
            overrides["status"] = winner.status
        verdicts[winner.key] = Verdict(True, overrides)
        if reasons is not None:
            _add_reasons(reasons, groups, winner, members)
    return verdicts


def _add_reasons(
    reasons: dict[SpanKey, Reason], groups: CallGroups, winner: Skeleton, members: Sequence[Skeleton]
) -> None:
    """Add the reason of each span of a call to `reasons`; `winner` is the member that counts."""
    keys = {member.key for member in members}
    joins = tuple(join for join in groups.joins if join.one in keys)
    for member in members:
        others = tuple(other.key for other in members if other is not member)
        rivals = [other for other in members if other is not winner] if member is winner else [member]
        preferred = dict.fromkeys(preference(winner, rival, groups.outer) for rival in rivals)
        reasons[member.key] = Reason(winner.key, others, joins, "; ".join(preferred))


def _completed(
    spans: Sequence[Skeleton], contents: Sequence[ContentSkeleton], verdicts: dict[SpanKey, Verdict]
) -> list[Skeleton]:
    """Return the spans with content from their log events; add the overrides that result to `verdicts`."""
    by_key = {content.key: content for content in contents}
    completed: list[Skeleton] = []
    for span in spans:
        content = by_key.get(span.key)
        if content is not None:
            span, overrides = with_content(span, content)
            if overrides:
                verdicts[span.key] = Verdict(span.model_call, overrides)
        completed.append(span)
    return completed


def _overrides(verdicts: dict[SpanKey, Verdict], span: Skeleton) -> Overrides:
    verdict = verdicts.get(span.key)
    return verdict.overrides if verdict else {}


def _supply(
    column: str,
    overrides: Overrides,
    members: Iterable[Skeleton],
    verdicts: dict[SpanKey, Verdict],
) -> None:
    """Set an override to the effective value of the first member, by start, that has one; else do nothing."""
    for member in sorted(members, key=lambda member: member.order):
        value: OwnValue = getattr(member, column) or _overrides(verdicts, member).get(column)
        if value:
            overrides[column] = value
            return


def _inherited_by_trace(
    spans: Sequence[Skeleton], partial: Collection[bytes]
) -> dict[bytes, dict[bytes, Overrides]]:
    """Return the values that spans inherit, by trace id and span id; see `reconcile` for `partial`."""
    own: dict[bytes, dict[bytes, InheritedValues]] = defaultdict(dict)
    parents: dict[bytes, dict[bytes, bytes | None]] = defaultdict(dict)
    for span in spans:
        own[span.otel_trace_id][span.otel_span_id] = own_values(span)
        parents[span.otel_trace_id][span.otel_span_id] = span.parent_span_id
    return {
        trace_id: inherited_in_trace(
            values,
            parents[trace_id],
            seek_agreed=len(values) <= MAX_AGREEING_SPANS and trace_id not in partial,
        )
        for trace_id, values in own.items()
    }


def _grouped(calls: Sequence[Skeleton], above: CallsAbove) -> CallGroups:
    """Apply rules 0 to 5; `above` may have entries of spans that are not in `calls`."""
    # Each join depends on the joins before it, so the order must not depend on that of arrival.
    ordered = sorted(calls, key=lambda call: call.order)
    groups = CallGroups(ordered, {call.key: above[call.key] for call in calls})
    join_pairs(groups, ordered)
    join_nested(groups, ordered)
    return groups


def _calls_above(spans: Sequence[Skeleton]) -> dict[SpanKey, Skeleton | None]:
    """Return for each span its nearest ancestor that is a model call."""
    by_key = {span.key: span for span in spans}
    parents: dict[SpanKey, SpanKey | None] = {
        key: None if span.parent_span_id is None else (span.otel_trace_id, span.parent_span_id)
        for key, span in by_key.items()
    }
    above: dict[SpanKey, Skeleton | None] = {}
    for key, parent_key in parents_first(parents):
        if parent_key is None:
            above[key] = None
        else:
            parent = by_key[parent_key]
            above[key] = parent if parent.model_call else above[parent_key]
    return above


def with_spans_of_same_calls(
    keys: Set[SpanKey], reasons: Mapping[SpanKey, Reason], subjects: Mapping[SpanKey, object]
) -> set[SpanKey]:
    """Return the spans to erase: `keys`, and other spans of their calls that have no subject.

    Args:
        keys: the spans of a user or session.
        reasons: filled by `reconcile`.
        subjects: the effective user or session of each span; None if it has none.
    """
    calls = [reasons[key] for key in keys if key in reasons]
    others = {key for call in calls if call.counted is not None for key in call.others}
    return {*keys, *(key for key in others if subjects[key] is None)}
