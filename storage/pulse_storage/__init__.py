"""pulse_storage: rows, filters, the storage contract and its implementations."""

from __future__ import annotations

from pulse_storage.adapter import StorageAdapter
from pulse_storage.combined_store import combined_store
from pulse_storage.control_store import ControlStore
from pulse_storage.engines import Store, engine_of
from pulse_storage.errors import (
    InvalidCursor,
    SchemaTooNew,
    StorageError,
    StoreBusy,
    StoreUnavailable,
    StoreUnusable,
)
from pulse_storage.rows import ApiKey, IngestResult, Project, ProjectPrices, SpanRow, TraceRecord
from pulse_storage.runtime.read_priority import ReadPriority

__all__ = [
    "ApiKey",
    "ControlStore",
    "IngestResult",
    "InvalidCursor",
    "Project",
    "ProjectPrices",
    "ReadPriority",
    "SchemaTooNew",
    "SpanRow",
    "StorageAdapter",
    "StorageError",
    "Store",
    "StoreBusy",
    "StoreUnavailable",
    "StoreUnusable",
    "TraceRecord",
    "combined_store",
    "open_storage",
]


def open_storage(url: str, *, max_queue_mib: int = 64, priority: ReadPriority | None = None) -> Store:
    """Open the store of a URL (`sqlite:///PATH` or `postgresql://…`); create and migrate it if necessary.

    `max_queue_mib` is the maximum size of the write queue. `priority` delays other threads of the process
    while the store reads. Raises StoreUnusable with the fix.
    """
    priority = priority or ReadPriority()
    return engine_of(url).open(url, max_queue_bytes=max_queue_mib << 20, priority=priority)
