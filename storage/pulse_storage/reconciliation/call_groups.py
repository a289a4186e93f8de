"""Group the spans that record the same model call; the rules are in `pairs` and `nesting`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pulse_storage.reconciliation.model_names import ModelName, may_be_same_model
from pulse_storage.reconciliation.same_call import is_failed_attempt, response_model
from pulse_storage.reconciliation.skeletons import Skeleton, SpanKey

JoinedBy = Literal["response id", "response id in another trace", "usage or question", "stream", "nesting"]
#: For each model call its nearest ancestor that is one too.
CallsAbove = Mapping[SpanKey, Skeleton | None]


class Join(NamedTuple):
    """Two spans that record the same call, and the property by which that was found."""

    by: JoinedBy
    one: SpanKey
    other: SpanKey


class Wrapper(NamedTuple):
    """A span that repeats several calls below it, and one span of each of these."""

    span: Skeleton
    calls: list[Skeleton]


@dataclass(slots=True, eq=False)
class Group:
    """The spans found so far that record one call."""

    members: list[Skeleton]
    scopes: set[str | None]
    #: Response ids and response models of the members that report them.
    ids: set[str]
    models: set[ModelName]
    #: True if all members are failed attempts.
    is_failed: bool
    #: The calls that the members wrap; then the group is not a call itself.
    wraps: list[Skeleton] | None = None


class CallGroups:
    """A partition of model-call spans into calls. At first each span is a call of its own."""

    def __init__(self, calls: Sequence[Skeleton], above: CallsAbove) -> None:
        self.above = above
        self._group: dict[SpanKey, Group] = {call.key: _group_of(call) for call in calls}
        #: Spans that do not count, since they repeat several calls below them.
        self.wrappers: list[Wrapper] = []
        self.joins: list[Join] = []
        #: Spans with another span of the same call below them, from another scope or service. A span below
        #: that is from the same scope and service (LiteLLM's raw request) only adds details.
        self.outer: set[SpanKey] = set()

    def group(self, span: Skeleton) -> Group:
        """Return the group of which the span is a member."""
        return self._group[span.key]

    def shared_calls(self) -> list[list[Skeleton]]:
        """Return the spans of each call that two or more spans record."""
        groups = {id(group): group for group in self._group.values()}
        return [group.members for group in groups.values() if len(group.members) > 1 and group.wraps is None]

    def join(self, one: Skeleton, other: Skeleton, by: JoinedBy) -> bool:
        """Merge the groups of two spans, unless their response models differ (rule 0).

        Return whether the spans are in one group now.
        """
        kept, merged = self._group[one.key], self._group[other.key]
        if kept is merged:
            return True
        if not have_compatible_models(kept, merged):
            return False
        self.joins.append(Join(by, one.key, other.key))
        if len(kept.members) < len(merged.members):
            kept, merged = merged, kept
        kept.members += merged.members
        kept.scopes |= merged.scopes
        kept.ids |= merged.ids
        kept.models |= merged.models
        kept.is_failed = kept.is_failed and merged.is_failed
        for member in merged.members:
            self._group[member.key] = kept
        return True

    def wrap(self, call: Skeleton, calls: list[Skeleton]) -> None:
        """Make all spans in the group of `call` wrappers of the given calls."""
        group = self._group[call.key]
        group.wraps = calls
        self.wrappers += [Wrapper(member, calls) for member in group.members]

    def differ_in_scope(self, one: Skeleton, other: Skeleton) -> bool:
        """Return whether the groups of two spans have no scope in common."""
        return self._group[one.key].scopes.isdisjoint(self._group[other.key].scopes)

    def one_of_each(self, spans: Iterable[Skeleton]) -> list[Skeleton]:
        """Return the first span of each group among these spans."""
        found: dict[int, Skeleton] = {}
        for span in spans:
            found.setdefault(id(self._group[span.key]), span)
        return list(found.values())


def have_compatible_models(one: Group, other: Group) -> bool:
    """Return whether all response models of two groups may be the same model."""
    return all(may_be_same_model(model, other_model) for model in one.models for other_model in other.models)


def _group_of(call: Skeleton) -> Group:
    model = response_model(call)
    return Group(
        [call],
        {call.scope},
        set() if call.provider_request_id is None else {call.provider_request_id},
        set() if model is None else {model},
        is_failed_attempt(call),
    )
