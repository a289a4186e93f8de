"""SqlRawStore: raw rows of a SQL store, for copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulse_storage.copying import ExpiredSums, RawBodies, RawEvents, RawRow
from pulse_storage.rows import EventPart
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.copy.expired_sums import put_expired, read_expired
from pulse_storage.sql.copy.raw_rows import put_rows, read_bodies, read_rows, read_rows_until
from pulse_storage.sql.maintenance.executor import MaintenanceExecutor
from pulse_storage.sql.tables.events import put_raw_events, read_raw_events
from pulse_storage.sql.tables.projects import existing_key
from pulse_storage.sql.writing.ingest import Ingest


class SqlRawStore:
    """See RawStore."""

    def __init__(self, executor: MaintenanceExecutor) -> None:
        self._executor = executor

    async def count_rows(self, project_id: str) -> int:
        """See RawStore."""
        found = await self._executor.read(
            lambda connection: (
                connection.execute(
                    "SELECT count(*) FROM spans WHERE project = ?", (existing_key(connection, project_id),)
                ).get
            )
        )
        return int(str(found))

    async def read_rows(self, project_id: str, after: bytes, limit: int) -> list[RawRow]:
        """See RawStore."""
        return await self._executor.read(
            lambda connection: read_rows(connection, existing_key(connection, project_id), after, limit)
        )

    async def read_rows_until(self, project_id: str, after: bytes, last: bytes) -> list[RawRow]:
        """See RawStore."""
        return await self._executor.read(
            lambda connection: read_rows_until(connection, existing_key(connection, project_id), after, last)
        )

    async def sanitized(self, rows: Sequence[RawRow]) -> list[RawRow]:
        """See RawStore."""
        return await self._executor.read(
            lambda connection: [
                row._replace(columns=connection.dialect.sanitized_columns(row.columns)) for row in rows
            ]
        )

    async def read_bodies(self, project_id: str, rows: Sequence[RawRow]) -> list[tuple[RawRow, RawBodies]]:
        """See RawStore."""
        return await self._executor.read(
            lambda connection: read_bodies(connection, existing_key(connection, project_id), project_id, rows)
        )

    async def put_rows(
        self, project_id: str, rows: Sequence[tuple[RawRow, RawBodies]], replaced: Mapping[bytes, RawRow]
    ) -> None:
        """See RawStore."""

        def write(connection: Connection, ingest: Ingest) -> None:
            ingest.forget_recent_ids()
            project = existing_key(connection, project_id)
            put_rows(connection, ingest.usage_keys, project, rows, replaced)

        await self._executor.write(write)

    async def read_events(self, project_id: str, after: EventPart | None, limit: int) -> RawEvents:
        """See RawStore."""
        return await self._executor.read(
            lambda connection: read_raw_events(connection, existing_key(connection, project_id), after, limit)
        )

    async def put_events(self, project_id: str, events: RawEvents) -> None:
        """See RawStore."""
        await self._executor.write(
            lambda connection, _: put_raw_events(connection, existing_key(connection, project_id), events)
        )

    async def read_expired(self, project_id: str) -> ExpiredSums:
        """See RawStore."""
        return await self._executor.read(
            lambda connection: read_expired(connection, existing_key(connection, project_id))
        )

    async def put_expired(self, project_id: str, sums: ExpiredSums) -> None:
        """See RawStore."""
        await self._executor.write(
            lambda connection, ingest: put_expired(
                connection, ingest.usage_keys, existing_key(connection, project_id), sums
            )
        )
