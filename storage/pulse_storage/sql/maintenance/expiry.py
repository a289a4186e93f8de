"""Drops the content or the rows of one range of ids: a step of retention, within one transaction."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

from pulse_storage.ids import time_floor, time_of
from pulse_storage.retention import FROZEN_NS, RetentionPolicy
from pulse_storage.sql.connection import Connection, SqlDialect, row_condition
from pulse_storage.sql.maintenance.log_events import delete_events, events_of_old_spans
from pulse_storage.sql.maintenance.materialize import (
    HAS_PREVIEW_OVERRIDE,
    materialize_references,
    without_previews,
)
from pulse_storage.sql.maintenance.row_ranges import Dropped, Range, dropped_between, next_end
from pulse_storage.sql.tables.garbage import note_content_between
from pulse_storage.sql.tables.watermarks import move_watermarks, read_watermarks

#: Log events that never found their span are dropped so many at a time.
_ORPHANS = 2_000

HAS_CONTENT = (
    "(has_output_text OR has_request_body OR has_response_body OR input_preview IS NOT NULL"
    " OR output_preview IS NOT NULL OR output_from IS NOT NULL OR request_from IS NOT NULL"
    " OR response_from IS NOT NULL)"
)
BODY_BYTES = (
    "coalesce(length(output_text), 0) + coalesce(length(request_body), 0)"
    " + coalesce(length(response_body), 0)"
)
#: The size of a row without content: columns and index entries (estimated), and its longer texts.
ROW_BYTES = "400 + length(name) + coalesce(length(metadata), 0) + coalesce(length(error_message), 0)"


class Step(NamedTuple):
    """One step of deleting a project's rows or content."""

    project: int
    #: Rows with smaller ids are deleted, except exempt ones.
    before: bytes
    policy: RetentionPolicy
    #: Maximum number of rows.
    limit: int
    #: The result of the step before; for the first step, `end` is where to begin if not at the watermark.
    last: Dropped = Dropped(done=False)


def drop_content(connection: Connection, step: Step) -> Dropped:
    """Delete the content of the oldest rows that have some.

    Rows lose previews, texts, bodies and references to those of other rows; their log events are deleted.
    Numbers, and whether a row counts, do not change.
    """
    project, before, policy, limit, last = step
    first = last.end or read_watermarks(connection, project).content_from
    if first >= before:
        return _drop_orphans(connection, project, before)
    end = next_end(connection, project, first, before, limit)
    saved = _save_kept(connection, project, max(first, last.saved), end, policy)
    rows = dropped_between(connection.dialect, project, first, end, policy)
    contents, size_bytes = _measured(connection, rows, content_bytes(connection.dialect), HAS_CONTENT)
    if contents:
        size_bytes += _delete_content(connection, project, rows)
        _clear_columns(connection, rows)
    move_watermarks(connection, project, content_from=end)
    return Dropped(done=False, contents=contents, size_bytes=size_bytes, saved=saved, end=end)


def drop_rows(connection: Connection, step: Step) -> Dropped:
    """Delete the oldest rows with all that belongs to them. The sums of analytics do not change."""
    project, before, policy, limit, last = step
    first = last.end or read_watermarks(connection, project).rows_from
    if first >= before:
        return _drop_orphans(connection, project, before)
    end = next_end(connection, project, first, before, limit)
    saved = _save_kept(connection, project, max(first, last.saved), end, policy)
    rows = dropped_between(connection.dialect, project, first, end, policy)
    contents, _ = _measured(connection, rows, "0", HAS_CONTENT)
    dropped, size_bytes = _measured(
        connection, rows, f"{ROW_BYTES} + {content_bytes(connection.dialect)}", "TRUE"
    )
    if dropped:
        size_bytes += _delete_content(connection, project, rows)
        calls = connection.execute(
            f"SELECT count(*), usage_key FROM spans WHERE {rows.sql} AND usage_key IS NOT NULL GROUP BY 2",
            rows.bindings,
        ).fetchall()
        connection.executemany("UPDATE usage_keys SET calls = calls - ? WHERE key = ?", calls)
        connection.execute(f"DELETE FROM spans WHERE {rows.sql}", rows.bindings)
    move_watermarks(connection, project, rows_from=end, content_from=end)
    return Dropped(False, dropped, contents, size_bytes, saved, end)


def content_bytes(dialect: SqlDialect) -> str:
    """Return the SQL expression of the compressed size of a row's content."""
    of_row = " AND ".join(f"span_bodies.{column} = spans.{column}" for column in dialect.row_key)
    return (
        "coalesce(octet_length(input_preview), 0) + coalesce(octet_length(output_preview), 0)"
        f" + coalesce((SELECT {BODY_BYTES} FROM span_bodies WHERE {of_row}), 0)"
    )


def _save_kept(
    connection: Connection, project: int, first: bytes, end: bytes, policy: RetentionPolicy
) -> bytes:
    """Copy referenced content into exempt rows; return up to which id this is done.

    A row that supplies content may start a little earlier than the row that refers to it.
    """
    ahead = time_floor(time_of(end) + FROZEN_NS)
    if policy.has_exemptions:
        materialize_references(connection, project, first, ahead, policy)
    return ahead


def _measured(connection: Connection, rows: Range, size_bytes: str, condition: str) -> tuple[int, int]:
    """Return the number and the total size in bytes of the rows that fulfil the condition."""
    total = connection.dialect.total(size_bytes)
    found = connection.execute(
        f"SELECT count(*), {total} FROM spans WHERE {rows.sql} AND {condition}",
        rows.bindings,
    ).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


def _delete_content(connection: Connection, project: int, rows: Range) -> int:
    """Delete the bodies of the rows, and the log events of their spans; the bytes of the latter."""
    note_content_between(connection, project, rows.sql, rows.bindings)
    row_key = ", ".join(connection.dialect.row_key)
    connection.execute(
        f"DELETE FROM span_bodies WHERE ({row_key}) IN (SELECT {row_key} FROM spans WHERE {rows.sql})",
        rows.bindings,
    )
    keys = f"SELECT otel_trace_id, otel_span_id FROM spans WHERE {rows.sql}"
    return delete_events(connection, project, Range(keys, rows.bindings))


def _clear_columns(connection: Connection, rows: Range) -> None:
    dialect = connection.dialect
    own_values = connection.execute(
        f"SELECT own, {', '.join(dialect.row_key)} FROM spans WHERE {rows.sql} AND own LIKE ? ESCAPE '!'",
        (*rows.bindings, HAS_PREVIEW_OVERRIDE),
    ).fetchall()
    connection.executemany(
        f"UPDATE spans SET own = ? WHERE {row_condition(dialect)}",
        [(without_previews(own), *row_key) for own, *row_key in own_values],
    )
    connection.execute(
        "UPDATE spans SET input_preview = NULL, output_preview = NULL, has_output_text = FALSE,"
        " has_request_body = FALSE, has_response_body = FALSE, output_from = NULL, request_from = NULL,"
        f" response_from = NULL WHERE {rows.sql} AND {HAS_CONTENT}",
        rows.bindings,
    )


def _drop_orphans(connection: Connection, project: int, before: bytes) -> Dropped:
    """Delete a batch of old log events whose span is missing or old, too; `done` is True if none are left."""
    old = events_of_old_spans(project, before)
    keys = list(dict.fromkeys(connection.execute(f"{old.sql} LIMIT {_ORPHANS}", old.bindings)))
    if not keys:
        return Dropped(done=True)
    named = Range(f"VALUES {', '.join(['(?, ?)'] * len(keys))}", tuple(chain.from_iterable(keys)))
    return Dropped(done=False, size_bytes=delete_events(connection, project, named), end=before)
