"""What upkeep needs of a store: steps through the writer's queue, and space given back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from pulse_storage.runtime.writer import Writer
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.maintenance.partitions import Lot, Part, Table
from pulse_storage.sql.writing.ingest import Ingest

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_SEAL_TRIES = 5


class Maintained(Protocol):
    """The end of a store that writes, used by the writer's thread only."""

    def maintain(self, write: Callable[[Connection, Ingest], _Result], *, secure: bool) -> _Result:
        """Run and commit, or roll everything back; `secure`: what is deleted is overwritten, if it can be."""
        ...

    def whole_parts(self, table: Table) -> list[Part]:
        """The parts of a table that could be emptied at once, oldest first, if they hold anything."""
        ...

    def empty_part(self, part: Part, lots: Mapping[int, Lot]) -> Mapping[int, int] | None:
        """Empty a part if it holds just these projects' lots, and none of them keeps any of it.

        Answers by project the bytes of emptied bodies, or of log events that went with rows; None if
        nothing was done. Rows take along all that belongs to them but log events that are older than the
        end; their project's marks move.
        """
        ...

    def give_back(self) -> bool:
        """Return a bit of the free space to the file system; False if there is none worth it."""
        ...

    def compact(self) -> None:
        """Rewrite the store without free space."""
        ...

    def empty_log(self) -> bool:
        """See that nothing of what was deleted is in a log of ours; False if that must wait."""
        ...


class Readers(Protocol):
    """Threads that read."""

    async def run(self, read: Callable[[Connection], _Result]) -> _Result:
        """What `read` answers, on one snapshot."""
        ...


class Engine:
    """One store's writer and readers, for work that waits its turn behind whatever else is to be written."""

    def __init__(self, database: Maintained, writer: Writer, readers: Readers) -> None:
        self._database = database
        self._writer = writer
        self._readers = readers

    async def read(self, read: Callable[[Connection], _Result]) -> _Result:
        """What `read` answers of one snapshot."""
        return await self._readers.run(read)

    async def write(self, write: Callable[[Connection, Ingest], _Result], *, secure: bool = False) -> _Result:
        """Run and commit, or roll back; `secure`: nothing of what is deleted stays readable on disk."""
        return await self._queued(lambda: self._database.maintain(write, secure=secure))

    async def whole_parts(self, table: Table) -> list[Part]:
        """See Maintained."""
        return await self._queued(lambda: self._database.whole_parts(table))

    async def empty_part(self, part: Part, lots: Mapping[int, Lot]) -> Mapping[int, int] | None:
        """See Maintained."""
        return await self._queued(lambda: self._database.empty_part(part, lots))

    async def give_back(self) -> bool:
        """Return a bit of the free space to the file system; False if there is none worth it."""
        return await self._queued(self._database.give_back)

    async def compact(self) -> None:
        """Rewrite the store without free space; whoever wants to write waits meanwhile."""
        await self._queued(self._database.compact)

    async def seal(self) -> None:
        """See that what was deleted securely is in no log any more."""
        for _ in range(_SEAL_TRIES):
            if await self._queued(self._database.empty_log):
                return
        _log.warning(
            "readers keep the log in use: what was erased leaves it with one of the next checkpoints"
        )

    async def _queued(self, run: Callable[[], _Result]) -> _Result:
        return await asyncio.shield(asyncio.wrap_future(self._writer.run(run)))
