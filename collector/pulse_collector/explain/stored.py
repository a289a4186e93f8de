"""Explains stored rows: their columns, and why they count."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_collector.explain.counting import explain_counting
from pulse_collector.explain.explanation import Column, ExplainedSpan, Explanation, columns_of
from pulse_collector.explain.reasons import cost_reason
from pulse_collector.mapping.unread import unread_names
from pulse_storage.reconciliation.skeletons import ReconcileInputs
from pulse_storage.rows import TraceRecord

_NO_SOURCES = (
    "these rows are read from the store, which does not keep the attributes that filled a column: "
    "explain the export itself to see which part of a span fills which column"
)
_IN_PART = (
    "the trace has too many spans to be examined as a whole: "
    "only the ancestors of each one were, as on arrival"
)


def explain_stored(records: Sequence[TraceRecord], bearing: ReconcileInputs) -> Explanation:
    """Explain rows of one trace; `bearing` has all stored spans that affect them."""
    operations = {(record.otel_trace_id, record.otel_span_id): record.operation for record in records}
    calls = {span.key for span in bearing.spans if span.model_call}
    counting = explain_counting(bearing.spans, operations, bearing.contents)
    spans: list[ExplainedSpan] = []
    for record in records:
        key = (record.otel_trace_id, record.otel_span_id)
        spans.append(
            ExplainedSpan(
                record.otel_trace_id.hex(),
                record.otel_span_id.hex(),
                None if record.parent_span_id is None else record.parent_span_id.hex(),
                record.name,
                dialect=record.dialect,
                operation=record.operation,
                model_call=key in calls,
                columns=_columns(record),
                unread=unread_names(record.metadata),
                cost=cost_reason(record) if key in calls else None,
                # None for a row that was stored between the two reads.
                counting=counting.get(key),
            )
        )
    return Explanation(spans, (), [_NO_SOURCES, *(() if bearing.whole else (_IN_PART,))])


def _columns(record: TraceRecord) -> dict[str, Column]:
    facts = dict(zip(TraceRecord._fields, record, strict=True))
    return {"trace_id": Column(str(record.trace_id)), **columns_of(facts)}
