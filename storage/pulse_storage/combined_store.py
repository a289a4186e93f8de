"""Combines a store of rows with the control store of another store, for a store without transactions."""

from __future__ import annotations

from typing import Any, cast

from pulse_storage.adapter import StorageAdapter
from pulse_storage.engines import Store


def combined_store(rows: StorageAdapter, control: Store) -> Store:
    """Return a store that keeps rows in one store, and projects, keys and settings in another.

    A method of `ControlStore` that `rows` has too is called there: it can note which projects exist, and
    call that of `control` itself. The rows of `control` are not used. `close` closes both.
    """
    return cast("Store", _CombinedStore(rows, control))


class _CombinedStore:
    def __init__(self, rows: StorageAdapter, control: Store) -> None:
        self._rows = rows
        self._control = control

    def __getattr__(self, name: str) -> Any:
        """Return the attribute of `rows`; one that only a `ControlStore` has is that of `control`."""
        return getattr(self._rows if hasattr(self._rows, name) else self._control, name)

    async def close(self) -> None:
        """See StorageAdapter."""
        await self._rows.close()
        await self._control.close()
