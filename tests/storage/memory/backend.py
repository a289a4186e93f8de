"""The in-memory store as a backend of the conformance suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.storage.memory.control import Memory
from tests.storage.memory.store import MemoryStore


@dataclass
class MemoryBackend:
    name: str = "memory"
    _stores: dict[Path, tuple[Memory, list[MemoryStore]]] = field(
        default_factory=dict[Path, tuple[Memory, list[MemoryStore]]]
    )

    def open(self, folder: Path) -> MemoryStore:
        memory, stores = self._stores.get(folder, (Memory(), []))
        if all(store.is_closed for store in stores):
            memory, stores = Memory(), []
        self._stores[folder] = memory, stores
        stores.append(MemoryStore(memory))
        return stores[-1]

    def text(self, text: str) -> str:
        return text

    def damage_content(self, folder: Path) -> None:
        raise NotImplementedError

    def check(self, folder: Path) -> None:
        self.release(folder)

    def release(self, folder: Path) -> None:
        self._stores.pop(folder, None)
