"""What a store may raise.

    StorageError
    ├── StoreUnavailable     it cannot take or answer now; trying again may help (503)
    │   ├── StoreBusy        its queue is full (503)
    │   └── QueryTooSlow     the question takes longer than a query may (503; trying again does not help)
    ├── StoreUnusable        it cannot be opened as it is: the message says the mend
    │   └── SchemaTooNew     a newer Pulse has migrated it
    ├── NameTaken            another project has this name (409)
    └── InvalidCursor        the page cursor is not one of ours (400)

Driver errors never leave an adapter: it raises one of these `from` them. Rows that the store cannot hold
are not errors: `IngestResult.rejected` names them and their neighbours are stored.
"""

from __future__ import annotations


class StorageError(Exception):
    """Anything that a store raises."""


class StoreUnavailable(StorageError):
    """The store cannot do it now: locked, full disk, connection lost, shutting down."""


class StoreBusy(StoreUnavailable):
    """More rows wait for the writer than the settings allow."""


class QueryTooSlow(StoreUnavailable):
    """A query was cut short: what it asks for takes too long."""


class StoreUnusable(StorageError):
    """The store cannot be opened; the message names the file or URL and what would mend it."""


class SchemaTooNew(StoreUnusable):
    """The schema has migrations that this version does not know."""


class NameTaken(StorageError):
    """Another project has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is already a project named '{name}'")


class InvalidCursor(StorageError):
    """The cursor was not given out by this API."""
