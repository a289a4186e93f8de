"""Brings the schema of a PostgreSQL database up to date, each migration in its own transaction."""

from __future__ import annotations

import time
from typing import LiteralString, cast

from pulse_storage.errors import StoreUnusable
from pulse_storage.postgres.connection import PostgresConnection
from pulse_storage.postgres.locks import SCHEMA
from pulse_storage.sql.migrations import Migration, missing

#: What must not be there when our migrations are not.
_OURS = ("projects", "spans", "span_bodies", "rollup_hour")


def pending_in(connection: PostgresConnection, place: str) -> list[str]:
    """The names that `apply_to` would apply; writes nothing. Raises SchemaTooNew, StoreUnusable."""
    return [migration.name for migration in _missing(connection, place)]


def apply_to(connection: PostgresConnection, place: str) -> list[str]:
    """Apply what is missing and return its names. Safe to start any number of times at once.

    What was applied stays if a later one fails or the process is killed. Raises SchemaTooNew if a newer
    Pulse has been here, StoreUnusable if the tables are not ours.
    """
    applied: list[str] = []
    while to_apply := _missing(connection, place):
        # Whoever waits for a table here holds up all who come after: it gives up after a while.
        connection.begin("", "lock_timeout = 30000; statement_timeout = 0")
        try:
            connection.execute("SELECT pg_advisory_xact_lock(?)", (SCHEMA,))
            # Another process may have been faster: look again, now that the lock is ours.
            if _missing(connection, place)[:1] == to_apply[:1]:
                _run(connection, to_apply[0])
                applied.append(to_apply[0].name)
            connection.commit()
        except BaseException:
            connection.roll_back()
            raise
    return applied


def _run(connection: PostgresConnection, migration: Migration) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations"
        " (name text PRIMARY KEY, checksum text NOT NULL, applied_ns bigint NOT NULL)"
    )
    # Many statements at once, none of them ours to bind.
    connection.raw.execute(cast("LiteralString", migration.sql))
    connection.execute(
        "INSERT INTO schema_migrations VALUES (?, ?, ?)",
        (migration.name, migration.checksum, time.time_ns()),
    )


def _missing(connection: PostgresConnection, place: str) -> list[Migration]:
    return missing("postgres", _applied(connection, place), place)


def _applied(connection: PostgresConnection, place: str) -> dict[str, str]:
    columns = connection.execute(
        "SELECT table_name::text, column_name::text FROM information_schema.columns"
        " WHERE table_schema = current_schema()"
    ).fetchall()
    tables = {table for table, _ in columns}
    ours = {column for table, column in columns if table == "schema_migrations"}
    if ours != {"name", "checksum", "applied_ns"}:
        if ours or tables.intersection(_OURS):
            raise StoreUnusable(
                f"cannot use {place}: it has tables of another program; point DATABASE_URL to a database"
                " of its own"
            )
        return {}
    rows = connection.execute("SELECT name, checksum FROM schema_migrations").fetchall()
    return {str(name): str(checksum) for name, checksum in rows}
