"""Find the stored spans above and below a span of a trace with recursive SQL, in bounded work."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_storage.sql.connection import Connection, SqlDialect, SqlValue


def descendants(
    connection: Connection, project: int, otel_trace_id: bytes, otel_span_id: bytes, limit: int
) -> list[bytes]:
    """Return the ids of stored spans below a span, nearest first, up to a limit; a cycle is visited once.

    The work is bounded by the limit, however many children any of the spans has.
    """
    below, bindings = _below(connection.dialect, project, otel_trace_id, otel_span_id)
    rows = connection.execute(f"{below} SELECT id FROM below LIMIT {limit:d}", bindings)
    return [id for (id,) in rows]


def with_children(
    connection: Connection, project: int, otel_trace_id: bytes, span_ids: Sequence[bytes]
) -> set[bytes]:
    """Return the span ids that have stored children; the spans themselves need not be stored."""
    return _ids_with(connection, project, otel_trace_id, span_ids, "spans_by_parent", "parent_span_id")


def stored_among(
    connection: Connection, project: int, otel_trace_id: bytes, span_ids: Sequence[bytes]
) -> set[bytes]:
    """Return those of these span ids that are stored in a trace."""
    return _ids_with(connection, project, otel_trace_id, span_ids, "spans_by_trace", "otel_span_id")


def _ids_with(
    connection: Connection,
    project: int,
    otel_trace_id: bytes,
    span_ids: Sequence[bytes],
    index: str,
    column: str,
) -> set[bytes]:
    """Return the ids that a row of the trace has in `column`; one index seek per id."""
    if not span_ids:
        return set()
    dialect = connection.dialect
    rows = connection.execute(
        f"SELECT wanted.value FROM {dialect.unnest_bytes('wanted')} WHERE EXISTS"
        f" (SELECT 1 FROM spans AS s{dialect.indexed_by(index)}"
        f" WHERE s.project = ? AND s.otel_trace_id = ? AND s.{column} = wanted.value)",
        (dialect.bytes_array(span_ids), project, otel_trace_id),
    )
    return {id for (id,) in rows}


def has_call_below(
    connection: Connection, project: int, otel_trace_id: bytes, otel_span_id: bytes, limit: int
) -> bool:
    """Return True if a model call is among the `limit` nearest stored spans below a span."""
    dialect = connection.dialect
    below, bindings = _below(dialect, project, otel_trace_id, otel_span_id)
    found = connection.execute(
        f"{below} SELECT 1 FROM (SELECT id FROM below LIMIT {limit:d}) AS near"
        f" CROSS JOIN spans AS s{dialect.indexed_by('spans_by_trace')}"
        " WHERE s.project = ? AND s.otel_trace_id = ? AND s.otel_span_id = near.id AND s.model_call LIMIT 1",
        (*bindings, project, otel_trace_id),
    )
    return found.fetchone() is not None


def _below(
    dialect: SqlDialect, project: int, otel_trace_id: bytes, otel_span_id: bytes
) -> tuple[str, tuple[SqlValue, ...]]:
    """Return the table expression `below (id)` of the stored spans below a span, and its bindings.

    Each step goes from a span to its next sibling and to its first child: to take all children at once would
    read all of them, whatever the limit.
    """
    parent = "CASE way.column1 WHEN 0 THEN below.parent ELSE below.id END"
    after = "CASE way.column1 WHEN 0 THEN below.id ELSE substr(below.id, 1, 0) END"
    sql = (
        # The first row is the span itself, which has no parent here.
        f"WITH RECURSIVE all_below (parent, id) AS (SELECT ?, ? UNION SELECT {parent}, ("
        f"SELECT s.otel_span_id FROM spans AS s{dialect.indexed_by('spans_by_parent')}"
        f" WHERE s.project = ? AND s.otel_trace_id = ? AND {dialect.next_child(parent, after)}"
        ") FROM all_below AS below CROSS JOIN (VALUES (0), (1)) AS way"
        " WHERE below.id IS NOT NULL AND (way.column1 = 1 OR length(below.parent) > 0)), below (id) AS ("
        "SELECT id FROM all_below WHERE id IS NOT NULL AND length(parent) > 0)"
    )
    return sql, (b"", otel_span_id, project, otel_trace_id)


def descendants_lacking(
    connection: Connection, project: int, otel_trace_id: bytes, otel_span_id: bytes, column: str, limit: int
) -> list[bytes]:
    """Return the ids of the stored spans below a span that, like all spans between, have NULL in `column`."""
    spans = f"spans AS s{connection.dialect.indexed_by('spans_by_parent')}"
    where = f"s.project = ? AND s.otel_trace_id = ? AND s.{column} IS NULL"
    rows = connection.execute(
        f"WITH RECURSIVE below (id) AS (SELECT s.otel_span_id FROM {spans} WHERE {where}"
        f" AND s.parent_span_id = ? UNION SELECT s.otel_span_id FROM below CROSS JOIN {spans}"
        f" WHERE {where} AND s.parent_span_id = below.id) SELECT id FROM below LIMIT {limit:d}",
        (project, otel_trace_id, otel_span_id, project, otel_trace_id),
    )
    return [id for (id,) in rows]


def nearest_above(
    connection: Connection,
    project: int,
    otel_trace_id: bytes,
    otel_span_id: bytes,
    ends: Sequence[bytes],
    limit: int,
) -> tuple[bytes, bytes | None, bool] | None:
    """Find a stored span if it is a model call or a child of one of `ends`, else its nearest such ancestor.

    Return its id, the id of its parent, and whether it is a model call. Return None if there is no such span
    within `limit` ancestors.
    """
    dialect = connection.dialect
    spans = f"spans AS s{dialect.indexed_by('spans_by_trace')}"
    where = "s.project = ? AND s.otel_trace_id = ?"
    columns = "s.otel_span_id, s.parent_span_id, s.model_call"
    found = connection.execute(
        f"WITH RECURSIVE above (id, parent, model_call) AS (SELECT {columns} FROM {spans}"
        f" WHERE {where} AND s.otel_span_id = ? UNION SELECT {columns} FROM above"
        f" CROSS JOIN {spans} WHERE {where} AND s.otel_span_id = above.parent AND NOT above.model_call)"
        f" SELECT id, parent, model_call FROM (SELECT * FROM above LIMIT {limit:d}) AS near"
        f" WHERE model_call OR {dialect.in_array('parent')} LIMIT 1",
        (
            project,
            otel_trace_id,
            otel_span_id,
            project,
            otel_trace_id,
            dialect.bytes_array(ends or [otel_span_id]),
        ),
    ).fetchone()
    if found is None:
        return None
    id, parent, model_call = found
    return id, parent, bool(model_call)
