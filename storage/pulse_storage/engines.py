"""Selects the engine of a store by its URL: opens, migrates, backs up and restores stores."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pulse_storage.adapter import StorageAdapter
from pulse_storage.control_store import ControlStore
from pulse_storage.errors import StoreUnusable
from pulse_storage.runtime.files import NoteBytes
from pulse_storage.runtime.read_priority import ReadPriority
from pulse_storage.sqlite.engine import SqliteEngine

_POSTGRES_SCHEMES = ("postgresql", "postgres")


class Store(StorageAdapter, ControlStore, Protocol):
    """An open store: rows and the control store that belongs to them."""


class Engine(Protocol):
    """A kind of store. Every method raises StoreUnusable, with what would fix it, if it cannot be used."""

    def open(self, url: str, *, max_queue_bytes: int, priority: ReadPriority) -> Store:
        """Open the store; create and migrate it if need be. Its reads have `priority` over its writer."""
        ...

    def pending(self, url: str) -> list[str]:
        """Return the migrations that `apply` would apply; write nothing. Raises SchemaTooNew."""
        ...

    def apply(self, url: str) -> list[str]:
        """Apply the pending migrations and return their names; several processes may do so at a time.

        Raises SchemaTooNew if a newer version of Pulse has migrated the store.
        """
        ...

    def durability_warnings(self, url: str) -> list[str]:
        """Return the server's settings that can lose committed data, each with the fix."""
        ...

    def space_warnings(self, url: str) -> list[str]:
        """Return why deleted data does not free disk space, each with the fix; [] if there is no store."""
        ...

    def back_up(self, url: str, file: Path, *, replace: bool, note: NoteBytes) -> int:
        """Write one consistent state of the store to `file` while it is in use; return the file's bytes.

        Raises StoreUnusable if the file exists and `replace` is False, or if it cannot be written.
        An engine that uses the server's own program never calls `note`.
        """
        ...

    def restore(self, file: Path, url: str, *, replace: bool, note: NoteBytes) -> Path | None:
        """Make a copy of a backup the store; return the new place of the previous store, if there was one.

        Raises StoreUnusable if there is a store and `replace` is False, if it is in use, if `file` is not a
        complete store that this version can read, and if the engine restores with a program of its own.
        """
        ...


def is_new(url: str) -> bool:
    """Return True if no migration has been applied yet. Raises SchemaTooNew, StoreUnusable."""
    return any(name.startswith("0001") for name in engine_of(url).pending(url))


def engine_of(url: str) -> Engine:
    """Return the engine for a URL. Raises StoreUnusable if its driver is not installed."""
    if url.partition("://")[0] not in _POSTGRES_SCHEMES:
        return SqliteEngine()
    try:
        from pulse_storage.postgres.engine import PostgresEngine
    except ImportError as error:
        raise StoreUnusable(
            "DATABASE_URL names PostgreSQL, whose driver is not installed;"
            f" run: pip install 'psycopg[binary]' ({error})"
        ) from error
    return PostgresEngine()
