"""Stored rows as readers see them: one, several, a page."""

from __future__ import annotations

import base64
import binascii
from typing import cast
from uuid import UUID

from zstandard import ZstdError

from pulse_storage.bodies import unpack
from pulse_storage.errors import InvalidCursor, StoreUnavailable
from pulse_storage.filters import Page, TraceFilter, TracePage
from pulse_storage.rows import BATCH_DIALECT, TraceRecord
from pulse_storage.sql.conditions import add_usage_keys, index_for, row_conditions
from pulse_storage.sql.connection import Connection, SqlValue, Values
from pulse_storage.sql.events import content_column
from pulse_storage.sql.spans import tags_tuple
from pulse_storage.sql.usage import has_calls

#: The fields of a record that are columns, in its order.
_COLUMNS = TraceRecord._fields[
    TraceRecord._fields.index("otel_trace_id") : TraceRecord._fields.index("output_text")
]
_TAGS_AT = _COLUMNS.index("tags")
_PREVIEW_AT = _COLUMNS.index("output_preview")
_DIALECT_AT = _COLUMNS.index("dialect")
_WIDTH = len(_COLUMNS)
#: What else is read of a row; the values of `Dialect.row_key` follow.
_BESIDE = "id, metadata, usage_key IS NOT NULL, has_output_text, output_from, request_from, response_from"
_ROW_KEY_AT = _WIDTH + len(_BESIDE.split(","))
#: A thousand texts of megabytes each would not fit in memory, so a page of such rows ends early.
_MAX_PAGE_CHARS = 16 << 20


def find_record(
    connection: Connection, project: int, project_id: str, trace_id: UUID, *, bodies: bool
) -> TraceRecord | None:
    """The row with this visible id: by row id, else, for rows of the batch route, by OTel trace id."""
    select = _select(connection)
    values = connection.execute(
        f"{select} WHERE project = ? AND id = ? AND dialect IS DISTINCT FROM ?",
        (project, trace_id.bytes, BATCH_DIALECT),
    ).fetchone()
    if values is None:
        values = connection.execute(
            f"{select} WHERE project = ? AND otel_trace_id = ? AND dialect = ? ORDER BY id LIMIT 1",
            (project, trace_id.bytes, BATCH_DIALECT),
        ).fetchone()
    return None if values is None else _record(connection, project, project_id, values, bodies=bodies)


def page_of_records(
    connection: Connection, project: int, project_id: str, where: TraceFilter, page: Page
) -> TracePage:
    """A page of rows in the order of their ids, which is that of time. Raises InvalidCursor."""
    conditions = row_conditions(connection.dialect, project, where)
    if where.counted is True:
        # Then the index tells which rows are of matching calls; no other row is read, and none without any.
        if not has_calls(connection, project, where):
            return TracePage([], None)
        add_usage_keys(conditions, project, where)
    if page.cursor is not None:
        conditions.add("id > ?" if page.order == "asc" else "id < ?", decode_cursor(page.cursor))
    index = connection.dialect.indexed_by(index_for(where))
    rows = connection.execute(
        f"{_select(connection)}{index} WHERE {conditions.sql()}"
        # Written out, not bound: SQLite plans a statement anew each time a bound limit changes hands.
        f" ORDER BY id {page.order.upper()} LIMIT {page.limit + 1:d} OFFSET {page.offset:d}",
        conditions.bindings,
    ).fetchall()
    records: list[TraceRecord] = []
    chars = 0
    for values in rows[: page.limit]:
        record = _record(connection, project, project_id, values, bodies=False)
        records.append(record)
        chars += len(record.output_text or "") + len(record.metadata or "")
        if chars > _MAX_PAGE_CHARS:
            break
    if len(records) == len(rows):
        return TracePage(records, None)
    return TracePage(records, _encode_cursor(cast("bytes", rows[len(records) - 1][_WIDTH])))


def _select(connection: Connection) -> str:
    row_key = ", ".join(connection.dialect.row_key)
    return f"SELECT {', '.join(_COLUMNS)}, {_BESIDE}, {row_key} FROM spans"


def _record(
    connection: Connection,
    project: int,
    project_id: str,
    values: Values,
    *,
    bodies: bool,
) -> TraceRecord:
    columns = list(values[:_WIDTH])
    id, metadata, counted, has_text, text_from, request_from, response_from = values[_WIDTH:_ROW_KEY_AT]
    row_key = values[_ROW_KEY_AT:]
    is_batch = columns[_DIALECT_AT] == BATCH_DIALECT
    visible = UUID(bytes=cast("bytes", columns[0] if is_batch else id))
    text = columns[_PREVIEW_AT]
    if text_from is not None or has_text:
        text = _text(_body(connection, project, "output_text", row_key, text_from))
    request = response = None
    if bodies:
        request = _body(connection, project, "request_body", row_key, request_from)
        response = _body(connection, project, "response_body", row_key, response_from)
    fields: list[object] = [*columns]
    fields[_TAGS_AT] = tags_tuple(cast("str | None", columns[_TAGS_AT]))
    return TraceRecord._make((visible, project_id, *fields, text, metadata, bool(counted), request, response))


def _body(
    connection: Connection,
    project: int,
    column: str,
    row_key: Values,
    lender: SqlValue,
) -> bytes | None:
    names = connection.dialect.row_key
    select = f"SELECT {column} FROM span_bodies WHERE {' AND '.join(f'{name} = ?' for name in names)}"
    if lender is None:
        packed = connection.execute(select, row_key).get
    else:
        of_lender = f"SELECT {', '.join(names)} FROM spans WHERE project = ? AND id = ?"
        lender_key = connection.execute(of_lender, (project, lender)).fetchone()
        packed = None if lender_key is None else connection.execute(select, lender_key).get
        if packed is None:
            packed = content_column(connection, project, column, lender)
    try:
        return None if packed is None else unpack(cast("bytes", packed))
    except ZstdError as error:
        raise StoreUnavailable(f"a stored {column} is damaged; restore a backup ({error})") from error


def _text(document: bytes | None) -> str | None:
    return None if document is None else document.decode()


def _encode_cursor(id: bytes) -> str:
    return base64.urlsafe_b64encode(id).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> bytes:
    try:
        id = base64.b64decode(cursor + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor(f"{cursor!r} is not a cursor of this list; leave it out to start anew") from error
    if len(id) != 16:
        raise InvalidCursor(f"{cursor!r} is not a cursor of this list; leave it out to start anew")
    return id
