"""Reads the spans of one OTel trace for a tree."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_storage.ids import decode_cursor, encode_cursor
from pulse_storage.queries.trees import ERROR_CHARS, Tree, TreeColumns
from pulse_storage.rows import BATCH_DIALECT
from pulse_storage.sql.connection import Connection, Values
from pulse_storage.sql.writing.ancestry import stored_among

#: Columns of `TreeColumns` that are expressions.
_EXPRESSIONS = {
    "trace_id": f"CASE WHEN dialect = '{BATCH_DIALECT}' THEN otel_trace_id ELSE id END",
    "model": "coalesce(model_used, model_requested)",
    "error_message": f"substr(error_message, 1, {ERROR_CHARS:d})",
    "counted": "usage_key IS NOT NULL",
}
_NAMED = [f"{_EXPRESSIONS[name]} AS {name}" if name in _EXPRESSIONS else name for name in TreeColumns._fields]
_COLUMNS = ", ".join((*_NAMED, "id"))
#: A limit that no trace reaches.
_ALL = 1 << 40
_SPAN_ID_AT = TreeColumns._fields.index("otel_span_id")
_START_AT = TreeColumns._fields.index("start_ns")


def read_tree(
    connection: Connection, project: int, otel_trace_id: bytes, cursor: str | None, limit: int
) -> Tree | None:
    """Return the spans of a trace, at most `limit`, after a cursor; None if none is stored.

    Raises InvalidCursor.
    """
    after = None if cursor is None else decode_cursor(cursor)
    sizes = connection.dialect.trace_sizes(connection, project, [otel_trace_id], limit + 1)
    if not sizes:
        return None
    if after is None and sizes[0][1] <= limit:
        rows = connection.dialect.all_of_trace(connection, _COLUMNS, project, otel_trace_id)
        next_cursor = None
    else:
        rows = _rows_after(connection, project, otel_trace_id, after, limit + 1)
        next_cursor = encode_cursor(rows[limit - 1][-1]) if len(rows) > limit else None
        rows = rows[:limit]
    rows.sort(key=lambda values: (values[_START_AT], values[_SPAN_ID_AT]))
    if not rows:
        return None
    spans = _columns(rows)
    is_whole = after is None and next_cursor is None
    others = set[bytes]() if is_whole else _other_parents(connection, project, otel_trace_id, spans)
    return Tree(spans, others, next_cursor)


def _rows_after(
    connection: Connection, project: int, otel_trace_id: bytes, after: bytes | None, limit: int
) -> list[Values]:
    """Return rows of a trace in the order of ids, after an id."""
    dialect = connection.dialect
    condition, bindings = ("", ()) if after is None else (" WHERE id > ?", (after,))
    # The limit of the subquery makes the planner read the trace first, not the project in the order of ids.
    query = (
        f"SELECT * FROM (SELECT {_COLUMNS} FROM spans{dialect.indexed_by('spans_by_trace')}"
        f" WHERE project = ? AND {{of_trace}} LIMIT {_ALL:d}) AS one_trace{condition}"
        f" ORDER BY id LIMIT {limit:d}"
    )
    rows = dialect.in_each_trace(connection, query, (project,), bindings, [otel_trace_id])
    return [values[1:] for values in rows]


def _other_parents(
    connection: Connection, project: int, otel_trace_id: bytes, spans: TreeColumns
) -> set[bytes]:
    """Return the parents of these spans that are stored, but not among these spans."""
    parents = {*spans.parent_span_id} - {*spans.otel_span_id}
    wanted = [parent for parent in parents if parent is not None]
    return stored_among(connection, project, otel_trace_id, wanted)


def _columns(rows: Sequence[Values]) -> TreeColumns:
    *columns, model_call, counted, _ = zip(*rows, strict=True)
    return TreeColumns._make((*columns, [*map(bool, model_call)], [*map(bool, counted)]))
