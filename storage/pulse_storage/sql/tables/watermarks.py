"""The watermarks of retention in the table `retention`."""

from __future__ import annotations

from pulse_storage.retention import NO_WATERMARKS, Watermarks, watermarks_at
from pulse_storage.sql.connection import Connection

_READ_WATERMARKS = "SELECT rows_from, content_from, policy, usage_epoch FROM retention WHERE project = ?"


def read_watermarks(connection: Connection, project: int) -> Watermarks:
    """Return the watermarks of a project as of this transaction."""
    found = connection.execute(_READ_WATERMARKS, (project,)).fetchone()
    if found is None:
        return NO_WATERMARKS
    rows_from, content_from, policy, usage_epoch = found
    return watermarks_at(rows_from, content_from, policy, usage_epoch)


def move_watermarks(
    connection: Connection, project: int, *, rows_from: bytes = b"", content_from: bytes
) -> None:
    """Store that everything below these ids has been deleted; watermarks never move back."""
    connection.execute(
        "INSERT INTO retention (project, rows_from, content_from) VALUES (?, ?, ?)"
        " ON CONFLICT (project) DO UPDATE SET"
        " rows_from = CASE WHEN excluded.rows_from > retention.rows_from"
        "  THEN excluded.rows_from ELSE retention.rows_from END,"
        " content_from = CASE WHEN excluded.content_from > retention.content_from"
        "  THEN excluded.content_from ELSE retention.content_from END",
        (project, rows_from, content_from),
    )


def put_policy(connection: Connection, project: int, policy: str | None) -> None:
    """Store the policy of a project as JSON; None applies the default."""
    connection.execute(
        "INSERT INTO retention (project, policy) VALUES (?, ?)"
        " ON CONFLICT (project) DO UPDATE SET policy = excluded.policy",
        (project, policy),
    )
