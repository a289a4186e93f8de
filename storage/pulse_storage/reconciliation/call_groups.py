"""Group the spans that record the same model call, and find those that only wrap several calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pulse_storage.reconciliation.model_names import ModelName, may_be_same_model
from pulse_storage.reconciliation.partner_keys import (
    STREAM_PARTNER_PREFIX,
    are_of_both_sides,
    has_side,
    is_outer,
    output_fact,
    partner_fact,
)
from pulse_storage.reconciliation.same_call import (
    GAP_NS,
    is_call_without_id,
    is_failed_attempt,
    is_other_service,
    is_response_in_other_trace,
    overlap,
    response_model,
)
from pulse_storage.reconciliation.skeletons import Skeleton, SpanKey

#: So many spans that started before a span are compared with it: an id or a question may be repeated.
_MAX_COMPARED = 16

JoinedBy = Literal["response id", "response id in another trace", "usage or question", "stream", "nesting"]
#: For each call the nearest model call above it.
CallsAbove = Mapping[SpanKey, Skeleton | None]


class Join(NamedTuple):
    """Two spans that were taken for the same call, and by what."""

    by: JoinedBy
    one: SpanKey
    other: SpanKey


class Wrapper(NamedTuple):
    """A span that repeats several calls below it: one span of each."""

    span: Skeleton
    calls: list[Skeleton]


@dataclass(slots=True, eq=False)
class _Group:
    """The spans that were found to be of one call so far."""

    members: list[Skeleton]
    scopes: set[str | None]
    #: The response ids and the models that answered, as far as they are known.
    ids: set[str]
    models: set[ModelName]
    #: No span of it has an answer.
    is_failed: bool
    #: The calls that its spans wrap: then it is no call itself.
    wraps: list[Skeleton] | None = None


class CallGroups:
    """Model-call spans joined into calls by the rules of `reconcile` (1–5)."""

    def __init__(self, calls: Sequence[Skeleton], above: CallsAbove) -> None:
        # Joining is greedy within a scope's limits, so it must see the calls in one order only.
        calls = sorted(calls, key=lambda call: call.order)
        self._above = above
        self._group: dict[SpanKey, _Group] = {call.key: _group_of(call) for call in calls}
        #: Spans that count for nothing, since they repeat several calls below.
        self.wrappers: list[Wrapper] = []
        self.joins: list[Join] = []
        #: Spans of a shared call that have another of its spans below them, written by another scope or
        #: service: what one scope writes below its own span (LiteLLM, the raw request) is a detail of it.
        self.outer: set[SpanKey] = set()
        self._join_same_response(calls)
        self._join_without_id(calls)
        self._join_streams(calls)
        self._join_with_descendants(calls)

    def shared_calls(self) -> list[list[Skeleton]]:
        """Return the calls that two or more spans record."""
        groups = {id(group): group for group in self._group.values()}
        return [group.members for group in groups.values() if len(group.members) > 1 and group.wraps is None]

    def _join(self, one: Skeleton, other: Skeleton, by: JoinedBy) -> bool:
        """Make two spans one call, unless their response models differ; return whether they are one now."""
        kept, gone = self._group[one.key], self._group[other.key]
        if kept is gone:
            return True
        if not _models_agree(kept, gone):
            return False
        self.joins.append(Join(by, one.key, other.key))
        if len(kept.members) < len(gone.members):
            kept, gone = gone, kept
        kept.members += gone.members
        kept.scopes |= gone.scopes
        kept.ids |= gone.ids
        kept.models |= gone.models
        kept.is_failed = kept.is_failed and gone.is_failed
        for member in gone.members:
            self._group[member.key] = kept
        return True

    def _are_of_other_scopes(self, one: Skeleton, other: Skeleton) -> bool:
        return self._group[one.key].scopes.isdisjoint(self._group[other.key].scopes)

    def _join_same_response(self, calls: Sequence[Skeleton]) -> None:
        """Rule 1: join siblings by response id, then spans of different traces.

        A span that has its counterpart above itself is left to rule 4, which knows the tree.
        """
        beside: dict[tuple[SpanKey | bytes, str], list[Skeleton]] = defaultdict(list)
        apart: dict[str, list[Skeleton]] = defaultdict(list)
        for call in calls:
            if call.provider_request_id is None:
                continue
            beside[self._place(call), call.provider_request_id].append(call)
            ancestor = self._above[call.key]
            if ancestor is None or ancestor.provider_request_id != call.provider_request_id:
                apart[call.provider_request_id].append(call)
        self._join_pairs(
            beside.values(),
            "response id",
            lambda one, other: overlap(one, other) and self._are_of_other_scopes(one, other),
        )
        self._join_pairs(apart.values(), "response id in another trace", self._is_response_apart)
        for join in self.joins:
            if join.by == "response id in another trace":
                self._note_outer(join)

    def _note_outer(self, join: Join) -> None:
        """Of two services, one called the other: the span that lasts longer is the outer one."""
        pair = [member for member in self._group[join.one].members if member.key in (join.one, join.other)]
        if is_other_service(*pair):
            self.outer.add(max(pair, key=lambda span: (span.end_ns - span.start_ns, span.order)).key)

    def _is_response_apart(self, one: Skeleton, other: Skeleton) -> bool:
        return is_response_in_other_trace(one, other) and (
            is_other_service(one, other) or self._are_of_other_scopes(one, other)
        )

    def _join_without_id(self, calls: Sequence[Skeleton]) -> None:
        """Rule 2: join a span without response id with a sibling, or with a span that has its partner key."""
        beside: dict[SpanKey | bytes, list[Skeleton]] = defaultdict(list)
        apart: dict[str, list[Skeleton]] = defaultdict(list)
        beginning: dict[str, list[Skeleton]] = defaultdict(list)
        holding = {ancestor.key for ancestor in self._above.values() if ancestor is not None}
        for call in calls:
            if call.provider_request_id is None and call.key in holding:
                # Its counterpart is below.
                continue
            beside[self._place(call)].append(call)
            if call.partner_key is not None and not _is_stream(call):
                apart[partner_fact(call.partner_key)].append(call)
            fact = output_fact(call.output_tokens)
            if is_outer(call.partner_key):
                may_begin = partner_fact(call.partner_key or "") == fact
            else:
                may_begin = call.parent_span_id is None and call.provider_request_id is not None
            if may_begin:
                beginning[fact].append(call)
        self._join_pairs(
            (some for some in beside.values() if _may_lack_ids(some)),
            "usage or question",
            lambda one, other: is_call_without_id(one, other) and self._are_of_other_scopes(one, other),
        )
        self._join_pairs(apart.values(), "usage or question", self._are_partners)
        self._join_pairs(beginning.values(), "usage or question", self._is_begun_apart)

    def _is_begun_apart(self, one: Skeleton, other: Skeleton) -> bool:
        """Return whether one is a framework's span of a call that begins another trace."""
        return (
            one.otel_trace_id != other.otel_trace_id
            and is_outer(one.partner_key) != is_outer(other.partner_key)
            and is_call_without_id(one, other)
            and self._are_of_other_scopes(one, other)
        )

    def _are_partners(self, one: Skeleton, other: Skeleton) -> bool:
        return (
            are_of_both_sides((one.partner_key or "", other.partner_key or ""))
            and is_call_without_id(
                one, other, have_partner_keys=True, have_same_counts=not has_side(one.partner_key or "")
            )
            and self._are_of_other_scopes(one, other)
        )

    def _join_pairs(
        self,
        candidates: Iterable[Sequence[Skeleton]],
        by: JoinedBy,
        are_one: Callable[[Skeleton, Skeleton], bool],
    ) -> None:
        """Join each span with the nearest one before it that is of the same call."""
        for ordered in candidates:
            for at, other in enumerate(ordered):
                for one in reversed(ordered[max(0, at - _MAX_COMPARED) : at]):
                    if are_one(one, other) and self._join(one, other, by):
                        break

    def _place(self, call: Skeleton) -> SpanKey | bytes:
        """Return what siblings have in common: the nearest call above them, else the trace."""
        ancestor = self._above[call.key]
        return call.otel_trace_id if ancestor is None else ancestor.key

    def _join_streams(self, calls: Sequence[Skeleton]) -> None:
        """Rule 3. Pair each stream's span with the request's span that ended when it began."""
        by_key: dict[str, list[Skeleton]] = defaultdict(list)
        for call in calls:
            if call.partner_key and _is_stream(call):
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
            taken: set[SpanKey] = set()
            for gap_ns, _, _, request, part in gaps:
                if gap_ns > GAP_NS:
                    break
                if taken.isdisjoint((request.key, part.key)) and self._join(request, part, "stream"):
                    taken |= {request.key, part.key}

    def _join_with_descendants(self, calls: Sequence[Skeleton]) -> None:
        """Rules 4 and 5, from the innermost spans outwards."""
        below: dict[SpanKey, list[Skeleton]] = defaultdict(list)
        for call in calls:
            ancestor = self._above[call.key]
            if ancestor is not None:
                below[ancestor.key].append(call)
        for call in _innermost_first(calls, self._above):
            if call.key not in below:
                continue
            served = [one for one in below[call.key] if is_other_service(call, one)]
            inside = [one for one in below[call.key] if not is_other_service(call, one)]
            if served:
                same = self._matching(call, inside)
                if len(same) == 1:
                    self._join_below(call, same[0])
                self._join_served(call, self._answered(self._one_of_each(served)))
            else:
                self._join_inside(call, self._answered(self._matching(call, inside)))

    def _join_inside(self, call: Skeleton, matching: list[Skeleton]) -> None:
        """Rule 4: a call below that alone may be this one is; of several, this is a wrapper."""
        if not matching or self._is_own_answer(call, matching):
            return
        if len(matching) > 1:
            self._wrap(call, matching)
        else:
            self._join_below(call, matching[0])

    def _join_served(self, call: Skeleton, matching: list[Skeleton]) -> None:
        """Rule 5: what another service called to answer this call counts, whatever its ids and models."""
        if self._is_own_answer(call, matching):
            return
        inner = [member.key for member in self._group[call.key].members]
        if len(matching) > 1 or not self._join_below(call, matching[0]):
            self._wrap(call, matching)
        else:
            self.outer.update(inner)

    def _join_below(self, call: Skeleton, below: Skeleton) -> bool:
        """Make a span and one below it one call; return False if their response models differ."""
        wrapped = self._group[below.key].wraps
        if wrapped is not None:
            self._wrap(call, wrapped)
            return True
        if not self._join(call, below, "nesting"):
            return False
        if call.scope != below.scope:
            self.outer.add(call.key)
        return True

    def _matching(self, call: Skeleton, below: Sequence[Skeleton]) -> list[Skeleton]:
        """Return one span of each call below that may be `call` itself, or that it may repeat."""
        mine = self._group[call.key]
        each = self._one_of_each(below)
        fitting = [one for one in each if _models_agree(mine, self._group[one.key])]
        response_id = call.provider_request_id
        if response_id is not None:
            same = [one for one in fitting if response_id in self._group[one.key].ids]
            return same or [one for one in fitting if not self._group[one.key].ids]
        if not fitting and len(each) > 1 and _is_sum(call, each):
            return each
        return fitting

    def _one_of_each(self, spans: Iterable[Skeleton]) -> list[Skeleton]:
        """Return the first span of each call among these."""
        found: dict[int, Skeleton] = {}
        for span in spans:
            found.setdefault(id(self._group[span.key]), span)
        return list(found.values())

    def _answered(self, matching: list[Skeleton]) -> list[Skeleton]:
        """Return the calls without failed attempts, if one alone was answered."""
        if len(matching) < 2:
            return matching
        answered = [one for one in matching if not self._group[one.key].is_failed]
        return answered if len(answered) == 1 else matching

    def _is_own_answer(self, call: Skeleton, attempts: Sequence[Skeleton]) -> bool:
        """Return whether a call was answered although all attempts below it failed."""
        return (
            call.status != "error"
            and bool(call.output_tokens or call.output_preview)
            and all(self._group[one.key].is_failed for one in attempts)
        )

    def _wrap(self, call: Skeleton, calls: list[Skeleton]) -> None:
        """Let a span count for nothing, with all other spans of the same call."""
        group = self._group[call.key]
        group.wraps = calls
        self.wrappers += [Wrapper(member, calls) for member in group.members]


def is_stream_part(span: Skeleton) -> bool:
    """Return whether this is the second span of a streamed call: the one with the usage and the output."""
    return span.output_tokens is not None or span.output_preview is not None


def _is_stream(span: Skeleton) -> bool:
    return (span.partner_key or "").startswith(STREAM_PARTNER_PREFIX)


def _group_of(call: Skeleton) -> _Group:
    model = response_model(call)
    return _Group(
        [call],
        {call.scope},
        set() if call.provider_request_id is None else {call.provider_request_id},
        set() if model is None else {model},
        is_failed_attempt(call),
    )


def _models_agree(one: _Group, other: _Group) -> bool:
    return all(may_be_same_model(mine, its) for mine in one.models for its in other.models)


def _may_lack_ids(calls: Sequence[Skeleton]) -> bool:
    """Return whether siblings may be one call by rule 2: some lack an id, and not all are of one scope."""
    return any(call.provider_request_id is None for call in calls) and (
        len({call.scope for call in calls}) > 1
    )


def _is_sum(call: Skeleton, below: Sequence[Skeleton]) -> bool:
    """Return whether the usage of a span is that of the calls below it together."""
    if call.input_tokens is None or call.output_tokens is None:
        return False
    inputs = sum(one.input_tokens or 0 for one in below)
    outputs = sum(one.output_tokens or 0 for one in below)
    return (call.input_tokens, call.output_tokens) == (inputs, outputs) and inputs + outputs > 0


def _innermost_first(calls: Sequence[Skeleton], above: CallsAbove) -> list[Skeleton]:
    """Every span before the model-call spans above it (parent cycles are already cut)."""
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
