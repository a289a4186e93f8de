"""Ranges of ids with the rows that a step of retention deletes, and the exempt rows among them."""

from __future__ import annotations

from typing import NamedTuple

from pulse_storage.retention import RetentionPolicy
from pulse_storage.sql.connection import Connection, SqlDialect, SqlValue


class Dropped(NamedTuple):
    """The result of one step: the data it deleted, and the id at which it ended."""

    #: True if nothing is left to be deleted.
    done: bool
    rows: int = 0
    #: Rows that had content.
    contents: int = 0
    #: Bytes of compressed content, of the rows' texts and of log events.
    size_bytes: int = 0
    #: Referenced content has been copied into all remaining rows up to this id.
    saved: bytes = b""
    #: The id from which the next step begins.
    end: bytes = b""


class Range(NamedTuple):
    """An SQL condition on rows of `spans`, and its bindings."""

    sql: str
    bindings: tuple[SqlValue, ...]


def next_end(connection: Connection, project: int, first: bytes, before: bytes, limit: int) -> bytes:
    """Return the id where a step of `limit` rows from id `first` ends; at most `before`."""
    found = connection.execute(
        f"SELECT id FROM spans{connection.dialect.indexed_by('spans_by_id')}"
        " WHERE project = ? AND id >= ? AND id < ?"
        f" ORDER BY id LIMIT 1 OFFSET {limit:d}",
        (project, first, before),
    ).get
    return before if found is None else found


def rows_between(project: int, first: bytes, before: bytes) -> Range:
    """Select all rows with ids in a half-open range."""
    return Range("project = ? AND id >= ? AND id < ?", (project, first, before))


def dropped_between(
    dialect: SqlDialect, project: int, first: bytes, before: bytes, policy: RetentionPolicy
) -> Range:
    """Select the rows with ids in a half-open range that are not exempt."""
    rows = rows_between(project, first, before)
    if not policy.has_exemptions:
        return rows
    kept = exempt_rows(dialect, policy)
    return Range(f"{rows.sql} AND NOT {kept.sql}", (*rows.bindings, *kept.bindings))


def exempt_rows(dialect: SqlDialect, policy: RetentionPolicy) -> Range:
    """Select the exempt rows: the SQL form of `RetentionPolicy.exempts`."""
    terms = ["status = 'error'"] if policy.keep_errors else []
    # Rows without tags have NULL there, of which no term holds, and neither does its contrary.
    terms += [f"coalesce({dialect.has_tag()}, FALSE)"] * len(policy.keep_tags)
    return Range(f"({' OR '.join(terms) or 'FALSE'})", policy.keep_tags)
