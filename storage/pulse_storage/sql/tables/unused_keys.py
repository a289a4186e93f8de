"""Deletes usage keys that neither rows nor rollups refer to."""

from __future__ import annotations

from pulse_storage.sql.connection import Connection

#: `calls` counts the rows of a key. Rollups may outlive their rows (retention), so they are read too.
_IS_UNUSED = (
    "project = ? AND calls <= 0"
    " AND key NOT IN (SELECT usage_key FROM rollup_hour WHERE project = ?)"
    " AND key NOT IN (SELECT usage_key FROM latency_day WHERE project = ?)"
)


def last_unused_key(connection: Connection, project: int, limit: int) -> int | None:
    """Return the largest of the first `limit` usage keys that nothing refers to; None if there is none."""
    return connection.execute(
        f"SELECT max(key) FROM (SELECT key FROM usage_keys WHERE {_IS_UNUSED}"
        f" ORDER BY key LIMIT {limit:d}) AS unused",
        (project, project, project),
    ).get


def delete_unused_keys(connection: Connection, project: int, last: int) -> int:
    """Delete the usage keys up to `last` that nothing refers to, and return how many.

    Caches of other processes may have these keys: the increased epoch of the project makes them clear those.
    Run it while no other process stores spans.
    """
    before = _count(connection, project)
    connection.execute(
        f"DELETE FROM usage_keys WHERE {_IS_UNUSED} AND key <= ?", (project, project, project, last)
    )
    deleted = before - _count(connection, project)
    if deleted:
        connection.execute(
            "INSERT INTO retention (project, usage_epoch) VALUES (?, 1)"
            " ON CONFLICT (project) DO UPDATE SET usage_epoch = retention.usage_epoch + 1",
            (project,),
        )
    return deleted


def _count(connection: Connection, project: int) -> int:
    return connection.execute("SELECT count(*) FROM usage_keys WHERE project = ?", (project,)).get
