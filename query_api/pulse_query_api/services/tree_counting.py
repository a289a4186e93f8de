"""Why rows of model calls do not count: another span describes the same call, or they repeat other calls."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from pulse_storage.reconciliation.reconcile import Reason, reconcile
from pulse_storage.reconciliation.skeletons import ReconcileInputs, SpanKey


class NotCounted(NamedTuple):
    """Why the row of a model call does not count."""

    #: `wrapper`: the span repeats calls below it; `same_call`: another span of the call counts; `unknown`:
    #: the spans that decided it are not stored any more.
    reason: Literal["wrapper", "same_call", "unknown"]
    #: A sentence for users.
    why: str
    #: The row that counts for the same call; None for other reasons.
    counted: SpanKey | None

    def as_json(self) -> dict[str, object]:
        """Return the reason as a JSON object."""
        row = None
        if self.counted is not None:
            trace_id, span_id = self.counted
            row = {"otel_trace_id": trace_id.hex(), "otel_span_id": span_id.hex()}
        return {"reason": self.reason, "why": self.why, "counted_row": row}


_UNKNOWN = NotCounted(
    "unknown", "It did not count when it was stored; the spans that decided it are not stored any more.", None
)


def reasons_not_counted(inputs: ReconcileInputs, keys: Collection[SpanKey]) -> dict[SpanKey, NotCounted]:
    """Return why the rows of these model calls do not count. CPU-bound: some milliseconds per 100 spans."""
    reasons: dict[SpanKey, Reason] = {}
    if keys:
        reconcile(inputs.spans, inputs.contents, reasons=reasons)
    return {key: _not_counted(key, reasons.get(key)) for key in keys}


def _not_counted(key: SpanKey, reason: Reason | None) -> NotCounted:
    if reason is None or reason.counted == key:
        return _UNKNOWN
    if reason.counted is None:
        calls = len(reason.others)
        return NotCounted("wrapper", f"It repeats the numbers of {calls} calls below it, which count.", None)
    why = f"Another span describes the same call and counts, since {reason.preferred}."
    return NotCounted("same_call", why, reason.counted)
