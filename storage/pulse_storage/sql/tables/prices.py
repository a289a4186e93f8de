"""Prices of projects, which override the default ones."""

from __future__ import annotations

from pulse_storage.rows import ProjectPrices
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.tables.projects import existing_key


def prices_of(connection: Connection, project: int) -> ProjectPrices | None:
    """Return the prices of a project; None if it has none."""
    row = connection.execute(
        "SELECT document, updated_ns FROM project_prices WHERE project = ?", (project,)
    ).fetchone()
    return None if row is None else ProjectPrices(row[0], row[1])


def put_prices(connection: Connection, project_id: str, prices: ProjectPrices) -> None:
    """Set or replace a project's prices. Raises KeyError if the project does not exist."""
    project = existing_key(connection, project_id)
    connection.execute(
        "INSERT INTO project_prices (project, document, updated_ns) VALUES (?, ?, ?)"
        " ON CONFLICT (project) DO UPDATE SET document = excluded.document, updated_ns = excluded.updated_ns",
        (project, *prices),
    )


def delete_prices(connection: Connection, project_id: str) -> bool:
    """Delete the prices of a project; return False if it has none."""
    deleted = connection.execute(
        "DELETE FROM project_prices WHERE project = (SELECT key FROM projects WHERE id = ?) RETURNING 1",
        (project_id,),
    ).fetchall()
    return bool(deleted)
