"""Join two spans of one call that are siblings or in different traces: rules 1 to 3 of `reconcile`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from pulse_storage.reconciliation.call_groups import CallGroups, JoinedBy
from pulse_storage.reconciliation.partner_keys import (
    are_of_both_sides,
    has_side,
    is_outer,
    output_fact,
    partner_fact,
)
from pulse_storage.reconciliation.same_call import (
    GAP_NS,
    is_call_without_id,
    is_other_service,
    is_response_in_other_trace,
    is_stream,
    is_stream_part,
    overlap,
)
from pulse_storage.reconciliation.skeletons import Skeleton, SpanKey

#: Number of earlier candidates that a span is compared with: an id or a question may occur many times.
_MAX_COMPARED = 16


def join_pairs(groups: CallGroups, calls: Sequence[Skeleton]) -> None:
    """Join the spans that rules 1 to 3 identify as one call. `calls` must be sorted by `Skeleton.order`."""
    _join_same_response(groups, calls)
    _join_without_id(groups, calls)
    _join_streams(groups, calls)


def _join_same_response(groups: CallGroups, calls: Sequence[Skeleton]) -> None:
    """Apply rule 1: join siblings by response id, then spans of different traces.

    A span whose nearest call above has the same id is not joined across traces: rule 4 joins those two.
    """
    siblings: dict[tuple[SpanKey | bytes, str], list[Skeleton]] = defaultdict(list)
    across_traces: dict[str, list[Skeleton]] = defaultdict(list)
    for call in calls:
        if call.provider_request_id is None:
            continue
        siblings[_place(groups, call), call.provider_request_id].append(call)
        ancestor = groups.above[call.key]
        if ancestor is None or ancestor.provider_request_id != call.provider_request_id:
            across_traces[call.provider_request_id].append(call)
    _join_each(
        groups,
        siblings.values(),
        "response id",
        lambda one, other: overlap(one, other) and groups.differ_in_scope(one, other),
    )
    _join_each(
        groups,
        across_traces.values(),
        "response id in another trace",
        lambda one, other: (
            is_response_in_other_trace(one, other)
            and (is_other_service(one, other) or groups.differ_in_scope(one, other))
        ),
    )
    across = [join for join in groups.joins if join.by == "response id in another trace"]
    if across:
        by_key = {call.key: call for call in calls}
        for join in across:
            _note_outer(groups, by_key[join.one], by_key[join.other])


def _note_outer(groups: CallGroups, one: Skeleton, other: Skeleton) -> None:
    """Of two spans of different services, note the longer one as outer: it is the caller's."""
    if is_other_service(one, other):
        groups.outer.add(max(one, other, key=lambda span: (span.end_ns - span.start_ns, span.order)).key)


def _join_without_id(groups: CallGroups, calls: Sequence[Skeleton]) -> None:
    """Apply rule 2: join a span without response id with a sibling or with a span of another trace."""
    siblings: dict[SpanKey | bytes, list[Skeleton]] = defaultdict(list)
    same_fact: dict[str, list[Skeleton]] = defaultdict(list)
    trace_roots: dict[str, list[Skeleton]] = defaultdict(list)
    have_calls_below = {ancestor.key for ancestor in groups.above.values() if ancestor is not None}
    for call in calls:
        if call.provider_request_id is None and call.key in have_calls_below:
            # Rule 4 joins it with a call below.
            continue
        siblings[_place(groups, call)].append(call)
        if call.partner_key is not None and not is_stream(call):
            same_fact[partner_fact(call.partner_key)].append(call)
        fact = output_fact(call.output_tokens)
        if is_outer(call.partner_key):
            may_pair_with_root = partner_fact(call.partner_key or "") == fact
        else:
            may_pair_with_root = call.parent_span_id is None and call.provider_request_id is not None
        if may_pair_with_root:
            trace_roots[fact].append(call)
    by: JoinedBy = "usage or question"
    _join_each(
        groups,
        (candidates for candidates in siblings.values() if _may_lack_ids(candidates)),
        by,
        lambda one, other: is_call_without_id(one, other) and groups.differ_in_scope(one, other),
    )
    _join_each(
        groups,
        same_fact.values(),
        by,
        lambda one, other: _are_partners(one, other) and groups.differ_in_scope(one, other),
    )
    _join_each(
        groups,
        trace_roots.values(),
        by,
        lambda one, other: _is_root_of_other_trace(one, other) and groups.differ_in_scope(one, other),
    )


def _are_partners(one: Skeleton, other: Skeleton) -> bool:
    """Return whether two spans whose partner keys have the same fact are of one call."""
    keys = one.partner_key or "", other.partner_key or ""
    return are_of_both_sides(keys) and is_call_without_id(
        one, other, have_partner_keys=True, have_same_counts=not has_side(keys[0])
    )


def _is_root_of_other_trace(one: Skeleton, other: Skeleton) -> bool:
    """Return whether one is a framework's span of the call that is the root of the other trace."""
    return (
        one.otel_trace_id != other.otel_trace_id
        and is_outer(one.partner_key) != is_outer(other.partner_key)
        and is_call_without_id(one, other)
    )


def _join_streams(groups: CallGroups, calls: Sequence[Skeleton]) -> None:
    """Apply rule 3: join the two spans of each stream, pairs with the smallest gap first."""
    by_key: dict[str, list[Skeleton]] = defaultdict(list)
    for call in calls:
        if call.partner_key and is_stream(call):
            by_key[call.partner_key].append(call)
    for candidates in by_key.values():
        requests = [call for call in candidates if not is_stream_part(call)]
        parts = [call for call in candidates if is_stream_part(call)]
        gaps = sorted(
            (abs(part.start_ns - request.end_ns), request.order, part.order, request, part)
            for request in requests
            for part in parts
            if request.start_ns <= part.start_ns
        )
        joined: set[SpanKey] = set()
        for gap_ns, _, _, request, part in gaps:
            if gap_ns > GAP_NS:
                break
            if joined.isdisjoint((request.key, part.key)) and groups.join(request, part, "stream"):
                joined |= {request.key, part.key}


def _join_each(
    groups: CallGroups,
    candidates: Iterable[Sequence[Skeleton]],
    by: JoinedBy,
    are_one: Callable[[Skeleton, Skeleton], bool],
) -> None:
    """Join each span with the nearest earlier candidate for which `are_one` is True."""
    for ordered in candidates:
        for at, other in enumerate(ordered):
            for one in reversed(ordered[max(0, at - _MAX_COMPARED) : at]):
                if are_one(one, other) and groups.join(one, other, by):
                    break


def _place(groups: CallGroups, call: Skeleton) -> SpanKey | bytes:
    """Return a value that siblings share: the key of the nearest call above them, else their trace id."""
    ancestor = groups.above[call.key]
    return call.otel_trace_id if ancestor is None else ancestor.key


def _may_lack_ids(calls: Sequence[Skeleton]) -> bool:
    """Return whether rule 2 may apply to siblings: some lack a response id, and they have several scopes."""
    return any(call.provider_request_id is None for call in calls) and (
        len({call.scope for call in calls}) > 1
    )
