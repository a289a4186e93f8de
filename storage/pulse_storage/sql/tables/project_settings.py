"""Settings of a project from several tables, for copies."""

from __future__ import annotations

from pulse_storage.control_store import ProjectSettings
from pulse_storage.retention import policy_from_text
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.tables import erasures
from pulse_storage.sql.tables.prices import prices_of, put_prices
from pulse_storage.sql.tables.projects import existing_key, keys_of, project_named, put_key
from pulse_storage.sql.tables.watermarks import put_policy, read_watermarks


def read_settings(connection: Connection, project_id: str) -> ProjectSettings:
    """See `ControlStore.project_settings`."""
    key = existing_key(connection, project_id)
    policy = read_watermarks(connection, key).policy
    return ProjectSettings(
        project_named(connection, key),
        keys_of(connection, project_id),
        prices_of(connection, key),
        None if policy is None else policy_from_text(policy),
        erasures.of_project(connection, key, limit=None),
    )


def put_settings(connection: Connection, settings: ProjectSettings) -> None:
    """See `ControlStore.put_project_settings`."""
    project = settings.project
    connection.execute(
        "INSERT INTO projects (id, name, created_ns) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name, created_ns = excluded.created_ns",
        project,
    )
    key = existing_key(connection, project.id)
    for api_key in settings.keys:
        put_key(connection, key, api_key)
    if settings.prices is not None:
        put_prices(connection, project.id, settings.prices)
    put_policy(connection, key, None if settings.policy is None else settings.policy.as_text())
    for erasure in settings.erasures:
        erasures.put(connection, key, erasure)
