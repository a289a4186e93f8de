"""Reads rows as `TraceRecord`: one, several, or a page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast
from uuid import UUID

from pulse_storage.ids import batch_span_id, decode_cursor, encode_cursor, shown_id
from pulse_storage.queries.filters import Page, TraceFilter, TracePage
from pulse_storage.rows import BATCH_DIALECT, TraceRecord
from pulse_storage.sql.connection import Connection, SqlValue, Values
from pulse_storage.sql.reading.contents import (
    TEXTS_A_READ,
    ContentLocation,
    output_text,
    packed_texts,
    request_body,
    response_body,
)
from pulse_storage.sql.reading.scan import matching_rows
from pulse_storage.sql.reading.usage_key_seek import rows_by_id
from pulse_storage.sql.tables.spans import tags_tuple

#: The fields of a record that equal columns: contiguous, because a slice is cheap.
_AS_IT_IS = TraceRecord._fields[
    TraceRecord._fields.index("otel_trace_id") : TraceRecord._fields.index("tags")
]
_SELECT = (
    f"SELECT id, {', '.join(_AS_IT_IS)}, tags, usage_key IS NOT NULL,"
    f" {', '.join(ContentLocation._fields[:-1])}, "
)
_TRACE_ID_AT = 1 + _AS_IT_IS.index("otel_trace_id")
_DIALECT_AT = 1 + _AS_IT_IS.index("dialect")
_PREVIEW_AT = 1 + _AS_IT_IS.index("output_preview")
_METADATA_AT = 1 + _AS_IT_IS.index("metadata")
_TAGS_AT = 1 + len(_AS_IT_IS)
_COUNTED_AT = _TAGS_AT + 1
_CONTENT_LOCATION_AT = _COUNTED_AT + 1
_ROW_KEY_AT = _CONTENT_LOCATION_AT + len(ContentLocation._fields) - 1
_HAS_TEXT_AT = _CONTENT_LOCATION_AT + ContentLocation._fields.index("has_output_text")
_TEXT_FROM_AT = _CONTENT_LOCATION_AT + ContentLocation._fields.index("output_from")
#: `TraceRecord._make` without its check of the length, which takes a fifth of the time per record.
_new = cast("Callable[[type[TraceRecord], tuple[object, ...]], TraceRecord]", tuple.__new__)
#: A page ends early at this many characters: a thousand texts of megabytes would not fit in memory.
MAX_PAGE_CHARS = 16 << 20


def select_records(connection: Connection) -> str:
    """Return a SELECT of the columns for `record` and `content_location`. The first is the id of the row."""
    return _SELECT + ", ".join(connection.dialect.row_key)


def find_record(
    connection: Connection, project: int, project_id: str, trace_id: UUID, *, bodies: bool
) -> TraceRecord | None:
    """Return the row with this visible id: by row id, else, for rows of the batch route, by its OTel ids."""
    select = select_records(connection)
    values = connection.execute(
        f"{select} FROM spans WHERE project = ? AND id = ? AND dialect IS DISTINCT FROM ?",
        (project, trace_id.bytes, BATCH_DIALECT),
    ).fetchone()
    if values is None:
        values = connection.execute(
            f"{select} FROM spans{connection.dialect.indexed_by('spans_by_trace')}"
            " WHERE project = ? AND otel_trace_id = ? AND otel_span_id = ? AND dialect = ?",
            (project, trace_id.bytes, batch_span_id(trace_id.bytes), BATCH_DIALECT),
        ).fetchone()
    return None if values is None else record(connection, project, project_id, values, bodies=bodies)


def find_span(
    connection: Connection, project: int, project_id: str, otel_trace_id: bytes, otel_span_id: bytes
) -> TraceRecord | None:
    """Return the row of a span by its OTel ids, without bodies."""
    values = connection.execute(
        f"{select_records(connection)} FROM spans{connection.dialect.indexed_by('spans_by_trace')}"
        " WHERE project = ? AND otel_trace_id = ? AND otel_span_id = ?",
        (project, otel_trace_id, otel_span_id),
    ).fetchone()
    return None if values is None else record(connection, project, project_id, values, bodies=False)


def find_records(
    connection: Connection, project: int, project_id: str, trace_ids: Sequence[UUID]
) -> list[TraceRecord | None]:
    """Return the rows with these visible ids, without bodies; fewer if their texts are very long."""
    records: list[TraceRecord | None] = []
    chars = 0
    for trace_id in trace_ids:
        record = find_record(connection, project, project_id, trace_id, bodies=False)
        records.append(record)
        chars += 0 if record is None else text_chars(record)
        if chars > MAX_PAGE_CHARS:
            break
    return records


def find_sorted(
    connection: Connection, project: int, project_id: str, ids: Sequence[bytes]
) -> list[TraceRecord]:
    """Return the rows with these stored ids in the same order, without bodies.

    The list ends early, after at least one row, if the texts are very long.
    """
    dialect = connection.dialect
    select = select_records(connection)
    if dialect.has_lateral_joins:
        found = rows_by_id(select, f"SELECT value FROM {dialect.unnest_bytes('wanted')}", "desc")
    else:
        index = dialect.indexed_by("spans_by_id")
        found = f"{select} FROM spans{index} WHERE {dialect.in_array('id')} AND project = ?"
    records: list[TraceRecord] = []
    chars = 0
    for at in range(0, len(ids), TEXTS_A_READ):
        some = ids[at : at + TEXTS_A_READ]
        rows = connection.execute(found, (dialect.bytes_array(some), project)).fetchall()
        texts = _texts(connection, project, rows)
        by_id = {values[0]: values for values in rows}
        for id in some:
            if chars > MAX_PAGE_CHARS:
                return records
            values = by_id[id]
            text = values[_PREVIEW_AT]
            if values[_HAS_TEXT_AT] or values[_TEXT_FROM_AT] is not None:
                text = _long_text(connection, project, values, texts)
            records.append(_record(project_id, values, text))
            chars += text_chars(records[-1])
    return records


def page_of_records(
    connection: Connection, project: int, project_id: str, where: TraceFilter, page: Page
) -> TracePage:
    """Return a page of rows in the order of ids, which is that of start times. Raises InvalidCursor."""
    after = None if page.cursor is None else decode_cursor(page.cursor)
    deadline_s = time.monotonic() + page.budget.seconds
    records: list[TraceRecord] = []
    limit = page.limit
    chars = 0
    rows = matching_rows(connection, project, select_records(connection), where, page, after)
    for part, end in _parts(rows, limit):
        if part and len(records) == limit:
            return TracePage(records, None if after is None else encode_cursor(after))
        texts = _texts(connection, project, part)
        for values in part:
            if chars > MAX_PAGE_CHARS:
                return TracePage(records, None if after is None else encode_cursor(after))
            after = values[0]
            text = values[_PREVIEW_AT]
            if values[_HAS_TEXT_AT] or values[_TEXT_FROM_AT] is not None:
                text = _long_text(connection, project, values, texts)
                chars += len(text or "")
            metadata = values[_METADATA_AT]
            if metadata is not None:
                chars += len(metadata)
            records.append(_record(project_id, values, text))
        if end is not None:
            after = end
            if time.monotonic() > deadline_s:
                return TracePage(records, encode_cursor(end))
    return TracePage(records, None)


def _parts(
    rows: Iterator[tuple[bytes, Values | None]], limit: int
) -> Iterator[tuple[list[Values], bytes | None]]:
    """Yield groups of rows whose texts are read together, and the id that the scan has reached, if known.

    The row after the limit is a group of its own: its text is not needed.
    """
    part: list[Values] = []
    left = limit
    for id, values in rows:
        if values is None:
            yield part, id
            part = []
            continue
        part.append(values)
        left -= 1
        if left <= 0 or len(part) == TEXTS_A_READ:
            yield part, None
            part = []
    yield part, None


def _texts(connection: Connection, project: int, rows: Sequence[Values]) -> Mapping[bytes, SqlValue]:
    """Return the packed texts of these rows or of the rows they reference, unless they are long."""
    ids = [
        (values[0] if values[_TEXT_FROM_AT] is None else values[_TEXT_FROM_AT])
        for values in rows
        if values[_HAS_TEXT_AT] or values[_TEXT_FROM_AT] is not None
    ]
    return packed_texts(connection, project, ids) if ids else {}


def content_location(values: Values) -> ContentLocation:
    """Return the content location of a row that was read with `select_records`."""
    return ContentLocation._make((*values[_CONTENT_LOCATION_AT:_ROW_KEY_AT], values[_ROW_KEY_AT:]))


def text_chars(record: TraceRecord) -> int:
    """Return the characters of the texts of a record that have no size limit."""
    text, metadata = record.output_text, record.metadata
    return (len(text) if text else 0) + (len(metadata) if metadata else 0)


def record(
    connection: Connection, project: int, project_id: str, values: Values, *, bodies: bool
) -> TraceRecord:
    """Return the record of a row that was read with `select_records`."""
    text = values[_PREVIEW_AT]
    if values[_HAS_TEXT_AT] or values[_TEXT_FROM_AT] is not None:
        text = _long_text(connection, project, values, {})
    if not bodies:
        return _record(project_id, values, text)
    at = content_location(values)
    both = request_body(connection, project, at), response_body(connection, project, at)
    return _record(project_id, values, text, *both)


def _long_text(
    connection: Connection, project: int, values: Values, texts: Mapping[bytes, SqlValue]
) -> str | None:
    """Return the output text of a row, its own or a referenced one; the preview if it is missing.

    `texts` contains compressed texts that were read before, by row id.
    """
    at = content_location(values)
    packed = texts.get(values[0] if at.output_from is None else at.output_from)
    text = output_text(connection, project, at, packed)
    return values[_PREVIEW_AT] if text is None else text.decode()


def _record(
    project_id: str,
    values: Values,
    text: SqlValue,
    request: bytes | None = None,
    response: bytes | None = None,
) -> TraceRecord:
    tags = values[_TAGS_AT]
    return _new(
        TraceRecord,
        (
            shown_id(values[_TRACE_ID_AT if values[_DIALECT_AT] == BATCH_DIALECT else 0]),
            project_id,
            *values[1:_TAGS_AT],
            () if tags is None else tags_tuple(tags),
            text,
            values[_COUNTED_AT] == 1,
            request,
            response,
        ),
    )
