"""Groups of failed rows, and incomplete traces, of a list of rows, in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from tests.storage.model import matching

from pulse_storage import TraceRecord
from pulse_storage.queries.error_groups import ErrorGroup, ErrorGroups, ErrorQuery, message_without_values
from pulse_storage.queries.received import Received, ReceivedQuery

_Kind = tuple[str | None, str | None, str | None, str | None]


def error_groups(rows: Sequence[TraceRecord], query: ErrorQuery) -> ErrorGroups:
    """Return the groups of failed rows; `rows` are newest first."""
    where = replace(query.filter, from_ns=query.edges[0], before_ns=query.edges[-1])
    groups: defaultdict[_Kind, list[TraceRecord]] = defaultdict(list)
    for row in matching(rows, where):
        if row.status == "error":
            model = row.model_used or row.model_requested
            groups[row.error_type, row.provider, model, message_without_values(row.error_message)].append(row)
    ranked = sorted(groups.items(), key=lambda item: -len(item[1]))
    return ErrorGroups(groups=[_group(kind, some, query.edges) for kind, some in ranked[: query.limit]])


def _group(kind: _Kind, rows: Sequence[TraceRecord], edges: Sequence[int]) -> ErrorGroup:
    steps = Counter(sum(edge_ns <= row.start_ns for edge_ns in edges) - 1 for row in rows)
    error_type, provider, model, message = kind
    return ErrorGroup(
        error_type=error_type,
        provider=provider,
        model=model,
        message=message,
        calls=len(rows),
        users=len({row.user_id for row in rows} - {None}),
        first_ns=min(row.start_ns for row in rows),
        last_ns=max(row.start_ns for row in rows),
        steps=dict(steps),
        sample_id=rows[0].trace_id,
        sample_message=rows[0].error_message,
    )


def received(rows: Sequence[TraceRecord], query: ReceivedQuery) -> Received:
    """Return how many of the newest traces lack spans; `rows` are newest first."""
    traces = list(dict.fromkeys(row.otel_trace_id for row in matching(rows, query.filter)))
    checked = traces[: query.traces]
    spans = {(row.otel_trace_id, row.otel_span_id) for row in rows}
    incomplete = {
        row.otel_trace_id
        for row in rows
        if row.parent_span_id is not None and (row.otel_trace_id, row.parent_span_id) not in spans
    }
    return Received(
        newest_ns=rows[0].start_ns if rows else None,
        traces=len(checked),
        incomplete=len(incomplete.intersection(checked)),
        complete=True,
    )
