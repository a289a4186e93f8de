"""Reads long texts and bodies, which are not stored in rows: those of a row or of the row it references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pulse_storage.sql.connection import Connection, SqlValue, Values
from pulse_storage.sql.tables.blocks import read_document
from pulse_storage.sql.tables.events import content_column

Column = Literal["output_text", "request_body", "response_body"]

#: Packed texts up to this size are read together, up to this number.
_SHORT_BYTES = 64 << 10
TEXTS_A_READ = 50


class ContentLocation(NamedTuple):
    """Where the content of a row is stored: in its own columns, or in those of a referenced row."""

    has_output_text: SqlValue
    has_request_body: SqlValue
    has_response_body: SqlValue
    output_from: Any
    request_from: SqlValue
    response_from: SqlValue
    #: The values of `SqlDialect.row_key`.
    row_key: Values


def output_text(
    connection: Connection, project: int, at: ContentLocation, packed: SqlValue = None
) -> bytes | None:
    """Return the output text (UTF-8) if it exceeds its preview. `packed` is its stored form, if known."""
    if packed is None:
        packed = _packed(connection, project, "output_text", at, at.has_output_text, at.output_from)
    return _document(connection, project, "output_text", at, packed)


def packed_texts(connection: Connection, project: int, ids: Sequence[bytes]) -> dict[bytes, SqlValue]:
    """Return packed output texts by the id of the row or content that has them, of up to TEXTS_A_READ ids.

    None stands for a long text. Read those one by one: together they may not fit in memory.
    """
    dialect = connection.dialect
    text = f"SELECT CASE WHEN length(output_text) <= {_SHORT_BYTES:d} THEN output_text END"
    of_row = (
        f"{text} FROM spans{dialect.indexed_by('spans_by_id')}"
        f" INNER JOIN span_bodies USING ({', '.join(dialect.row_key)})"
        " WHERE spans.project = ? AND spans.id = wanted.value"
    )
    of_events = f"{text} FROM span_event_contents WHERE project = ? AND id = wanted.value"
    rows = connection.execute(
        f"SELECT wanted.value, coalesce(({of_row}), ({of_events})) FROM {dialect.unnest_bytes('wanted')}",
        (project, project, dialect.bytes_array(ids)),
    )
    return {id: packed for id, packed in rows}


def request_body(connection: Connection, project: int, at: ContentLocation) -> bytes | None:
    """Return the request as a JSON document; None if it is not stored."""
    packed = _packed(connection, project, "request_body", at, at.has_request_body, at.request_from)
    return _document(connection, project, "request_body", at, packed)


def response_body(connection: Connection, project: int, at: ContentLocation) -> bytes | None:
    """Return the response as a JSON document; None if it is not stored."""
    packed = _packed(connection, project, "response_body", at, at.has_response_body, at.response_from)
    return _document(connection, project, "response_body", at, packed)


def _packed(
    connection: Connection, project: int, column: Column, at: ContentLocation, has: SqlValue, source: SqlValue
) -> SqlValue:
    """Return the stored form of a content; None if there is none."""
    names = connection.dialect.row_key
    select = f"SELECT {column} FROM span_bodies WHERE {' AND '.join(f'{name} = ?' for name in names)}"
    if source is None:
        return connection.execute(select, at.row_key).get if has else None
    of_source = f"SELECT {', '.join(names)} FROM spans WHERE project = ? AND id = ?"
    source_key = connection.execute(of_source, (project, source)).fetchone()
    packed = None if source_key is None else connection.execute(select, source_key).get
    return content_column(connection, project, column, source) if packed is None else packed


def _document(
    connection: Connection, project: int, column: Column, at: ContentLocation, packed: Any
) -> bytes | None:
    if packed is None:
        return None
    row = " and ".join(
        f"{name} {value!r}" for name, value in zip(connection.dialect.row_key, at.row_key, strict=True)
    )
    return read_document(connection, project, packed, f"the {column} of the row with {row}")
