"""Converts an explanation to JSON, with the field names of a trace."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_collector.explain.counting import Counting
from pulse_collector.explain.explanation import Column, ExplainedSpan, Explanation, Part
from pulse_collector.explain.log_events import ExplainedLog

Answer = dict[str, object]


def explanation_json(explanation: Explanation) -> Answer:
    """Return the whole response of `POST /v1/explain`."""
    return {
        "spans": [_span(span) for span in explanation.spans],
        "logs": [_log(log) for log in explanation.logs],
        "notes": [*explanation.notes],
    }


def _span(span: ExplainedSpan) -> Answer:
    answer: Answer = {
        "otel_trace_id": span.otel_trace_id,
        "otel_span_id": span.otel_span_id,
        "parent_span_id": span.parent_span_id,
        "name": span.name,
    }
    if span.refused is not None:
        return {**answer, "refused": span.refused}
    return {
        **answer,
        "dialect": span.dialect,
        "recognised_by": span.recognised_by,
        "operation": span.operation,
        "model_call": span.model_call,
        "left_out": span.left_out,
        **(counting_json(span.counting) if span.counting is not None else {}),
        "usage": span.usage,
        "cost": span.cost,
        "columns": {name: _column(column) for name, column in span.columns.items()},
        "metadata": {name: [*sources] for name, sources in span.metadata.items()},
        "unread": [*span.unread],
        "ignored": [_part(part) for part in span.ignored],
    }


def counting_json(counting: Counting) -> Answer:
    """Return whether a row counts, the reason, and the columns that other spans complete."""
    overrides: Mapping[str, Answer] = {
        column: {"own": override.own, "shown": override.shown, "from": override.source}
        for column, override in counting.overrides.items()
    }
    return {
        "counted": counting.counted,
        "why": counting.why,
        "counted_by": counting.counted_by,
        "same_call": [*counting.others],
        "completed": overrides,
    }


def _column(column: Column) -> Answer:
    answer: Answer = {"value": column.value, "from": [*column.sources]}
    if column.overruled:
        answer["overruled"] = [_part(part) for part in column.overruled]
    return answer


def _part(part: Part) -> Answer:
    return {"part": part.part, "value": part.value, **({} if part.why is None else {"why": part.why})}


def _log(log: ExplainedLog) -> Answer:
    return {
        "otel_trace_id": log.otel_trace_id,
        "otel_span_id": log.otel_span_id,
        "event": log.event,
        "declined": log.declined,
    }
