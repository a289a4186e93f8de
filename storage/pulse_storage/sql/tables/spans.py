"""The table `spans`: bindings of a row, rows read as skeletons, and updates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import orjson

from pulse_storage.reconciliation.inheritance import INHERITED
from pulse_storage.reconciliation.skeletons import OVERRIDABLE, REFERENCES, OwnValue, Skeleton
from pulse_storage.rows import SpanRow, UnfitValue
from pulse_storage.sql.connection import Connection, SqlDialect, SqlValue, Values, row_condition
from pulse_storage.sql.tables.garbage import note_content_of

#: The fields of a row that equal columns: three contiguous ranges, because slices are cheap.
_BEFORE_TAGS = slice(SpanRow._fields.index("otel_trace_id"), SpanRow._fields.index("tags"))
_AFTER_TAGS = slice(SpanRow._fields.index("service"), SpanRow._fields.index("output_text"))
_AS_IT_IS = (*SpanRow._fields[_BEFORE_TAGS], *SpanRow._fields[_AFTER_TAGS], "partner_key")

#: The columns that the store adds to a row, in the order of `insert_values`.
_ADDED = (
    "project", "id", "usage_key", "latency_bucket",
    "has_output_text", "has_request_body", "has_response_body", "tags", *REFERENCES, "own",
)  # fmt: skip
#: The columns of a row and of its bodies, in the order in which they are inserted.
COLUMNS = _AS_IT_IS + _ADDED
BODY_COLUMNS = ("output_text", "request_body", "response_body")
_CHANGEABLE = (*OVERRIDABLE, *REFERENCES, "own", "usage_key", "latency_bucket")

_UPDATE = f"UPDATE spans SET {', '.join(f'{column} = ?' for column in _CHANGEABLE)} WHERE "
_UPDATE_INHERITED = f"UPDATE spans SET {', '.join(f'{column} = ?' for column in (*INHERITED, 'own'))} WHERE "
_REPORTED_COSTS = ("reported_cost_nano_usd", "estimated_cost_nano_usd")
_LOAD = (*Skeleton._fields, "operation", "gen_ai", "usage_key", *_REPORTED_COSTS, "own", *REFERENCES)
_WIDTH = len(Skeleton._fields)
_REFERENCES_AT = _LOAD.index(REFERENCES[0])
_TAGS_AT = Skeleton._fields.index("tags")


class StoredSpan(NamedTuple):
    """A stored row: the skeleton of its span, and the overrides in which the row differs from it."""

    skeleton: Skeleton
    overrides: dict[str, OwnValue]
    operation: str | None
    gen_ai: bool
    usage_key: int | None
    reported_cost_nano_usd: int | None
    estimated_cost_nano_usd: int | None
    #: The values of `SqlDialect.row_key`.
    row_key: Values


def stored_in_traces(
    connection: Connection, project: int, trace_ids: Sequence[bytes], limit: int
) -> list[StoredSpan]:
    """Load the stored spans of some traces, each of which has at most `limit`."""
    if not trace_ids:
        return []
    dialect = connection.dialect
    columns = ", ".join((*_LOAD, *dialect.row_key))
    rows = dialect.some_of_traces(connection, columns, project, trace_ids, limit)
    return [_stored_span(values) for values in rows]


def stored_in_trace(
    connection: Connection, project: int, otel_trace_id: bytes, span_ids: Sequence[bytes]
) -> list[StoredSpan]:
    """Load stored spans of one trace by their span ids."""
    if not span_ids:
        return []
    dialect = connection.dialect
    cursor = connection.execute(
        f"{_load(dialect)} WHERE project = ? AND otel_trace_id = ? AND {dialect.in_array('otel_span_id')}",
        (project, otel_trace_id, dialect.bytes_array(span_ids)),
    )
    return [_stored_span(values) for values in cursor]


def stored_span(
    connection: Connection, project: int, otel_trace_id: bytes, otel_span_id: bytes
) -> StoredSpan | None:
    """Load one stored span, or None."""
    values = connection.execute(
        f"{_load(connection.dialect)} WHERE project = ? AND otel_trace_id = ? AND otel_span_id = ?",
        (project, otel_trace_id, otel_span_id),
    ).fetchone()
    return None if values is None else _stored_span(values)


def insert_values(
    row: SpanRow,
    shown: SpanRow,
    reference_values: Values,
    added: tuple[int, bytes, int | None, int | None],
) -> Values:
    """Return the bindings of a row; `added` are project, row id, usage key and latency bucket."""
    return (
        *shown[_BEFORE_TAGS],
        *shown[_AFTER_TAGS],
        row.partner_key,
        *added,
        row.output_text is not None,
        row.request_body is not None,
        row.response_body is not None,
        tags_json(shown.tags) if shown.tags else None,
        *reference_values,
    )


#: `reference_values` of a row without overrides.
NO_REFERENCES: Values = (None,) * (len(REFERENCES) + 1)


def reference_values(row: SpanRow | Skeleton, overrides: Mapping[str, OwnValue]) -> Values:
    """Return what the columns of `REFERENCES` and the column `own` of a row with these overrides contain."""
    own = {name: getattr(row, name) for name in overrides if name not in REFERENCES}
    return (*(overrides.get(name) for name in REFERENCES), own_json(own))


def inheriting_reference_values(overrides: Mapping[str, OwnValue]) -> Values:
    """Return `reference_values` of a row whose overrides are all inherited."""
    return (*NO_REFERENCES[:-1], own_of_inheriting_row(tuple(overrides)))


@lru_cache(64)
def own_of_inheriting_row(columns: tuple[str, ...]) -> str | None:
    """Return the column `own` of a row that inherited these columns."""
    return own_json({column: () if column == "tags" else None for column in columns})


def update_values(
    span: StoredSpan, overrides: Mapping[str, OwnValue], usage_key: int | None, latency_bucket: int | None
) -> Values:
    """Return the bindings with which `update` gives a stored row exactly these overrides."""
    columns: list[SqlValue] = []
    for column in OVERRIDABLE:
        value: OwnValue = overrides.get(column, getattr(span.skeleton, column))
        columns.append(tags_json(value) if isinstance(value, tuple) else value)
    return (*columns, *reference_values(span.skeleton, overrides), usage_key, latency_bucket, *span.row_key)


def inherited_values(span: StoredSpan, overrides: Mapping[str, OwnValue]) -> Values:
    """Return the bindings of `update_inherited`; None if overrides beyond `INHERITED` changed."""
    columns: list[SqlValue] = []
    for column in INHERITED:
        value: OwnValue = overrides.get(column, getattr(span.skeleton, column))
        columns.append(tags_json(value) if isinstance(value, tuple) else value)
    return (*columns, reference_values(span.skeleton, overrides)[-1], *span.row_key)


def update(connection: Connection, rows: Iterable[Values]) -> None:
    """Update rows; each item is a result of `update_values`."""
    connection.executemany(_UPDATE + row_condition(connection.dialect), rows)


def update_inherited(connection: Connection, rows: Iterable[Values]) -> None:
    """Update columns of `INHERITED`; each item is a result of `inherited_values`."""
    connection.executemany(_UPDATE_INHERITED + row_condition(connection.dialect), rows)


def inherit(
    connection: Connection,
    project: int,
    otel_trace_id: bytes,
    span_ids: Sequence[bytes],
    values: Mapping[str, OwnValue],
    from_ns: int,
) -> None:
    """Write inherited values to those of these spans that start at `from_ns` or later.

    The caller ensures that the spans lack the values. `own` gets an empty entry for each of the columns.
    """
    dialect = connection.dialect
    entries = str(own_of_inheriting_row(tuple(values)))[1:]
    bound = [tags_json(value) if isinstance(value, tuple) else value for value in values.values()]
    connection.execute(
        f"UPDATE spans{dialect.indexed_by('spans_by_trace')} SET"
        f" {', '.join(f'{column} = ?' for column in values)},"
        " own = CASE WHEN own IS NULL THEN '{' ELSE substr(own, 1, length(own) - 1) || ',' END || ?"
        f" WHERE project = ? AND otel_trace_id = ? AND {dialect.in_array('otel_span_id')} AND start_ns >= ?",
        (*bound, entries, project, otel_trace_id, dialect.bytes_array(span_ids), from_ns),
    )


def delete(connection: Connection, project: int, spans: Sequence[StoredSpan]) -> None:
    """Delete rows of a project with their bodies."""
    note_content_of(connection, project, [span.row_key for span in spans])
    where = row_condition(connection.dialect)
    for table in ("span_bodies", "spans"):
        connection.executemany(f"DELETE FROM {table} WHERE {where}", [span.row_key for span in spans])


def tags_json(tags: tuple[str, ...] | None) -> str | None:
    """Return tags in the form of their column. Raises UnfitValue for lone surrogates."""
    return _json(tags) if tags else None


def tags_tuple(column: str | None) -> tuple[str, ...]:
    """Return the tags of a column value."""
    return tuple(orjson.loads(column)) if column else ()


def own_json(own: Mapping[str, OwnValue]) -> str | None:
    """Return the column `own`: the span's own values of overridden columns. Raises UnfitValue."""
    return _json(own) if own else None


def _json(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        # orjson raises a subclass of TypeError, which would be reported as a bug.
        raise UnfitValue(str(error)) from error


def _load(dialect: SqlDialect) -> str:
    return f"SELECT {', '.join((*_LOAD, *dialect.row_key))} FROM spans"


def _stored_span(values: Values) -> StoredSpan:
    tags = tags_tuple(values[_TAGS_AT])
    effective = Skeleton._make((*values[:_TAGS_AT], tags, *values[_TAGS_AT + 1 : _WIDTH]))
    operation, gen_ai, usage_key, reported, estimated, own = values[_WIDTH:_REFERENCES_AT]
    references = values[_REFERENCES_AT : len(_LOAD)]
    overrides: dict[str, OwnValue] = {
        column: value for column, value in zip(REFERENCES, references, strict=True) if value is not None
    }
    span = effective
    if own is not None:
        own_values = orjson.loads(own)
        if "tags" in own_values:
            own_values["tags"] = tuple(own_values["tags"])
        overrides |= {column: getattr(effective, column) for column in own_values}
        span = effective._replace(**own_values)
    return StoredSpan(
        span,
        overrides,
        operation,
        bool(gen_ai),
        usage_key,
        reported,
        estimated,
        values[len(_LOAD) :],
    )
