"""Finds the spans that tell of the same model call, and those that only wrap several calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from pulse_storage.skeletons import Skeleton, SpanKey

#: Partner keys of calls that one scope records as two spans, the request's and the stream's.
STREAM_PARTNER_PREFIX = "stream:"

#: Clocks of one process agree, but spans of one call need not nest to the nanosecond.
_OVERLAP_SLACK_NS = 50_000_000
#: A stream is read soon after it was opened.
_STREAM_GAP_NS = 5_000_000_000


JoinedBy = Literal["response id", "partner key", "stream", "nesting"]


class Join(NamedTuple):
    """Two spans that were taken for the same call, and by what."""

    by: JoinedBy
    one: SpanKey
    other: SpanKey


class Wrapper(NamedTuple):
    """A span that repeats several calls below it: one span of each."""

    span: Skeleton
    calls: list[Skeleton]


class CallGroups:
    """Model-call spans joined into calls by the rules of `reconcile` (1–3)."""

    def __init__(self, calls: Sequence[Skeleton], above: Mapping[SpanKey, Skeleton | None]) -> None:
        # Joining is greedy within a scope's limits, so it must see the calls in one order only.
        calls = sorted(calls, key=lambda call: call.order)
        self._group: dict[SpanKey, list[Skeleton]] = {call.key: [call] for call in calls}
        #: Spans that count for nothing, since they repeat several calls below.
        self.wrappers: list[Wrapper] = []
        self.joins: list[Join] = []
        #: Spans of a shared call that have another of its spans below them, written by another scope: what
        #: one scope writes below its own span (LiteLLM, the raw request) is a detail of it.
        self.outer: set[SpanKey] = set()
        self._join_same_response(calls, above)
        self._join_streams(calls)
        self._join_with_descendants(calls, above)

    def shared_calls(self) -> list[list[Skeleton]]:
        """The calls that two or more spans tell of."""
        groups = {id(group): group for group in self._group.values() if len(group) > 1}
        return list(groups.values())

    def _join(self, one: Skeleton, other: Skeleton, by: JoinedBy) -> None:
        kept, gone = self._group[one.key], self._group[other.key]
        if kept is gone:
            return
        self.joins.append(Join(by, one.key, other.key))
        if len(kept) < len(gone):
            kept, gone = gone, kept
        kept.extend(gone)
        for member in gone:
            self._group[member.key] = kept

    def _scopes(self, span: Skeleton) -> set[str | None]:
        return {member.scope for member in self._group[span.key]}

    def _join_same_response(
        self, calls: Sequence[Skeleton], above: Mapping[SpanKey, Skeleton | None]
    ) -> None:
        """Rule 1: siblings by response id, spans of different traces by partner key; never within a scope.

        A span that has its counterpart above itself is left to rule 3, which knows the tree.
        """
        nested: set[SpanKey] = set()
        for call in calls:
            ancestor = above[call.key]
            if ancestor is not None and ancestor.provider_request_id == call.provider_request_id:
                nested.add(call.key)
        alike: dict[tuple[SpanKey | bytes | None, str], list[Skeleton]] = defaultdict(list)
        for call in calls:
            if call.provider_request_id:
                ancestor = above[call.key]
                beside = call.otel_trace_id if ancestor is None else ancestor.key
                alike[beside, call.provider_request_id].append(call)
            if call.partner_key and not _is_stream(call) and call.key not in nested:
                alike[None, call.partner_key].append(call)
        for (beside, _), candidates in alike.items():
            for one, other in _pairs_overlapping(candidates):
                if self._scopes(one).isdisjoint(self._scopes(other)):
                    self._join(one, other, "partner key" if beside is None else "response id")

    def _join_streams(self, calls: Sequence[Skeleton]) -> None:
        """Rule 2. Pair each stream's span with the request's span that ended when it began."""
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
                if gap_ns > _STREAM_GAP_NS:
                    break
                if request.key not in taken and part.key not in taken:
                    taken |= {request.key, part.key}
                    self._join(request, part, "stream")

    def _join_with_descendants(
        self, calls: Sequence[Skeleton], above: Mapping[SpanKey, Skeleton | None]
    ) -> None:
        """Rule 3, from the innermost spans outwards."""
        below: dict[SpanKey, list[Skeleton]] = defaultdict(list)
        for call in calls:
            ancestor = above[call.key]
            if ancestor is not None:
                below[ancestor.key].append(call)
        for call in _innermost_first(calls, above):
            if call.key not in below:
                continue
            matching = self._matching(call, below[call.key])
            if len(matching) == 1:
                self._join(call, matching[0], "nesting")
                if call.scope != matching[0].scope:
                    self.outer.add(call.key)
            elif matching:
                self.wrappers.append(Wrapper(call, matching))

    def _matching(self, call: Skeleton, below: Iterable[Skeleton]) -> list[Skeleton]:
        """One span of each call below that may be `call` itself."""
        same: dict[int, Skeleton] = {}
        unknown: dict[int, Skeleton] = {}
        for descendant in below:
            ids = {member.provider_request_id for member in self._group[descendant.key]} - {None}
            group = id(self._group[descendant.key])
            if call.provider_request_id in ids:
                same.setdefault(group, descendant)
            elif call.provider_request_id is None or not ids:
                unknown.setdefault(group, descendant)
        return list((same or unknown).values())


def is_stream_part(span: Skeleton) -> bool:
    """Whether this is the second span of a streamed call: the one that saw the usage and the output."""
    return span.output_tokens is not None or span.output_preview is not None


def _is_stream(span: Skeleton) -> bool:
    return (span.partner_key or "").startswith(STREAM_PARTNER_PREFIX)


def _pairs_overlapping(ordered: Sequence[Skeleton]) -> Iterable[tuple[Skeleton, Skeleton]]:
    """Neighbours in time whose spans overlap; linear, however often an id was repeated."""
    for one, other in pairwise(ordered):
        if other.start_ns <= one.end_ns + _OVERLAP_SLACK_NS:
            yield one, other


def _innermost_first(calls: Sequence[Skeleton], above: Mapping[SpanKey, Skeleton | None]) -> list[Skeleton]:
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
