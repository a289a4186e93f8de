"""The ends of a SQL store that engines implement: one connection that writes, threads that read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from pulse_storage.rows import Assemble, EventPart, IngestResult
from pulse_storage.runtime.writer import CommitTarget
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.maintenance.partitions import PartitionRange, PartitionShare, Table
from pulse_storage.sql.writing.ingest import Ingest

_Result = TypeVar("_Result")


class MaintenanceBackend(Protocol):
    """What maintenance needs of the connection that writes; called by the writer's thread only."""

    def maintain(self, write: Callable[[Connection, Ingest], _Result], *, secure: bool) -> _Result:
        """Run `write` and commit, or roll back; with `secure`, overwrite deleted data if the engine can."""
        ...

    def droppable_partitions(self, table: Table) -> list[PartitionRange]:
        """Return the partitions of a table that can be truncated, without empty ones, oldest first."""
        ...

    def truncate_partition(
        self, part: PartitionRange, shares: Mapping[int, PartitionShare]
    ) -> Mapping[int, int] | None:
        """Truncate a partition if it has exactly these projects' shares and no exempt row among them.

        Returns the bytes of truncated bodies by project (for `spans`: of deleted log events); None if nothing
        was done. Everything that belongs to the rows is deleted with them, except log events older than the
        partition's end; watermarks move.
        """
        ...

    def release_free_space(self) -> bool:
        """Return some free space to the file system; False if there is not enough of it."""
        ...

    def compact(self) -> None:
        """Return free space to the system: rewrite a SQLite file, vacuum PostgreSQL."""
        ...

    def truncate_wal(self) -> bool:
        """Remove deleted data from the engine's log, if the log is ours; False if that must wait."""
        ...


class SqlDatabase(CommitTarget, MaintenanceBackend, Protocol):
    """The connection that writes; called by the writer's thread only."""

    def store_events(self, project_id: str, parts: Sequence[EventPart], assemble: Assemble) -> IngestResult:
        """Commit log events and what they change."""
        ...

    def transact(self, write: Callable[[Connection], _Result]) -> _Result:
        """Run `write` and commit, or roll back."""
        ...

    def close(self) -> None:
        """Close the connection. Repeating it is harmless."""
        ...


class Readers(Protocol):
    """Threads that read, each with a connection."""

    async def run(self, read: Callable[[Connection], _Result]) -> _Result:
        """Return the result of `read` on one snapshot. Raises StoreUnavailable, also after its time limit."""
        ...

    def close(self) -> None:
        """Cancel the reads in progress, then close the connections. Blocks for a moment."""
        ...
