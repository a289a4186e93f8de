"""MaintenanceExecutor: steps of maintenance in the writer's queue, and their reads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from pulse_storage.runtime.writer import Writer
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.database import MaintenanceBackend, Readers
from pulse_storage.sql.maintenance.partitions import PartitionRange, PartitionShare, Table
from pulse_storage.sql.writing.ingest import Ingest

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_PURGE_TRIES = 5


class MaintenanceExecutor:
    """Runs each step as one unit in the queue of the store's writer, behind what waits there already."""

    def __init__(self, backend: MaintenanceBackend, writer: Writer, readers: Readers) -> None:
        self._backend = backend
        self._writer = writer
        self._readers = readers

    async def read(self, read: Callable[[Connection], _Result]) -> _Result:
        """Return the result of `read` on one snapshot."""
        return await self._readers.run(read)

    async def write(self, write: Callable[[Connection, Ingest], _Result], *, secure: bool = False) -> _Result:
        """Run `write` and commit, or roll back; with `secure`, deleted data is not readable on disk."""
        return await self._queued(lambda: self._backend.maintain(write, secure=secure))

    async def droppable_partitions(self, table: Table) -> list[PartitionRange]:
        """See MaintenanceBackend."""
        return await self._queued(lambda: self._backend.droppable_partitions(table))

    async def truncate_partition(
        self, part: PartitionRange, shares: Mapping[int, PartitionShare]
    ) -> Mapping[int, int] | None:
        """See MaintenanceBackend."""
        return await self._queued(lambda: self._backend.truncate_partition(part, shares))

    async def release_free_space(self) -> bool:
        """See MaintenanceBackend."""
        return await self._queued(self._backend.release_free_space)

    async def compact(self) -> None:
        """See MaintenanceBackend; writers wait meanwhile."""
        await self._queued(self._backend.compact)

    async def purge_wal(self) -> None:
        """Remove securely deleted data from the log; log a warning if readers prevent it for too long."""
        for _ in range(_PURGE_TRIES):
            if await self._queued(self._backend.truncate_wal):
                return
        _log.warning(
            "readers keep the write-ahead log in use: a later checkpoint removes erased data from it"
        )

    async def _queued(self, run: Callable[[], _Result]) -> _Result:
        return await asyncio.shield(asyncio.wrap_future(self._writer.run(run)))
