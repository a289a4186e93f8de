"""Records the blocks of shared content that deleted rows referred to, for mark and sweep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pulse_storage.content.references import Damaged, Reference, decode, is_reference
from pulse_storage.sql.connection import Connection, SqlValue, Values, row_condition

_SHARED = ("request_body", "response_body")
_NOTE = (
    "INSERT INTO content_garbage (project, week, block) VALUES (?, ?, ?)"
    " ON CONFLICT (project, week, block) DO NOTHING"
)


def note_content_of(connection: Connection, project: int, row_keys: Iterable[Values]) -> None:
    """Record the blocks that these rows refer to. Call it before their bodies are deleted."""
    select = f"SELECT {', '.join(_SHARED)} FROM span_bodies WHERE {row_condition(connection.dialect)}"
    for row_key in row_keys:
        _note(connection, project, connection.execute(select, row_key))


def note_content_between(
    connection: Connection, project: int, rows: str, bindings: Sequence[SqlValue]
) -> None:
    """Record the blocks that the rows of `spans` that meet a condition refer to."""
    row_key = ", ".join(connection.dialect.row_key)
    bodies = connection.execute(
        f"SELECT {', '.join(_SHARED)} FROM span_bodies"
        f" WHERE ({row_key}) IN (SELECT {row_key} FROM spans WHERE {rows})",
        bindings,
    )
    _note(connection, project, bodies)


def references_in(bodies: Iterable[SqlValue]) -> Iterator[Reference]:
    """Yield the references among stored bodies; skip damaged ones."""
    for stored in bodies:
        if isinstance(stored, bytes) and is_reference(stored):
            try:
                yield decode(stored)
            except Damaged:
                continue


def _note(connection: Connection, project: int, bodies: Iterable[Values]) -> None:
    blocks = {
        (project, reference.week, extent.block)
        for row in bodies
        for reference in references_in(row)
        for extent in reference.extents
    }
    if blocks:
        connection.executemany(_NOTE, sorted(blocks))


def weeks_with_garbage(connection: Connection, project: int) -> list[int]:
    """Return the weeks that may have unreferenced content, oldest first."""
    rows = connection.execute(
        "SELECT DISTINCT week FROM content_garbage WHERE project = ? ORDER BY week", (project,)
    )
    return [week for (week,) in rows]
