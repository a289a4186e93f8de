"""Applies migrations to a SQLite file, each in its own transaction."""

from __future__ import annotations

import time
from pathlib import Path

import apsw

from pulse_storage.errors import StoreUnusable
from pulse_storage.sql.migrations import Migration, known, missing
from pulse_storage.sqlite.apsw_connection import ApswConnection
from pulse_storage.sqlite.connection import APPLICATION_ID, open_reader, unusable


def pending_in(path: Path) -> list[str]:
    """Return the names of the migrations that `apply_to` would apply. Raises SchemaTooNew, StoreUnusable."""
    if not path.exists() or path.stat().st_size == 0:
        return [migration.name for migration in known("sqlite")]
    connection = open_reader(path)
    try:
        return [migration.name for migration in _missing(connection, path)]
    except apsw.Error as error:
        raise unusable(path, error) from error
    finally:
        connection.close()


def apply_to(connection: ApswConnection, path: Path) -> list[str]:
    """Apply the missing migrations and return their names. Several processes may do so at once.

    Raises SchemaTooNew for a file that a newer Pulse has migrated, StoreUnusable for one of another program.
    """
    applied: list[str] = []
    try:
        while to_apply := _missing(connection, path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                # Another process may have applied it before this one got the lock.
                if _missing(connection, path)[:1] == to_apply[:1]:
                    _run(connection, to_apply[0])
                    applied.append(to_apply[0].name)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
    except apsw.Error as error:
        raise unusable(path, error) from error
    return applied


def _run(connection: ApswConnection, migration: Migration) -> None:
    connection.pragma("application_id", APPLICATION_ID)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations"
        " (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_ns INTEGER NOT NULL) STRICT"
    )
    connection.execute(migration.sql)
    connection.execute(
        "INSERT INTO schema_migrations VALUES (?, ?, ?)",
        (migration.name, migration.checksum, time.time_ns()),
    )


def _missing(connection: ApswConnection, path: Path) -> list[Migration]:
    return missing("sqlite", _applied(connection, path), path)


def _applied(connection: ApswConnection, path: Path) -> dict[str, str]:
    tables = {
        str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    }
    if "schema_migrations" not in tables:
        if tables or connection.pragma("application_id") not in (0, APPLICATION_ID):
            raise StoreUnusable(
                f"cannot use {path}: it is another program's database; point DATABASE_URL to another file"
            )
        return {}
    rows = connection.execute("SELECT name, checksum FROM schema_migrations").fetchall()
    return {str(name): str(checksum) for name, checksum in rows}
