"""Traces of a store that is too simple to be wrong: summaries and trees of plain lists of records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from pulse_storage import TraceRecord
from pulse_storage.queries.trees import ERROR_CHARS, TreeColumns, TreeSummary


def tree_summary(rows: Sequence[TraceRecord]) -> TreeSummary:
    """Return the summary of a trace from all its rows, in the order of their ids or in reverse."""
    rows = sorted(rows, key=lambda row: row.trace_id.int)
    by_rank = sorted(rows, key=lambda row: row.parent_span_id is not None)
    latest = sorted(reversed(rows), key=lambda row: row.parent_span_id is not None)
    head = by_rank[0]
    calls = [row for row in rows if row.counted]
    span_ids = {row.otel_span_id for row in rows}
    ends_us = [
        row.start_ns // 1000 + math.floor(row.latency_ms * 1000) for row in rows if row.latency_ms is not None
    ]
    return TreeSummary(
        otel_trace_id=head.otel_trace_id,
        name=head.name,
        root_span_id=head.otel_span_id if head.parent_span_id is None else None,
        is_complete=head.parent_span_id is None
        and all(row.parent_span_id in (None, *span_ids) for row in rows),
        start_ns=min(row.start_ns for row in rows),
        duration_ms=(max(ends_us) - min(row.start_ns // 1000 for row in rows)) / 1000 if ends_us else None,
        spans=len(rows),
        at_least=False,
        calls=len(calls),
        errors=sum(row.status == "error" for row in rows),
        input_tokens=_total(row.input_tokens for row in calls),
        output_tokens=_total(row.output_tokens for row in calls),
        cost_nano_usd=_total(row.cost_nano_usd for row in calls),
        cost_source=_source(calls),
        unpriced=sum(
            row.cost_nano_usd is None and (row.input_tokens or 0) + (row.output_tokens or 0) > 0
            for row in calls
        ),
        unknown_usage=sum(
            row.input_tokens is None and row.output_tokens is None and row.status == "success"
            for row in calls
        ),
        session_id=_first(row.session_id for row in by_rank),
        user_id=_first(row.user_id for row in by_rank),
        service=_first(row.service for row in by_rank),
        input_preview=_first(row.input_preview for row in by_rank),
        output_preview=_first(row.output_preview for row in latest),
    )


def tree_columns(rows: Iterable[TraceRecord]) -> TreeColumns:
    """Return the rows of a trace as columns of a tree."""
    rows = sorted(rows, key=lambda row: (row.start_ns, row.otel_span_id))
    spans = [
        (
            row.trace_id.bytes,
            row.otel_span_id,
            row.parent_span_id,
            row.start_ns,
            row.latency_ms,
            row.operation,
            row.name,
            row.provider,
            row.model_requested if row.model_used is None else row.model_used,
            row.service,
            row.status,
            row.error_type,
            None if row.error_message is None else row.error_message[:ERROR_CHARS],
            row.input_tokens,
            row.cache_read_tokens,
            row.output_tokens,
            row.cost_nano_usd,
            row.cost_source,
            row.time_to_first_token_ms,
            row.session_id,
            row.user_id,
            row.operation in ("chat", "text_completion", "embeddings"),
            row.counted,
        )
        for row in rows
    ]
    return TreeColumns._make(map(list, zip(*spans, strict=True)))


def _total(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)


def _source(calls: Sequence[TraceRecord]) -> Literal["reported", "computed", "mixed"] | None:
    sources = {row.cost_source for row in calls if row.cost_nano_usd is not None}
    match sorted(str(source) for source in sources):
        case []:
            return None
        case ["reported"]:
            return "reported"
        case ["computed"]:
            return "computed"
        case _:
            return "mixed"
