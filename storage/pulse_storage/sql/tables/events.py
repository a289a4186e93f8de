"""The tables of log events: the parts of a span's content, and the content assembled from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pulse_storage.content.bodies import pack, unpack
from pulse_storage.copying import RawEvents
from pulse_storage.ids import event_content_id
from pulse_storage.reconciliation.skeletons import ContentSkeleton, SpanKey
from pulse_storage.rows import MAX_PARTS, Assemble, EventContent, EventPart, IngestResult
from pulse_storage.sql.connection import Connection, SqlValue, Values

_MAX_INT64 = (1 << 63) - 1

_HAS_CONTENTS = "SELECT EXISTS (SELECT 1 FROM span_event_contents WHERE project = ?)"
_SAVE_PART = (
    "INSERT INTO span_events (project, otel_trace_id, otel_span_id, digest, time_ns, rank, name, document)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_SAVE_CONTENT = (
    "INSERT INTO span_event_contents (project, otel_trace_id, otel_span_id, id, finish_reason,"
    " input_preview, output_preview, output_text, request_body, response_body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (project, otel_trace_id, otel_span_id) DO UPDATE SET "
    + ", ".join(
        f"{column} = excluded.{column}"
        for column in (
            "finish_reason",
            "input_preview",
            "output_preview",
            "output_text",
            "request_body",
            "response_body",
        )
    )
)


def save_parts(
    connection: Connection, project: int, parts: Sequence[EventPart], assemble: Assemble
) -> tuple[IngestResult, list[SpanKey]]:
    """Store new parts and assemble the contents of their spans; return the result and the changed spans.

    A span keeps at most MAX_PARTS; further ones are rejected.
    """
    by_span: dict[SpanKey, list[int]] = {}
    for index, part in enumerate(parts):
        by_span.setdefault((part.otel_trace_id, part.otel_span_id), []).append(index)
    stored = duplicates = 0
    rejected: list[tuple[int, str]] = []
    changed: list[SpanKey] = []
    for key, indexes in by_span.items():
        kept = {part.digest: part for part in _parts_of(connection, project, key)}
        new: dict[bytes, EventPart] = {}
        for index in indexes:
            part = parts[index]
            if part.digest in kept or part.digest in new:
                duplicates += 1
            elif len(kept) + len(new) >= MAX_PARTS:
                rejected.append((index, f"span {key[1].hex()} has {MAX_PARTS} log events already"))
            else:
                new[part.digest] = part
        if new:
            stored += len(new)
            connection.executemany(_SAVE_PART, [_part_values(project, part) for part in new.values()])
            _save_content(connection, project, key, assemble([*kept.values(), *new.values()]))
            changed.append(key)
    return IngestResult(stored, duplicates, rejected=tuple(rejected)), changed


def delete_events(connection: Connection, project: int, keys: Sequence[SpanKey]) -> int:
    """Delete the log events of these spans and their assembled contents; return the number of events."""
    if not has_contents(connection, project):
        return 0
    of_span = "WHERE project = ? AND otel_trace_id = ? AND otel_span_id = ?"
    deleted = 0
    for key in keys:
        events = connection.execute(f"SELECT count(*) FROM span_events {of_span}", (project, *key)).get
        deleted += events
    for table in ("span_event_contents", "span_events"):
        connection.executemany(f"DELETE FROM {table} {of_span}", [(project, *key) for key in keys])
    return deleted


def has_contents(connection: Connection, project: int) -> bool:
    """Return True if any span of the project has content from log events."""
    return bool(connection.execute(_HAS_CONTENTS, (project,)).get)


def contents_in_traces(
    connection: Connection, project: int, trace_ids: Sequence[bytes]
) -> list[ContentSkeleton]:
    """Return the contents from log events of the spans of these traces, by span."""
    if not trace_ids:
        return []
    dialect = connection.dialect
    rows = connection.execute(
        "SELECT id, otel_trace_id, otel_span_id, finish_reason, input_preview, output_preview,"
        " output_text IS NOT NULL, request_body IS NOT NULL, response_body IS NOT NULL"
        f" FROM span_event_contents WHERE project = ? AND {dialect.in_array('otel_trace_id')}",
        (project, dialect.bytes_array(trace_ids)),
    )
    return [ContentSkeleton._make(row) for row in rows]


def content_column(connection: Connection, project: int, column: str, id: SqlValue) -> SqlValue:
    """Return a packed text or body; `column` is `output_text`, `request_body` or `response_body`."""
    return connection.execute(
        f"SELECT {column} FROM span_event_contents WHERE project = ? AND id = ?", (project, id)
    ).get


def read_raw_events(connection: Connection, project: int, after: EventPart | None, limit: int) -> RawEvents:
    """See `RawStore.read_events`."""
    follows = "" if after is None else " AND (otel_trace_id, otel_span_id, digest) > (?, ?, ?)"
    rows = connection.execute(
        "SELECT otel_trace_id, otel_span_id, digest, time_ns, rank, name, document FROM span_events"
        f" WHERE project = ?{follows} ORDER BY otel_trace_id, otel_span_id, digest LIMIT {limit:d}",
        (project, *(() if after is None else after[:3])),
    ).fetchall()
    parts = [_event_part(row) for row in rows]
    contents: dict[SpanKey, EventContent] = {}
    for key in dict.fromkeys((part.otel_trace_id, part.otel_span_id) for part in parts):
        found = connection.execute(
            f"SELECT {', '.join(EventContent._fields)} FROM span_event_contents"
            " WHERE project = ? AND otel_trace_id = ? AND otel_span_id = ?",
            (project, *key),
        ).fetchone()
        if found is not None:
            contents[key] = EventContent(*found)  # pyright: ignore[reportArgumentType]
    return RawEvents(parts, contents)


def put_raw_events(connection: Connection, project: int, events: RawEvents) -> None:
    """See `RawStore.put_events`."""
    parts = [_part_values(project, part) for part in events.parts]
    connection.executemany(f"{_SAVE_PART} ON CONFLICT DO NOTHING", parts)
    for key, content in events.contents.items():
        _save_content(connection, project, key, content)


def _parts_of(connection: Connection, project: int, key: SpanKey) -> Iterable[EventPart]:
    rows = connection.execute(
        "SELECT otel_trace_id, otel_span_id, digest, time_ns, rank, name, document FROM span_events"
        " WHERE project = ? AND otel_trace_id = ? AND otel_span_id = ?",
        (project, *key),
    )
    return map(_event_part, rows)


def _event_part(row: Values) -> EventPart:
    otel_trace_id, otel_span_id, digest, time_ns, rank, name, document = row
    return EventPart(
        otel_trace_id,
        otel_span_id,
        digest,
        (time_ns, rank),
        name,
        unpack(document),
    )


def _part_values(project: int, part: EventPart) -> tuple[SqlValue, ...]:
    time_ns, rank = part.order
    return (
        project,
        part.otel_trace_id,
        part.otel_span_id,
        part.digest,
        min(time_ns, _MAX_INT64),
        rank,
        part.name,
        pack(part.document),
    )


def _save_content(connection: Connection, project: int, key: SpanKey, content: EventContent) -> None:
    connection.execute(
        _SAVE_CONTENT,
        (
            project,
            *key,
            event_content_id(*key),
            content.finish_reason,
            content.input_preview,
            content.output_preview,
            content.output_text,
            content.request_body,
            content.response_body,
        ),
    )
