"""Deletes the log events of spans whose content is deleted."""

from __future__ import annotations

from pulse_storage.ids import time_of
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.maintenance.row_ranges import Range

#: The size of a row of each table.
_BYTES = {
    "span_events": "length(document)",
    "span_event_contents": "coalesce(length(output_text), 0) + coalesce(length(request_body), 0)"
    " + coalesce(length(response_body), 0)",
}


def events_of_old_spans(project: int, before: bytes) -> Range:
    """Select (trace id, span id) of old log events whose span has no row from an id on; keys repeat."""
    return Range(
        "SELECT otel_trace_id, otel_span_id FROM span_events AS events"
        " WHERE project = ? AND time_ns < ? AND NOT EXISTS (SELECT 1 FROM spans"
        " WHERE spans.project = events.project AND spans.otel_trace_id = events.otel_trace_id"
        " AND spans.otel_span_id = events.otel_span_id AND id >= ?)",
        (project, time_of(before), before),
    )


def delete_events(connection: Connection, project: int, spans: Range) -> int:
    """Delete the log events of these spans with their assembled content; return the bytes."""
    size_bytes = 0
    for table in _BYTES:
        has_any = connection.execute(f"SELECT 1 FROM {table} WHERE project = ? LIMIT 1", (project,))
        if has_any.fetchone() is not None:
            size_bytes += _bytes_in(connection, table, project, spans)
            connection.execute(
                f"DELETE FROM {table} WHERE project = ? AND (otel_trace_id, otel_span_id) IN ({spans.sql})",
                (project, *spans.bindings),
            )
    return size_bytes


def _bytes_in(connection: Connection, table: str, project: int, spans: Range) -> int:
    found = connection.execute(
        f"SELECT {connection.dialect.total(_BYTES[table])} FROM {table}"
        f" WHERE project = ? AND (otel_trace_id, otel_span_id) IN ({spans.sql})",
        (project, *spans.bindings),
    ).get
    return int(found)
