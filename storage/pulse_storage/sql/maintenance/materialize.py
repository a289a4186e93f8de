"""Copy referenced texts and bodies into surviving rows before their source is deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pulse_storage.reconciliation.skeletons import OwnValue
from pulse_storage.retention import RetentionPolicy
from pulse_storage.sql.connection import Connection, SqlValue, Values, row_condition
from pulse_storage.sql.maintenance.row_ranges import exempt_rows, rows_between
from pulse_storage.sql.tables.events import content_column
from pulse_storage.sql.tables.spans import own_json

#: Per kind of content: its column in `span_bodies`; in `spans`, the flag and the reference to another row.
_REFERENCED = (
    ("output_text", "has_output_text", "output_from"),
    ("request_body", "has_request_body", "request_from"),
    ("response_body", "has_response_body", "response_from"),
)


#: LIKE pattern (escape `!`) of `own` in rows with an overridden preview.
HAS_PREVIEW_OVERRIDE = '%!_preview"%'


def materialize_references(
    connection: Connection, project: int, first: bytes, before: bytes, policy: RetentionPolicy
) -> None:
    """Copy referenced content into exempt rows with ids in the range. Repeating it is harmless."""
    dialect = connection.dialect
    rows, kept = rows_between(project, first, before), exempt_rows(dialect, policy)
    referring = connection.execute(
        f"SELECT own, output_from, request_from, response_from, {', '.join(dialect.row_key)}"
        f" FROM spans WHERE {rows.sql} AND (output_from IS NOT NULL OR request_from IS NOT NULL"
        f" OR response_from IS NOT NULL OR own LIKE ? ESCAPE '!') AND {kept.sql}",
        (*rows.bindings, HAS_PREVIEW_OVERRIDE, *kept.bindings),
    ).fetchall()
    for own, *sources in referring:
        row_key = tuple(sources[len(_REFERENCED) :])
        for content, source in zip(_REFERENCED, sources, strict=False):
            if source is not None:
                _copy_body(connection, project, row_key, source, content)
        if own is not None:
            connection.execute(
                f"UPDATE spans SET own = ? WHERE {row_condition(dialect)}", (without_previews(own), *row_key)
            )


def without_previews(own: Any) -> str | None:
    """Return the column `own` without the previews."""
    values: Mapping[str, OwnValue] = orjson.loads(own)
    return own_json({name: value for name, value in values.items() if not name.endswith("_preview")})


def _copy_body(
    connection: Connection, project: int, row_key: Values, source: SqlValue, content: tuple[str, str, str]
) -> None:
    column, has, reference = content
    dialect = connection.dialect
    keys = ", ".join(dialect.row_key)
    packed = connection.execute(
        f"SELECT {column} FROM span_bodies WHERE ({keys}) ="
        f" (SELECT {keys} FROM spans WHERE project = ? AND id = ?)",
        (project, source),
    ).get
    if packed is None:
        packed = content_column(connection, project, column, source)
    if packed is not None:
        connection.execute(
            f"INSERT INTO span_bodies ({keys}, {column}) VALUES ({', '.join('?' * len(row_key))}, ?)"
            f" ON CONFLICT ({keys}) DO UPDATE SET {column} = excluded.{column}",
            (*row_key, packed),
        )
        connection.execute(f"UPDATE spans SET {has} = TRUE WHERE {row_condition(dialect)}", row_key)
    connection.execute(f"UPDATE spans SET {reference} = NULL WHERE {row_condition(dialect)}", row_key)
