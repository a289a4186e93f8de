"""The rows that one step of retention is about: a range of ids, without those that the policy keeps."""

from __future__ import annotations

from typing import NamedTuple

from pulse_storage.retention import RetentionPolicy
from pulse_storage.sql.connection import Connection, SqlDialect, SqlValue


class Dropped(NamedTuple):
    """What one step has dropped."""

    #: Whether nothing is left to be dropped.
    done: bool
    rows: int = 0
    #: Rows that had content.
    contents: int = 0
    #: Of packed content, of the rows' texts, and of log events.
    size_bytes: int = 0
    #: Up to this id, rows that stay have what they borrowed.
    saved: bytes = b""
    #: Where the next step begins.
    end: bytes = b""


class Range(NamedTuple):
    """SQL that selects rows of `spans`, and what is bound to it."""

    sql: str
    bindings: tuple[SqlValue, ...]


def next_end(connection: Connection, project: int, first: bytes, before: bytes, limit: int) -> bytes:
    """Where a step that begins at id `first` and takes `limit` rows must end; at most `before`."""
    found = connection.execute(
        f"SELECT id FROM spans{connection.dialect.indexed_by('spans_by_id')}"
        " WHERE project = ? AND id >= ? AND id < ?"
        f" ORDER BY id LIMIT 1 OFFSET {limit:d}",
        (project, first, before),
    ).get
    return before if found is None else found


def rows_between(project: int, first: bytes, before: bytes) -> Range:
    """All rows with ids in a half-open range."""
    return Range("project = ? AND id >= ? AND id < ?", (project, first, before))


def dropped_between(
    dialect: SqlDialect, project: int, first: bytes, before: bytes, policy: RetentionPolicy
) -> Range:
    """Those of the rows in a half-open range of ids that the policy does not keep."""
    rows = rows_between(project, first, before)
    if not policy.has_exemptions:
        return rows
    kept = exempt_rows(dialect, policy)
    return Range(f"{rows.sql} AND NOT {kept.sql}", (*rows.bindings, *kept.bindings))


def exempt_rows(dialect: SqlDialect, policy: RetentionPolicy) -> Range:
    """The rows that no limit touches."""
    terms = ["status = 'error'"] if policy.keep_errors else []
    # Rows without tags have NULL there, of which no term holds, and neither does its contrary.
    terms += [f"coalesce({dialect.has_tag()}, FALSE)"] * len(policy.keep_tags)
    return Range(f"({' OR '.join(terms) or 'FALSE'})", policy.keep_tags)
