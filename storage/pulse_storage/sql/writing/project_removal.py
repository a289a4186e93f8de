"""Delete all data of a project within bounded transactions, one table after the other."""

from __future__ import annotations

from pulse_storage.maintenance import Removed
from pulse_storage.sql.connection import Connection

#: Tables of a project's data by the columns of their primary key, apart from `spans` and its bodies.
_TABLES = {
    "span_event_contents": ("otel_trace_id", "otel_span_id"),
    "rollup_hour": ("hour", "usage_key"),
    "latency_day": ("day", "bucket", "usage_key"),
    "usage_keys": ("key",),
    "content_parts": ("week", "digest"),
    "content_blocks": ("id",),
    "content_garbage": ("week", "block"),
}
_SETTINGS = ("project_prices", "reprice_marks", "retention")
_EVENT_KEY = "otel_trace_id, otel_span_id, digest"


def delete_some(connection: Connection, project: int, limit: int) -> Removed:
    """Delete at most `limit` rows of the first table that has any; return what was deleted."""
    removed = _delete_spans(connection, project, limit)
    if removed.rows:
        return removed
    events = _delete(connection, "span_events", _EVENT_KEY, project, limit)
    if not events:
        for table, key in _TABLES.items():
            if _delete(connection, table, ", ".join(key), project, limit):
                break
    return Removed(0, 0, events, 0, 0)


def has_data(connection: Connection, project: int) -> bool:
    """Return True if any table still has rows of the project."""
    return any(
        connection.execute(f"SELECT 1 FROM {table} WHERE project = ? LIMIT 1", (project,)).fetchall()
        for table in ("spans", "span_events", *_TABLES)
    )


def forget_project(connection: Connection, project: int, erasure_id: str) -> None:
    """Delete the settings, the name and the earlier erasures of a project that has no data any more."""
    for table in _SETTINGS:
        connection.execute(f"DELETE FROM {table} WHERE project = ?", (project,))
    connection.execute("DELETE FROM erasures WHERE project = ? AND id <> ?", (project, erasure_id))
    connection.execute("UPDATE projects SET name = '' WHERE key = ?", (project,))


def _delete_spans(connection: Connection, project: int, limit: int) -> Removed:
    by_id = connection.dialect.indexed_by("spans_by_id")
    row_key = ", ".join(connection.dialect.row_key)
    some = f"SELECT {row_key} FROM spans{by_id} WHERE project = ? ORDER BY id LIMIT {limit:d}"
    tokens, cost = (
        connection.dialect.total(f"CASE WHEN usage_key IS NULL THEN 0 ELSE {number} END")
        for number in ("coalesce(input_tokens, 0) + coalesce(output_tokens, 0)", "coalesce(cost_nano_usd, 0)")
    )
    found = connection.execute(
        f"SELECT count(*), count(usage_key), {tokens}, {cost} FROM spans WHERE ({row_key}) IN ({some})",
        (project,),
    ).fetchone()
    assert found is not None
    rows, *sums = (int(number) for number in found)
    if rows:
        for table in ("span_bodies", "spans"):
            connection.execute(f"DELETE FROM {table} WHERE ({row_key}) IN ({some})", (project,))
    calls, tokens_deleted, cost_nano_usd = sums
    return Removed(rows, calls, 0, tokens_deleted, cost_nano_usd)


def _delete(connection: Connection, table: str, key: str, project: int, limit: int) -> int:
    some = f"SELECT {key} FROM {table} WHERE project = ? LIMIT {limit:d}"
    deleted = connection.execute(
        f"DELETE FROM {table} WHERE project = ? AND ({key}) IN ({some}) RETURNING 1", (project, project)
    ).fetchall()
    return len(deleted)
