"""Brings a store's schema up to date: numbered SQL files, each applied once and in its own transaction."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import apsw

from pulse_storage.errors import SchemaTooNew, StoreUnusable
from pulse_storage.sqlite.connection import (
    APPLICATION_ID,
    open_reader,
    open_writer,
    sqlite_path,
    unusable,
)
from pulse_storage.sqlite.sql import Connection


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file; a file that was released is never edited."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, as kept in `schema_migrations`."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def known() -> list[Migration]:
    """The migrations of this version, in order."""
    folder = resources.files("pulse_storage") / "migrations" / "sqlite"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return [
        Migration(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in sorted(files, key=lambda file: file.name)
    ]


def pending(url: str) -> list[str]:
    """The names that `apply` would apply; writes nothing. Raises SchemaTooNew, StoreUnusable."""
    path = sqlite_path(url)
    if not path.exists() or path.stat().st_size == 0:
        return [migration.name for migration in known()]
    connection = open_reader(path)
    try:
        return [migration.name for migration in _missing(connection, path)]
    except apsw.Error as error:
        raise unusable(path, error) from error
    finally:
        connection.close()


def apply(url: str) -> list[str]:
    """Apply what is missing and return its names. Safe to start any number of times at once.

    Raises SchemaTooNew if a newer Pulse has been here, StoreUnusable if the file is not ours.
    """
    path = sqlite_path(url)
    connection = open_writer(path)
    try:
        return apply_to(connection, path)
    finally:
        connection.close()


def apply_to(connection: Connection, path: Path) -> list[str]:
    """`apply`, on a connection that can write."""
    applied: list[str] = []
    try:
        while missing := _missing(connection, path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                # Another process may have been faster: look again, now that the lock is ours.
                if _missing(connection, path)[:1] == missing[:1]:
                    _run(connection, missing[0])
                    applied.append(missing[0].name)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
    except apsw.Error as error:
        raise unusable(path, error) from error
    return applied


def _run(connection: Connection, migration: Migration) -> None:
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


def _missing(connection: Connection, path: Path) -> list[Migration]:
    applied = _applied(connection, path)
    ours = {migration.name: migration.checksum for migration in known()}
    unknown = sorted(applied.keys() - ours.keys())
    if unknown:
        raise SchemaTooNew(
            f"cannot use {path}: its schema has {unknown[-1]}, which this version does not know; "
            "run the Pulse version that wrote it, or a newer one"
        )
    changed = sorted(name for name, checksum in applied.items() if ours[name] != checksum)
    if changed:
        raise StoreUnusable(
            f"cannot use {path}: {changed[0]} differs from the migration that was applied to it"
        )
    return [migration for migration in known() if migration.name not in applied]


def _applied(connection: Connection, path: Path) -> dict[str, str]:
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
