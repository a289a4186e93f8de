"""pulse_storage: rows, filters and the stores that keep them."""

from __future__ import annotations

from pulse_storage.adapter import StorageAdapter
from pulse_storage.engines import engine_of
from pulse_storage.errors import (
    InvalidCursor,
    SchemaTooNew,
    StorageError,
    StoreBusy,
    StoreUnavailable,
    StoreUnusable,
)
from pulse_storage.rows import ApiKey, IngestResult, Project, ProjectPrices, SpanRow, TraceRecord

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
    """The store that a URL names (`sqlite:///PATH` or `postgresql://…`), made and migrated if need be.

    At most `max_queue_mib` of rows wait for its writer. Raises StoreUnusable, with what would mend it.
    """
    return engine_of(url).open(url, max_queue_bytes=max_queue_mib << 20)
