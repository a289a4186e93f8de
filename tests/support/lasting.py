"""A store that the tests of a module share: opening one takes longer than most tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.storage.sql_backends import SqlBackend

from pulse_storage import Store, StoreUnavailable


@dataclass
class Lasting:
    """An open store in its folder. A test that needs an empty one calls `clear` at its end."""

    backend: SqlBackend
    folder: Path
    storage: Store

    async def clear(self) -> None:
        """Verify the rows, then delete all projects; open the store again if the test has closed it."""
        self.backend.verify(self.folder)
        try:
            await self.storage.list_projects()
        except StoreUnavailable:
            self.storage = self.backend.open(self.folder)
        for project in await self.storage.list_projects():
            await self.storage.delete_project(project.id)


def open_lasting(backend: SqlBackend, folder: Path) -> Iterator[Lasting]:
    """Open a store for the tests of a module; close and check it after the last."""
    lasting = Lasting(backend, folder, backend.open(folder))
    yield lasting
    asyncio.run(lasting.storage.close())
    backend.check(folder)
