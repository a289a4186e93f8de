"""Rows of `spans` as they are stored, read from one store and put into another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple, cast

from pulse_storage.content.documents import SharedDocument, pack_document
from pulse_storage.content.references import is_reference
from pulse_storage.reconciliation.skeletons import SpanKey
from pulse_storage.sql.connection import Connection, SqlValue, Values
from pulse_storage.sql.tables.blocks import read_document, save_documents
from pulse_storage.sql.tables.garbage import note_content_of
from pulse_storage.sql.tables.rollups import RollupDelta, UsageKeys
from pulse_storage.sql.tables.spans import BODY_COLUMNS, COLUMNS
from pulse_storage.sql.tables.watermarks import read_marks
from pulse_storage.sql.writing.sources import forget_only_source

_AT = {column: index for index, column in enumerate(COLUMNS)}
_KEY_FACTS = ("provider", "model_requested", "model_used", "operation", "status")
_FLAGS = ("model_call", "gen_ai", "has_output_text", "has_request_body", "has_response_body")
_HAS_BODIES = tuple(_AT[f"has_{column}"] for column in BODY_COLUMNS)
#: Bodies are carried in pieces of about this size.
PIECE_BYTES = 8 << 20


class RawRow(NamedTuple):
    """One row, without the numbers that only its own store knows."""

    id: bytes
    #: In the order of `spans.COLUMNS`; `project` is None, and `usage_key` tells whether the row counts.
    values: Values

    def value(self, column: str) -> SqlValue:
        """One of its columns."""
        return self.values[_AT[column]]

    @property
    def key(self) -> SpanKey:
        """The span's name within its project."""
        return cast("SpanKey", (self.value("otel_trace_id"), self.value("otel_span_id")))

    @property
    def has_bodies(self) -> bool:
        """Whether there is anything of it in `span_bodies`."""
        return any(self.values[at] for at in _HAS_BODIES)


#: Output text, request body and response body as rows carry them.
Bodies = tuple[bytes | None, bytes | SharedDocument | None, bytes | SharedDocument | None]
NO_BODIES: Bodies = (None, None, None)


def read_rows(connection: Connection, project: int, after: bytes, limit: int) -> list[RawRow]:
    """The rows of a project that follow an id, in the order of their ids."""
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM spans{connection.dialect.indexed_by('spans_by_id')}"
        f" WHERE project = ? AND id > ? ORDER BY id LIMIT {limit:d}",
        (project, after),
    )
    return [_raw(values) for values in rows]


def read_rows_until(connection: Connection, project: int, after: bytes, last: bytes) -> list[RawRow]:
    """The rows of a project after one id and up to another."""
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM spans{connection.dialect.indexed_by('spans_by_id')}"
        " WHERE project = ? AND id > ? AND id <= ? ORDER BY id",
        (project, after, last),
    )
    return [_raw(values) for values in rows]


def read_bodies(
    connection: Connection, project: int, project_id: str, rows: Sequence[RawRow]
) -> list[tuple[RawRow, Bodies]]:
    """The first of the rows with their bodies: as many as make a piece, and one at least."""
    carried: list[tuple[RawRow, Bodies]] = []
    size_bytes = 0
    keys = ", ".join(connection.dialect.row_key)
    for row in rows:
        bodies = NO_BODIES
        if row.has_bodies:
            found = connection.execute(
                f"SELECT {', '.join(BODY_COLUMNS)} FROM span_bodies WHERE ({keys}) ="
                f" (SELECT {keys} FROM spans WHERE project = ? AND id = ?)",
                (project, row.id),
            ).fetchone()
            if found is not None:
                text, *documents = found
                request, response = (
                    _carried(connection, project, project_id, row, stored) for stored in documents
                )
                bodies = (cast("bytes | None", text), request, response)
        carried.append((row, bodies))
        size_bytes += sum(len(body) for body in bodies if body is not None)
        if size_bytes > PIECE_BYTES:
            break
    return carried


def put_rows(
    connection: Connection,
    usage_keys: UsageKeys,
    project: int,
    rows: Sequence[tuple[RawRow, Bodies]],
    replaced: Mapping[bytes, RawRow],
) -> None:
    """Insert rows as they are, in place of those that stand in `replaced`; the sums move with them."""
    usage_keys.see_epoch(project, read_marks(connection, project).usage_epoch)
    delta = RollupDelta()
    old = [replaced[row.id] for row, _ in rows if row.id in replaced]
    _delete(connection, project, old)
    for sign, moved in ((-1, old), (1, [row for row, _ in rows])):
        for row in moved:
            if row.value("usage_key"):
                _move(delta, sign, usage_keys, project, row)
    shared = [body for _, bodies in rows for body in bodies if isinstance(body, SharedDocument)]
    references = iter(save_documents(connection, project, shared) if shared else ())
    values: list[Values] = []
    bodies_of: list[Values] = []
    for index, (row, bodies) in enumerate(rows):
        fields = list(row.values)
        fields[_AT["project"]] = project
        fields[_AT["usage_key"]] = _usage_key(usage_keys, project, row) if row.value("usage_key") else None
        values.append(tuple(fields))
        stored = [next(references) if isinstance(body, SharedDocument) else body for body in bodies]
        if row.has_bodies:
            bodies_of.append((index, *stored))
    connection.dialect.insert(connection, values, bodies_of)
    forget_only_source(connection, project)
    delta.write(connection)


def digest_of(rows: Iterable[RawRow], before: bytes = b"") -> bytes:
    """A checksum over rows in the order of their ids, and over what came before them."""
    digest = blake2b(before, digest_size=16)
    for row in rows:
        digest.update(repr(row.values).encode())
    return digest.digest()


def _raw(values: Values) -> RawRow:
    fields = list(values)
    fields[_AT["project"]] = None
    fields[_AT["usage_key"]] = fields[_AT["usage_key"]] is not None
    for flag in _FLAGS:
        fields[_AT[flag]] = bool(fields[_AT[flag]])
    return RawRow(cast("bytes", fields[_AT["id"]]), tuple(fields))


def _carried(
    connection: Connection, project: int, project_id: str, row: RawRow, stored: SqlValue
) -> bytes | SharedDocument | None:
    """A document as another store takes it: shared content is cut anew, the rest goes as it is."""
    if not isinstance(stored, bytes) or not is_reference(stored):
        return cast("bytes | None", stored)
    document = read_document(connection, project, stored, f"a document of the row {row.id.hex()}")
    return (
        None if document is None else pack_document(document, project_id, cast("int", row.value("start_ns")))
    )


def _delete(connection: Connection, project: int, rows: Sequence[RawRow]) -> None:
    keys = ", ".join(connection.dialect.row_key)
    for row in rows:
        row_key = connection.execute(
            f"SELECT {keys} FROM spans WHERE project = ? AND id = ?", (project, row.id)
        ).fetchone()
        if row_key is not None:
            note_content_of(connection, project, [row_key])
            named = " AND ".join(f"{column} = ?" for column in connection.dialect.row_key)
            for table in ("span_bodies", "spans"):
                connection.execute(f"DELETE FROM {table} WHERE {named}", row_key)


def _usage_key(usage_keys: UsageKeys, project: int, row: RawRow) -> int:
    provider, requested, used, operation, status = (row.value(fact) for fact in _KEY_FACTS)
    facts = cast(
        "tuple[str | None, str | None, str | None, str | None]", (provider, requested, used, operation)
    )
    return usage_keys.key((project, *facts, cast("str", status)))


def _move(delta: RollupDelta, sign: int, usage_keys: UsageKeys, project: int, row: RawRow) -> None:
    latency = row.value("latency_ms"), row.value("latency_bucket")
    usage = tuple(row.value(column) for column in ("input_tokens", "output_tokens", "cost_nano_usd"))
    delta.move(
        sign,
        (project, _usage_key(usage_keys, project, row)),
        cast("int", row.value("start_ns")),
        cast("tuple[float | None, int | None]", latency),
        cast("tuple[int | None, int | None, int | None]", usage),
        failed=row.value("status") == "error",
    )
