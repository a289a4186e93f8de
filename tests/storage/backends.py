"""Backend: what the conformance suite needs of each kind of store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pulse_storage import Store


class Backend(Protocol):
    """One kind of store."""

    @property
    def name(self) -> str: ...

    def open(self, folder: Path) -> Store:
        """Open the store that lives in this folder; it is empty at first."""
        ...

    def text(self, text: str) -> str:
        """Return a text as it is read back."""
        ...

    def damage_content(self, folder: Path) -> None:
        """Delete shared content that the last stored document needs. The store is closed."""
        ...

    def check(self, folder: Path) -> None:
        """Fail unless derived data agrees with the rows; remove the store. It is closed."""
        ...

    def release(self, folder: Path) -> None:
        """Remove a store that needs no check. It is closed."""
        ...


def lasting_store(backend: Backend, folder: Path) -> Iterator[Store]:
    """A store that many examples share, each in projects of its own; checked after the last."""
    storage = backend.open(folder)
    yield storage
    asyncio.run(storage.close())
    backend.check(folder)
