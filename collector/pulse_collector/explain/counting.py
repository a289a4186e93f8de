"""Explains which rows of a set of spans count, from the reasons that `reconcile` returns."""

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
    "nesting": "one is below the other, and no other call below it matches",
}
#: Columns whose value is a reference to another row, by the name of the reference.
_REFERENCES = {"output_from": "output_text", "request_from": "request_body", "response_from": "response_body"}
_COST = "cost_nano_usd"
#: The names of columns in responses of the API.
_SHOWN_AS = {**_REFERENCES, _COST: "cost_cents"}
LOG_EVENTS = "log events"


@dataclass(frozen=True, slots=True)
class Override:
    """A column whose effective value differs from the span's own."""

    own: OwnValue
    shown: OwnValue
    #: The span with the value (hex span id), or `log events`; None if several spans agree on it.
    source: str | None


@dataclass(frozen=True, slots=True)
class Counting:
    """Whether a row counts, and the reason."""

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
    """Return for each span whether its row counts, and why.

    `spans` must include all that affect each other.
    """
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
            return "the span does not describe a model call; it is stored for trees, sessions and users"
        return f"'{operation}' is not a model call: only model calls have their own tokens and cost"
    if reason is None:
        return "it is a model call that no other span describes"
    if reason.counted is None:
        return f"it repeats {len(reason.others)} calls below it, which count"
    how = "; ".join(dict.fromkeys(_JOINED_BY[join.by] for join in reason.joins))
    same = f"{len(reason.others) + 1} spans describe the same call ({how})"
    if reason.counted == span.key:
        return f"{same}; this one counts, since {reason.preferred}"
    return f"{same}; {reason.counted[1].hex()} counts instead: {reason.preferred}"


def _override(
    span: Skeleton,
    column: str,
    value: OwnValue,
    reason: Reason | None,
    by_key: Mapping[SpanKey, Skeleton],
    contents: Sequence[ContentSkeleton],
) -> Override:
    if column in _REFERENCES:
        source_span = next((other for other in by_key.values() if other.id == value), None)
        return Override(None, None, LOG_EVENTS if source_span is None else source_span.otel_span_id.hex())
    own: OwnValue = getattr(span, column)
    content = next((one for one in contents if one.key == span.key), None)
    if content is not None and getattr(content, column, None) == value:
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
