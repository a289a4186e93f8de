"""Decides, for all stored spans of one or more OTel traces, which row counts for each model call.

Wrapper and agent spans repeat the sums of their children, frameworks and client instrumentors record the
same call twice, the Anthropic client traces itself, and session ids often stand only on the root.
`reconcile` is a pure function of the *set* of spans: order of arrival, repetition and batching cannot change
its answer, so an adapter may run it on every transaction and write only what differs.

The rules, for spans that are model calls:

0. Spans with different response models are of different calls, whatever else they have in common. An alias,
   a dated version and a route (`gpt-4o`, `gpt-4o-2024-08-06`, `openai/gpt-4o`) are the same model.
1. Siblings of different scopes with the same provider response id that overlap in time are one call (an
   instrumentor and the client's own tracing). So are spans of different traces with the same response id, if
   one lies within the other in time and not both numbers of tokens differ: of different scopes, or of one
   scope in different services that report the same usage (a client and a gateway, without propagation). One
   scope of one service never records a call twice, so equal ids within it are two calls (some compatible
   servers repeat ids).
2. A span without response id and without a call below it, and a sibling of another scope are one call if one
   lies within the other in time, or the first is a framework's (its partner key is `outer`) and the second
   starts soon after it has ended (a framework's span of a stream may end before the request is sent), and
   they report the same tokens or, where those are not known, the same question to the same requested model
   (the same model suffices if one has no content and the client's span lies within the framework's).
   The same holds for spans of different traces if one is a framework's and the other begins a trace, and for
   partner keys with the same fact and opposite sides. A failed and an answered span are never one call by
   this rule.
3. A streamed call that one scope records as two spans (partner key `stream:…`) is paired by time.
4. A span and its nearest model-call descendants of the same service: those with its response id are the same
   call; failing that, the only one of them that lacks an id, or whose ancestor does, is. If one of several
   was answered and the others failed, it is the one. A span above several such calls is a wrapper: it does
   not count, and it supplies nothing. A span with an answer of its own above failed attempts only is a call.
5. A span above calls of another service was answered by them (a gateway, an agent that is served as a model):
   only these count. If one of them was answered by the same model it is the same call, whatever the ids.
6. Of the spans of one call exactly one is counted: the one that knows the tokens, the innermost instrumentor
   before the client's own span, the earliest. The others supply what it does not know.

For every span: what it lacks of content and finish reason comes from its own log events, before anything
else. Its session, user, tags and environment come from itself, else from its nearest ancestor that has them,
else, in traces of up to 500 spans, from the one value that all which have any agree on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from pulse_storage.reconciliation.call_groups import CallGroups, Join
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
from pulse_storage.reconciliation.skeletons import ContentSkeleton, OwnValue, Skeleton, SpanKey

_INHERITED = frozenset(INHERITED)


class Verdict(NamedTuple):
    """What a row must say beyond its own span: whether it counts, and the columns that others complete."""

    counted: bool
    #: Column name to value, only where it differs from what the span says itself.
    overrides: dict[str, OwnValue]


class Reason(NamedTuple):
    """Why a model call's row counts, or does not, where other spans have a say in it."""

    #: The row that counts for its call; None for a wrapper, whose calls below count.
    counted: SpanKey | None
    #: The other spans of the call, or the calls that the wrapper repeats.
    others: tuple[SpanKey, ...]
    #: How the spans of the call were found to be one.
    joins: tuple[Join, ...]
    #: Why this row counts rather than the others, or the counted one rather than this.
    preferred: str | None


def reconcile(
    spans: Sequence[Skeleton],
    contents: Sequence[ContentSkeleton] = (),
    *,
    partial: Collection[bytes] = (),
    reasons: dict[SpanKey, Reason] | None = None,
) -> dict[SpanKey, Verdict]:
    """The verdict on every span that is not simply as it says itself.

    A span that is absent from the answer has no overrides and counts if it is a model call. `spans` must hold
    each (trace id, span id) once, and so must `contents`, what log events tell of them. Cost is linear (but
    for sorting) in the number of spans, whatever their parents say: cycles are cut, and depth is no matter.
    Of the traces in `partial` not all spans are given: nothing follows from what all agree on. `reasons`, if
    given, is filled in for people who ask why.
    """
    if len(spans) == 1 and not contents:
        return {}
    verdicts: dict[SpanKey, Verdict] = {}
    if contents:
        spans = _completed(spans, contents, verdicts)
    inherited = _inherited(spans, partial)
    for span in spans:
        if overrides := inherited[span.otel_trace_id].get(span.otel_span_id):
            verdicts[span.key] = Verdict(span.model_call, _overrides(verdicts, span) | overrides)
    calls = [span for span in spans if span.model_call]
    if len(calls) < 2:
        return verdicts
    above = _calls_above(spans)
    groups = CallGroups(calls, {call.key: above[call.key] for call in calls})
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
            # Marks a row whose partner is in another trace: what it takes from there is not inherited, and
            # the fast path (`plain`) must not decide its trace alone.
            overrides["status"] = winner.status
        verdicts[winner.key] = Verdict(True, overrides)
        if reasons is not None:
            _give_reasons(reasons, groups, winner, members)
    return verdicts


def _give_reasons(
    reasons: dict[SpanKey, Reason], groups: CallGroups, winner: Skeleton, members: Sequence[Skeleton]
) -> None:
    keys = {member.key for member in members}
    joins = tuple(join for join in groups.joins if join.one in keys)
    for member in members:
        others = tuple(other.key for other in members if other is not member)
        rivals = [other for other in members if other is not winner] if member is winner else [member]
        texts = dict.fromkeys(preference(winner, rival, groups.outer) for rival in rivals)
        reasons[member.key] = Reason(winner.key, others, joins, "; ".join(texts))


def _completed(
    spans: Sequence[Skeleton], contents: Sequence[ContentSkeleton], verdicts: dict[SpanKey, Verdict]
) -> list[Skeleton]:
    """The spans with what their events tell; notes in `verdicts` what their rows take from there."""
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


def _overrides(verdicts: dict[SpanKey, Verdict], span: Skeleton) -> dict[str, OwnValue]:
    verdict = verdicts.get(span.key)
    return verdict.overrides if verdict else {}


def _supply(
    column: str,
    overrides: dict[str, OwnValue],
    members: Iterable[Skeleton],
    verdicts: dict[SpanKey, Verdict],
) -> None:
    """Take the column from the first other span of the call that has it, itself or by inheritance."""
    for member in sorted(members, key=lambda member: member.order):
        value: OwnValue = getattr(member, column) or _overrides(verdicts, member).get(column)
        if value:
            overrides[column] = value
            return


def _inherited(spans: Sequence[Skeleton], partial: Collection[bytes]) -> dict[bytes, dict[bytes, Overrides]]:
    """Return the values that spans inherit, by trace id and span id."""
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
