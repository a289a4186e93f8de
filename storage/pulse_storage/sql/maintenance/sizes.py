"""Read the number of rows and bytes of a project by hour, and the bytes that its policy would keep."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_storage.content.documents import week_of
from pulse_storage.maintenance import HourSizes
from pulse_storage.retention import HOUR_NS, RetentionPolicy
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.maintenance.expiry import BODY_BYTES, HAS_CONTENT, ROW_BYTES, content_bytes
from pulse_storage.sql.maintenance.row_ranges import exempt_rows, next_end, rows_between


def sizes_between(
    connection: Connection, project: int, first: bytes, before: bytes, policy: RetentionPolicy, limit: int
) -> tuple[dict[int, HourSizes], bytes]:
    """Return the sizes by hour of the first `limit` rows in a range of ids, and the id after the last row."""
    end = next_end(connection, project, first, before, limit)
    rows, kept = rows_between(project, first, end), exempt_rows(connection.dialect, policy)
    total = connection.dialect.total
    found = connection.execute(
        f"SELECT start_ns / {HOUR_NS}, {kept.sql}, count(*), count(CASE WHEN {HAS_CONTENT} THEN 1 END),"
        f" {total(ROW_BYTES)}, {total(content_bytes(connection.dialect))}"
        f" FROM spans WHERE {rows.sql} GROUP BY 1, 2",
        (*kept.bindings, *rows.bindings),
    )
    sizes: dict[int, HourSizes] = {}
    for values in found:
        hour, is_kept, count, contents, *bytes_of = (int(value) for value in values)
        row_bytes, with_content_bytes = bytes_of
        of_hour = sizes.setdefault(hour, HourSizes())
        if is_kept:
            of_hour.kept_bytes += row_bytes + with_content_bytes
        else:
            of_hour.add(HourSizes(count, contents, row_bytes=row_bytes, content_bytes=with_content_bytes))
    return sizes, end


def log_event_sizes(connection: Connection, project: int, before_ns: int) -> dict[int, HourSizes]:
    """Return the bytes by hour of log events and of the content assembled from them."""
    sizes: dict[int, HourSizes] = {}
    total = connection.dialect.total
    parts = connection.execute(
        f"SELECT time_ns / {HOUR_NS}, {total('length(document)')} FROM span_events"
        " WHERE project = ? AND time_ns < ? GROUP BY 1",
        (project, before_ns),
    )
    contents = connection.execute(
        f"SELECT start_ns / {HOUR_NS}, {total(BODY_BYTES)}"
        " FROM span_event_contents AS contents INNER JOIN spans ON spans.project = contents.project"
        " AND spans.otel_trace_id = contents.otel_trace_id AND spans.otel_span_id = contents.otel_span_id"
        " WHERE contents.project = ? AND start_ns < ? GROUP BY 1",
        (project, before_ns),
    )
    for found in (parts, contents):
        for values in found:
            hour, size_bytes = (int(value) for value in values)
            sizes.setdefault(hour, HourSizes()).shared_bytes += size_bytes
    return sizes


def shared_content_bytes(connection: Connection, project: int) -> dict[int, int]:
    """Return by week the bytes of the blocks that documents share."""
    rows = connection.execute(
        f"SELECT week, {connection.dialect.total('length(packed)')} FROM content_blocks"
        " WHERE project = ? GROUP BY week",
        (project,),
    )
    return {week: int(size_bytes) for week, size_bytes in rows}


def add_shared_content(sizes: dict[int, HourSizes], by_week: Mapping[int, int]) -> None:
    """Divide a week's shared content among those of its hours that are in `sizes`, by calls with content."""
    hours_of: dict[int, list[HourSizes]] = {}
    for hour, of_hour in sizes.items():
        hours_of.setdefault(week_of(hour * HOUR_NS), []).append(of_hour)
    for week, size_bytes in by_week.items():
        hours = hours_of.get(week, [])
        contents = sum(hour.contents for hour in hours)
        for hour in hours:
            if contents:
                hour.shared_bytes += size_bytes * hour.contents // contents
            else:
                hour.kept_bytes += size_bytes // len(hours)
