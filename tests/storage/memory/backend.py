"""The in-memory store as a backend of the conformance suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.storage.memory.store import Memory, MemoryStore
from tests.storage.sql_backends import SqliteBackend

from pulse_storage import Store, combined_store


@dataclass
class MemoryBackend:
    """Rows in memory, projects and keys in an embedded SQLite store in the folder."""

    name: str = "memory"
    _opened: dict[Path, list[MemoryStore]] = field(default_factory=dict[Path, list[MemoryStore]])

    def open(self, folder: Path) -> Store:
        opened = [store for store in self._opened.get(folder, []) if not store.is_closed]
        control = SqliteBackend().open(folder)
        store = MemoryStore(opened[0].memory if opened else Memory(), control)
        self._opened[folder] = [*opened, store]
        return combined_store(store, control)

    def text(self, text: str) -> str:
        return text

    def damage_content(self, folder: Path) -> None:
        raise NotImplementedError

    def check(self, folder: Path) -> None:
        self.release(folder)

    def release(self, folder: Path) -> None:
        self._opened.pop(folder, None)
