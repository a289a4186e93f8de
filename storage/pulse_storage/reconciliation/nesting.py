"""Join a span with a call below it, or find that it wraps several calls: rules 4 and 5 of `reconcile`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pulse_storage.reconciliation.call_groups import CallGroups, CallsAbove, have_compatible_models
from pulse_storage.reconciliation.same_call import is_other_service
from pulse_storage.reconciliation.skeletons import Skeleton, SpanKey


def join_nested(groups: CallGroups, calls: Sequence[Skeleton]) -> None:
    """Apply rules 4 and 5 to each span, after the spans below it."""
    below: dict[SpanKey, list[Skeleton]] = defaultdict(list)
    for call in calls:
        ancestor = groups.above[call.key]
        if ancestor is not None:
            below[ancestor.key].append(call)
    for call in _descendants_first(calls, groups.above):
        if call.key not in below:
            continue
        of_other_services = [one for one in below[call.key] if is_other_service(call, one)]
        of_same_service = [one for one in below[call.key] if not is_other_service(call, one)]
        if of_other_services:
            matching = _matching(groups, call, of_same_service)
            if len(matching) == 1:
                _join_below(groups, call, matching[0])
            _join_served(groups, call, _without_failed(groups, groups.one_of_each(of_other_services)))
        else:
            _join_inside(groups, call, _without_failed(groups, _matching(groups, call, of_same_service)))


def _join_inside(groups: CallGroups, call: Skeleton, matching: list[Skeleton]) -> None:
    """Apply rule 4: join the span with the only matching call below it; with several, it is a wrapper."""
    if not matching or _has_own_answer(groups, call, matching):
        return
    if len(matching) > 1:
        groups.wrap(call, matching)
    else:
        _join_below(groups, call, matching[0])


def _join_served(groups: CallGroups, call: Skeleton, below: list[Skeleton]) -> None:
    """Apply rule 5: of a span above calls of other services, only these calls count."""
    if _has_own_answer(groups, call, below):
        return
    members = [member.key for member in groups.group(call).members]
    if len(below) > 1 or not _join_below(groups, call, below[0]):
        groups.wrap(call, below)
    else:
        groups.outer.update(members)


def _join_below(groups: CallGroups, call: Skeleton, below: Skeleton) -> bool:
    """Join a span with one below it; return False if their response models differ."""
    wrapped = groups.group(below).wraps
    if wrapped is not None:
        groups.wrap(call, wrapped)
        return True
    if not groups.join(call, below, "nesting"):
        return False
    if call.scope != below.scope:
        groups.outer.add(call.key)
    return True


def _matching(groups: CallGroups, call: Skeleton, below: Sequence[Skeleton]) -> list[Skeleton]:
    """Return one span of each call below that the span may record or, if there are several, may repeat.

    With a response id, these are the calls with that id, else those without any. A call with another response
    model is left out, unless the usage of the span is the sum of all calls below it.
    """
    group = groups.group(call)
    each = groups.one_of_each(below)
    fitting = [one for one in each if have_compatible_models(group, groups.group(one))]
    response_id = call.provider_request_id
    if response_id is not None:
        same = [one for one in fitting if response_id in groups.group(one).ids]
        return same or [one for one in fitting if not groups.group(one).ids]
    if not fitting and len(each) > 1 and _is_sum(call, each):
        return each
    return fitting


def _without_failed(groups: CallGroups, matching: list[Skeleton]) -> list[Skeleton]:
    """Return only the answered call if exactly one of the calls was answered, else all of them."""
    if len(matching) < 2:
        return matching
    answered = [one for one in matching if not groups.group(one).is_failed]
    return answered if len(answered) == 1 else matching


def _has_own_answer(groups: CallGroups, call: Skeleton, attempts: Sequence[Skeleton]) -> bool:
    """Return whether a span has an answer although all calls below it are failed attempts."""
    return (
        call.status != "error"
        and bool(call.output_tokens or call.output_preview)
        and all(groups.group(one).is_failed for one in attempts)
    )


def _is_sum(call: Skeleton, below: Sequence[Skeleton]) -> bool:
    """Return whether the usage of a span is the sum of the usage of the calls below it, and not zero."""
    if call.input_tokens is None or call.output_tokens is None:
        return False
    inputs = sum(one.input_tokens or 0 for one in below)
    outputs = sum(one.output_tokens or 0 for one in below)
    return (call.input_tokens, call.output_tokens) == (inputs, outputs) and inputs + outputs > 0


def _descendants_first(calls: Sequence[Skeleton], above: CallsAbove) -> list[Skeleton]:
    """Sort spans so that each is before the model calls above it. `above` must not contain cycles."""
    depth: dict[SpanKey, int] = {}
    for call in calls:
        path: list[SpanKey] = []
        current: Skeleton | None = call
        while current is not None and current.key not in depth:
            path.append(current.key)
            current = above[current.key]
        base = depth[current.key] if current is not None else -1
        for steps, key in enumerate(reversed(path), start=1):
            depth[key] = base + steps
    return sorted(calls, key=lambda call: depth[call.key], reverse=True)
