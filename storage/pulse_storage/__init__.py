"""pulse_storage: rows, filters and the stores that keep them."""

from __future__ import annotations

from pulse_storage.adapter import IngestResult, StorageAdapter
from pulse_storage.errors import (
    InvalidCursor,
    SchemaTooNew,
    StorageError,
    StoreBusy,
    StoreUnavailable,
    StoreUnusable,
)
from pulse_storage.rows import ApiKey, Project, ProjectPrices, SpanRow, TraceRecord
from pulse_storage.sqlite.connection import sqlite_path
from pulse_storage.sqlite.storage import open_sqlite

__all__ = [
    "ApiKey",
    "IngestResult",
    "InvalidCursor",
    "Project",
    "ProjectPrices",
    "SchemaTooNew",
    "SpanRow",
    "StorageAdapter",
    "StorageError",
    "StoreBusy",
    "StoreUnavailable",
    "StoreUnusable",
    "TraceRecord",
    "open_storage",
]


def open_storage(url: str, *, max_queue_mib: int = 64) -> StorageAdapter:
    """The store that a URL names (`sqlite:///PATH`), made and migrated if need be.

    At most `max_queue_mib` of rows wait for its writer. Raises StoreUnusable, with what would mend it.
    """
    return open_sqlite(sqlite_path(url), max_queue_bytes=max_queue_mib << 20)
