"""Applies migrations to a PostgreSQL database, each in its own transaction."""

from __future__ import annotations

import time
from typing import LiteralString, cast

from pulse_storage.errors import StoreUnusable
from pulse_storage.postgres.connection import PostgresConnection
from pulse_storage.postgres.locks import SCHEMA
from pulse_storage.sql.migrations import Migration, missing

#: Tables of Pulse. Without `schema_migrations`, they belong to another program.
_OURS = ("projects", "spans", "span_bodies", "rollup_hour")


def pending_in(connection: PostgresConnection, place: str) -> list[str]:
    """Return the names of the migrations that `apply_to` would apply. Raises SchemaTooNew, StoreUnusable."""
    return [migration.name for migration in _missing(connection, place)]


def apply_to(connection: PostgresConnection, place: str) -> list[str]:
    """Apply the missing migrations and return their names. Several processes may do so at once.

    Applied migrations stay if a later one fails or the process is killed. Raises SchemaTooNew for a database
    that a newer Pulse has migrated, StoreUnusable for tables of another program.
    """
    applied: list[str] = []
    while to_apply := _missing(connection, place):
        # A migration that waits for a table lock blocks all later statements, so it has a timeout.
        connection.begin("", "lock_timeout = 30000; statement_timeout = 0")
        try:
            connection.execute("SELECT pg_advisory_xact_lock(?)", (SCHEMA,))
            # Another process may have applied it before this one got the lock.
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
    # A file has several statements without bindings.
    connection.raw.execute(cast("LiteralString", migration.sql))
    connection.execute(
        "INSERT INTO schema_migrations VALUES (?, ?, ?)",
        (migration.name, migration.checksum, time.time_ns()),
    )


def _missing(connection: PostgresConnection, place: str) -> list[Migration]:
    return missing("postgres", _applied(connection, place), place)


def _applied(connection: PostgresConnection, place: str) -> dict[str, str]:
    # Not from information_schema, whose views take 10 ms of CPU.
    columns = connection.execute(
        "SELECT relname::text, attname::text FROM pg_class"
        " INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = current_schema()"
        " INNER JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped"
        f" WHERE relname IN {('schema_migrations', *_OURS)} AND relkind NOT IN ('i', 'I', 'c', 'S', 't')"
    ).fetchall()
    ours = {column for table, column in columns if table == "schema_migrations"}
    if ours != {"name", "checksum", "applied_ns"}:
        if columns:
            raise StoreUnusable(
                f"cannot use {place}: it has tables of another program; point DATABASE_URL to a database"
                " of its own"
            )
        return {}
    rows = connection.execute("SELECT name, checksum FROM schema_migrations").fetchall()
    return {str(name): str(checksum) for name, checksum in rows}
