"""Explains which rows of a set of spans count, in the words of `reconcile`, which decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulse_storage.reconciliation.call_groups import JoinedBy
from pulse_storage.reconciliation.reconcile import Reason, reconcile
from pulse_storage.reconciliation.skeletons import ContentSkeleton, OwnValue, Skeleton, SpanKey
from pulse_storage.trace_json import NANO_USD_PER_CENT

_JOINED_BY: dict[JoinedBy, str] = {
    "response id": "both have the same provider response id",
    "response id in another trace": "both have the same provider response id, at the same time",
    "usage or question": "one has no response id; both report the same tokens or question, at the same time",
    "stream": "one opened the stream that the other read",
    "nesting": "one lies below the other, and no other call below fits",
}
#: Columns of texts and bodies that lie elsewhere, by what the store calls the reference to them.
_BORROWED = {"output_from": "output_text", "request_from": "request_body", "response_from": "response_body"}
_COST = "cost_nano_usd"
#: As an answer of the API calls them.
_SHOWN_AS = {**_BORROWED, _COST: "cost_cents"}
LOG_EVENTS = "log events"


@dataclass(frozen=True, slots=True)
class Override:
    """A column in which a row differs from what its span says."""

    own: OwnValue
    shown: OwnValue
    #: The span that it comes from (hex), or `log events`; None if several spans agree on it.
    source: str | None


@dataclass(frozen=True, slots=True)
class Counting:
    """Whether a row counts, and why."""

    counted: bool
    why: str
    #: The row that counts for the same call (hex span id), if it is another one.
    counted_by: str | None = None
    #: The other spans of the call, or the calls that a wrapper repeats (hex span ids).
    others: tuple[str, ...] = ()
    overrides: Mapping[str, Override] = field(default_factory=dict[str, Override])


def explain_counting(
    spans: Sequence[Skeleton],
    operations: Mapping[SpanKey, str | None],
    contents: Sequence[ContentSkeleton] = (),
) -> dict[SpanKey, Counting]:
    """For each span, whether its row counts and why. `spans` must be all that bear on each other."""
    reasons: dict[SpanKey, Reason] = {}
    verdicts = reconcile(spans, contents, reasons=reasons)
    by_key = {span.key: span for span in spans}
    explained: dict[SpanKey, Counting] = {}
    for span in spans:
        verdict = verdicts.get(span.key)
        reason = reasons.get(span.key)
        counted = span.model_call if verdict is None else verdict.counted
        overrides = {} if verdict is None else verdict.overrides
        explained[span.key] = Counting(
            counted,
            _why(span, operations.get(span.key), reason),
            None if reason is None or reason.counted in (None, span.key) else reason.counted[1].hex(),
            () if reason is None else tuple(span_id.hex() for _, span_id in reason.others),
            {
                _SHOWN_AS.get(column, column): _override(span, column, value, reason, by_key, contents)
                for column, value in overrides.items()
            },
        )
    return explained


def _why(span: Skeleton, operation: str | None, reason: Reason | None) -> str:
    if not span.model_call:
        if operation is None:
            return "it tells of no model; it is kept for the tree, for sessions and for users"
        return f"'{operation}' is no call of a model: only those have tokens and a cost of their own"
    if reason is None:
        return "it is a call of a model of which no other span tells"
    if reason.counted is None:
        return f"it repeats {len(reason.others)} calls below it, which count"
    how = "; ".join(dict.fromkeys(_JOINED_BY[join.by] for join in reason.joins))
    told = f"{len(reason.others) + 1} spans tell of the same call ({how})"
    if reason.counted == span.key:
        return f"{told}; this one counts, since {reason.preferred}"
    return f"{told}; {reason.counted[1].hex()} counts in its place: {reason.preferred}"


def _override(
    span: Skeleton,
    column: str,
    value: OwnValue,
    reason: Reason | None,
    by_key: Mapping[SpanKey, Skeleton],
    contents: Sequence[ContentSkeleton],
) -> Override:
    if column in _BORROWED:
        lender = next((other for other in by_key.values() if other.id == value), None)
        return Override(None, None, LOG_EVENTS if lender is None else lender.otel_span_id.hex())
    own: OwnValue = getattr(span, column)
    told = next((content for content in contents if content.key == span.key), None)
    if told is not None and getattr(told, column, None) == value:
        return Override(own, value, LOG_EVENTS)
    near = [by_key[key] for key in reason.others] if reason is not None else []
    seen: set[SpanKey] = {span.key}
    above = span
    while above.parent_span_id is not None:
        parent = by_key.get((above.otel_trace_id, above.parent_span_id))
        if parent is None or parent.key in seen:
            break
        seen.add(parent.key)
        near.append(parent)
        above = parent
    source = next((other for other in near if getattr(other, column) == value), None)
    if column == _COST:
        own, value = _cents(own), _cents(value)
    return Override(own, value, None if source is None else source.otel_span_id.hex())


def _cents(nano_usd: OwnValue) -> OwnValue:
    return nano_usd / NANO_USD_PER_CENT if isinstance(nano_usd, int) else None
