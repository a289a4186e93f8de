"""Brings a store's schema up to date, and looks at it, whatever engine its URL names."""

from __future__ import annotations

from pulse_storage.engines import engine_of


def pending(url: str) -> list[str]:
    """The names that `apply` would apply; writes nothing. Raises SchemaTooNew, StoreUnusable."""
    return engine_of(url).pending(url)


def is_new(url: str) -> bool:
    """Return True if no migration has been applied yet. Raises SchemaTooNew, StoreUnusable."""
    return any(name.startswith("0001") for name in pending(url))


def apply(url: str) -> list[str]:
    """Apply what is missing and return its names. Safe to start any number of times at once.

    Raises SchemaTooNew if a newer Pulse has been here, StoreUnusable if the store is not ours.
    """
    return engine_of(url).apply(url)


def doubts(url: str) -> list[str]:
    """Why what was acknowledged could be lost all the same, each with its mend. Raises StoreUnusable."""
    return engine_of(url).doubts(url)
