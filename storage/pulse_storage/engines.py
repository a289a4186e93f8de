"""Which engine a store's URL names, and what every engine can do with a URL."""

from __future__ import annotations

from typing import Protocol

from pulse_storage.adapter import StorageAdapter
from pulse_storage.errors import StoreUnusable
from pulse_storage.sqlite.engine import SqliteEngine

_POSTGRES_SCHEMES = ("postgresql", "postgres")


class Engine(Protocol):
    """A kind of store."""

    def open(self, url: str, *, max_queue_bytes: int) -> StorageAdapter:
        """The store, made and migrated if need be. Raises StoreUnusable, with what would mend it."""
        ...

    def pending(self, url: str) -> list[str]:
        """The migrations that `apply` would apply; writes nothing. Raises SchemaTooNew, StoreUnusable."""
        ...

    def apply(self, url: str) -> list[str]:
        """Apply what is missing and return its names. Safe to start any number of times at once.

        Raises SchemaTooNew if a newer Pulse has been here, StoreUnusable if the store is not ours.
        """
        ...

    def doubts(self, url: str) -> list[str]:
        """Why what was acknowledged could be lost all the same, each with its mend. Raises StoreUnusable."""
        ...


def is_postgres(url: str) -> bool:
    """Whether a URL names PostgreSQL."""
    return url.partition("://")[0] in _POSTGRES_SCHEMES


def engine_of(url: str) -> Engine:
    """The engine for a URL. Raises StoreUnusable if what it needs is not installed."""
    if not is_postgres(url):
        return SqliteEngine()
    try:
        from pulse_storage.postgres.engine import PostgresEngine
    except ImportError as error:
        raise StoreUnusable(
            "DATABASE_URL names PostgreSQL, whose driver is not installed;"
            f" run: pip install 'psycopg[binary]' ({error})"
        ) from error
    return PostgresEngine()
