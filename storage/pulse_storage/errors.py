"""Exceptions of a store.

    StorageError
    ├── StoreUnavailable     cannot write or read now; a retry may succeed (503)
    │   ├── StoreBusy        the write queue is full (503)
    │   └── QueryTooSlow     the query exceeds its time limit (503; a retry does not help)
    ├── StoreUnusable        cannot be opened; the message contains the fix
    │   └── SchemaTooNew     a newer Pulse has migrated it
    ├── NameTaken            another project has this name (409)
    └── InvalidCursor        the page cursor was not returned by this list (400 or 409)

An adapter never raises errors of its driver: it raises one of these `from` them. A row that the store cannot
represent is not an error: it is listed in `IngestResult.rejected`, and the other rows are stored.
"""

from __future__ import annotations


class StorageError(Exception):
    """Base class of the exceptions of a store."""


class StoreUnavailable(StorageError):
    """The store cannot write or read now: locked, disk full, connection lost, closed."""


class StoreBusy(StoreUnavailable):
    """The write queue is full (PULSE_MAX_QUEUE_MIB)."""


class QueryTooSlow(StoreUnavailable):
    """A query was cancelled because it exceeded its time limit."""


class StoreUnusable(StorageError):
    """The store cannot be opened; the message contains the file or URL and the fix."""


class SchemaTooNew(StoreUnusable):
    """The schema has migrations that this version does not know."""


class NameTaken(StorageError):
    """Another project has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is already a project named '{name}'")


class InvalidCursor(StorageError):
    """The cursor was not returned by this API; with `of_other_list`, perhaps by a list of another order."""

    def __init__(self, message: str, *, of_other_list: bool = False) -> None:
        super().__init__(message)
        self.of_other_list = of_other_list
