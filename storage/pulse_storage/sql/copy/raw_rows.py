"""Raw rows of `spans`: read from one store and written into another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from pulse_storage.content.documents import SharedDocument, pack_document
from pulse_storage.content.references import is_reference
from pulse_storage.copying import KeyFacts, RawBodies, RawRow
from pulse_storage.sql.connection import Connection, SqlValue, Values, row_condition
from pulse_storage.sql.copy.expired_sums import facts_of
from pulse_storage.sql.tables.blocks import read_document, save_documents
from pulse_storage.sql.tables.garbage import note_content_of
from pulse_storage.sql.tables.rollups import RollupDelta, UsageKeys
from pulse_storage.sql.tables.spans import BODY_COLUMNS, COLUMNS
from pulse_storage.sql.tables.watermarks import read_watermarks
from pulse_storage.sql.writing.sources import forget_only_source

_FLAGS = ("model_call", "gen_ai", "has_output_text", "has_request_body", "has_response_body")
#: The bodies of one call of `read_bodies` have about this size.
_PIECE_BYTES = 8 << 20


def read_rows(connection: Connection, project: int, after: bytes, limit: int) -> list[RawRow]:
    """See `RawStore.read_rows`."""
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM spans{connection.dialect.indexed_by('spans_by_id')}"
        f" WHERE project = ? AND id > ? ORDER BY id LIMIT {limit:d}",
        (project, after),
    )
    return [_raw(values) for values in rows]


def read_rows_until(connection: Connection, project: int, after: bytes, last: bytes) -> list[RawRow]:
    """See `RawStore.read_rows_until`."""
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM spans{connection.dialect.indexed_by('spans_by_id')}"
        " WHERE project = ? AND id > ? AND id <= ? ORDER BY id",
        (project, after, last),
    )
    return [_raw(values) for values in rows]


def read_bodies(
    connection: Connection, project: int, project_id: str, rows: Sequence[RawRow]
) -> list[tuple[RawRow, RawBodies]]:
    """See `RawStore.read_bodies`."""
    found_rows: list[tuple[RawRow, RawBodies]] = []
    size_bytes = 0
    keys = ", ".join(connection.dialect.row_key)
    for row in rows:
        bodies = RawBodies()
        if _has_bodies(row):
            found = connection.execute(
                f"SELECT {', '.join(BODY_COLUMNS)} FROM span_bodies WHERE ({keys}) ="
                f" (SELECT {keys} FROM spans WHERE project = ? AND id = ?)",
                (project, row.id),
            ).fetchone()
            if found is not None:
                text, *documents = found
                request, response = (
                    _portable(connection, project, project_id, row, stored) for stored in documents
                )
                bodies = RawBodies(cast("bytes | None", text), request, response)
        found_rows.append((row, bodies))
        size_bytes += sum(len(body) for body in bodies if body is not None)
        if size_bytes > _PIECE_BYTES:
            break
    return found_rows


def put_rows(
    connection: Connection,
    usage_keys: UsageKeys,
    project: int,
    rows: Sequence[tuple[RawRow, RawBodies]],
    replaced: Mapping[bytes, RawRow],
) -> None:
    """See `RawStore.put_rows`."""
    usage_keys.see_epoch(project, read_watermarks(connection, project).usage_epoch)
    delta = RollupDelta()
    old = [replaced[row.id] for row, _ in rows if row.id in replaced]
    _delete(connection, project, old)
    for sign, moved in ((-1, old), (1, [row for row, _ in rows])):
        for row in moved:
            if row.columns["counted"]:
                _move(delta, sign, usage_keys, project, row)
    shared = [body for _, bodies in rows for body in bodies if isinstance(body, SharedDocument)]
    references = iter(save_documents(connection, project, shared) if shared else ())
    values: list[Values] = []
    bodies_of: list[Values] = []
    for index, (row, bodies) in enumerate(rows):
        usage_key = _usage_key(usage_keys, project, row) if row.columns["counted"] else None
        columns = {**row.columns, "project": project, "usage_key": usage_key}
        values.append(tuple(columns[name] for name in COLUMNS))
        stored = [next(references) if isinstance(body, SharedDocument) else body for body in bodies]
        if _has_bodies(row):
            bodies_of.append((index, *stored))
    connection.dialect.insert(connection, values, bodies_of)
    forget_only_source(connection, project)
    delta.write(connection)


def _raw(values: Values) -> RawRow:
    columns = dict(zip(COLUMNS, values, strict=True))
    del columns["project"]
    columns["counted"] = columns.pop("usage_key") is not None
    for flag in _FLAGS:
        columns[flag] = bool(columns[flag])
    return RawRow(cast("bytes", columns["id"]), columns)


def _has_bodies(row: RawRow) -> bool:
    return any(row.columns[f"has_{column}"] for column in BODY_COLUMNS)


def _portable(
    connection: Connection, project: int, project_id: str, row: RawRow, stored: SqlValue
) -> bytes | SharedDocument | None:
    """Return a document as another store takes it: shared content is divided again."""
    if not isinstance(stored, bytes) or not is_reference(stored):
        return cast("bytes | None", stored)
    document = read_document(connection, project, stored, f"a document of the row {row.id.hex()}")
    return (
        None
        if document is None
        else pack_document(document, project_id, cast("int", row.columns["start_ns"]))
    )


def _delete(connection: Connection, project: int, rows: Sequence[RawRow]) -> None:
    keys = ", ".join(connection.dialect.row_key)
    for row in rows:
        row_key = connection.execute(
            f"SELECT {keys} FROM spans WHERE project = ? AND id = ?", (project, row.id)
        ).fetchone()
        if row_key is not None:
            note_content_of(connection, project, [row_key])
            where = row_condition(connection.dialect)
            for table in ("span_bodies", "spans"):
                connection.execute(f"DELETE FROM {table} WHERE {where}", row_key)


def _usage_key(usage_keys: UsageKeys, project: int, row: RawRow) -> int:
    facts = KeyFacts._make(cast("list[str]", [row.columns[fact] for fact in KeyFacts._fields]))
    return usage_keys.key(facts_of(project, facts))


def _move(delta: RollupDelta, sign: int, usage_keys: UsageKeys, project: int, row: RawRow) -> None:
    latency = row.columns["latency_ms"], row.columns["latency_bucket"]
    usage = tuple(row.columns[column] for column in ("input_tokens", "output_tokens", "cost_nano_usd"))
    delta.move(
        sign,
        (project, _usage_key(usage_keys, project, row)),
        cast("int", row.columns["start_ns"]),
        cast("tuple[float | None, int | None]", latency),
        cast("tuple[int | None, int | None, int | None]", usage),
        failed=row.columns["status"] == "error",
    )
