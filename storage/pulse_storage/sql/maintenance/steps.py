"""MaintenanceSteps: each step of retention and erasure as one read or one transaction."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

from pulse_storage.ids import time_floor, time_of
from pulse_storage.maintenance import MAINTENANCE_LEASE, Erasure, HourSizes, Subject
from pulse_storage.retention import RetentionPolicy, Watermarks, policy_from_text
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.maintenance.content_gc import is_swept, sweep
from pulse_storage.sql.maintenance.executor import MaintenanceExecutor
from pulse_storage.sql.maintenance.expiry import Step, drop_content, drop_rows
from pulse_storage.sql.maintenance.partition_drop import Horizon, drop_partitions
from pulse_storage.sql.maintenance.policy_change import FormerlyExempt, find_formerly_exempt
from pulse_storage.sql.maintenance.row_ranges import Dropped
from pulse_storage.sql.maintenance.sizes import (
    add_shared_content,
    log_event_sizes,
    shared_content_bytes,
    sizes_between,
)
from pulse_storage.sql.tables import erasures, leases
from pulse_storage.sql.tables.projects import existing_key, project_key
from pulse_storage.sql.tables.unused_keys import delete_unused_keys, last_unused_key
from pulse_storage.sql.tables.watermarks import read_watermarks
from pulse_storage.sql.writing.ingest import Ingest

#: Rows of one step: the writer is busy for some tens of milliseconds.
STEP_ROWS = 1_000
_ERASE_ROWS = 500
_SIZE_ROWS = 20_000
_LAST_ID = b"\xff" * 16


class MaintenanceSteps:
    """The steps of one store. Methods name a project by its id and raise KeyError if there is none."""

    def __init__(self, executor: MaintenanceExecutor) -> None:
        self._executor = executor

    async def policy(self, project_id: str) -> RetentionPolicy | None:
        """Return the project's own policy; None if the default applies."""
        watermarks = await self._executor.read(
            lambda connection: read_watermarks(connection, existing_key(connection, project_id))
        )
        text = watermarks.policy
        return None if text is None else policy_from_text(text)

    async def watermarks(self, project_id: str) -> Watermarks:
        """Return how far retention has deleted the project's data."""
        return await self._executor.read(
            lambda connection: read_watermarks(connection, _number(connection, project_id))
        )

    async def sizes(
        self, project_id: str, before_ns: int | None, policy: RetentionPolicy, sweep_before_ns: int | None
    ) -> dict[int, HourSizes]:
        """Return the sizes of calls that began before a time, by hour; read in several steps.

        Shared content is added only of the weeks that a sweep up to `sweep_before_ns` reaches.
        """
        sizes: dict[int, HourSizes] = {}
        first, before = b"", _LAST_ID if before_ns is None else time_floor(before_ns)
        while first < before:

            def read(connection: Connection, first: bytes = first) -> tuple[dict[int, HourSizes], bytes]:
                return sizes_between(
                    connection, _number(connection, project_id), first, before, policy, _SIZE_ROWS
                )

            found, first = await self._executor.read(read)
            for hour, more in found.items():
                sizes.setdefault(hour, HourSizes()).add(more)
        last_ns = (1 << 63) - 1 if before_ns is None else before_ns
        events = await self._executor.read(
            lambda connection: log_event_sizes(connection, _number(connection, project_id), last_ns)
        )
        for hour, more in events.items():
            sizes.setdefault(hour, HourSizes()).add(more)
        shared = await self._executor.read(
            lambda connection: shared_content_bytes(connection, _number(connection, project_id))
        )
        add_shared_content(
            sizes, {week: size for week, size in shared.items() if is_swept(week, sweep_before_ns)}
        )
        return sizes

    async def formerly_exempt(
        self,
        project_id: str,
        policy: RetentionPolicy,
        before: FormerlyExempt,
        between: Callable[[], Awaitable[None]],
    ) -> FormerlyExempt:
        """See `find_formerly_exempt`."""
        project = await self._executor.read(lambda connection: _number(connection, project_id))
        return await find_formerly_exempt(self._executor, project, policy, before, between)

    async def drop_content(
        self, project_id: str, before_ns: int, policy: RetentionPolicy, last: Dropped
    ) -> Dropped:
        """Delete the oldest content of calls that began before a time: one step."""
        return await self._drop(drop_content, project_id, before_ns, policy, last)

    async def drop_rows(
        self, project_id: str, before_ns: int, policy: RetentionPolicy, last: Dropped
    ) -> Dropped:
        """Delete the oldest rows of calls that began before a time: one step."""
        return await self._drop(drop_rows, project_id, before_ns, policy, last)

    async def _drop(
        self,
        drop: Callable[[Connection, Step], Dropped],
        project_id: str,
        before_ns: int,
        policy: RetentionPolicy,
        last: Dropped,
    ) -> Dropped:
        def write(connection: Connection, _: Ingest) -> Dropped:
            step = Step(_number(connection, project_id), time_floor(before_ns), policy, STEP_ROWS, last)
            return drop(connection, step)

        return await self._executor.write(write)

    async def drop_partitions(
        self, horizons: Mapping[str, Horizon]
    ) -> AsyncGenerator[list[tuple[str, Dropped]]]:
        """Truncate the partitions that are expired for all their projects.

        Yields after each step what it deleted, with the project's id. What remains is deleted by `drop_rows`
        and `drop_content`, to be called afterwards.
        """
        ids = await self._executor.read(
            lambda connection: {_number(connection, project_id): project_id for project_id in horizons}
        )
        async with aclosing(
            drop_partitions(self._executor, {key: horizons[id] for key, id in ids.items()})
        ) as steps:
            async for dropped in steps:
                yield [(ids[key], of_project) for key, of_project in dropped]

    async def drop_unused_keys(self, project_id: str) -> int:
        """Delete some usage keys that nothing refers to, and return how many; 0: none are left."""
        project = await self._executor.read(lambda connection: _number(connection, project_id))
        last = await self._executor.read(lambda connection: last_unused_key(connection, project, STEP_ROWS))
        if last is None:
            return 0
        return await self._executor.write(lambda connection, _: delete_unused_keys(connection, project, last))

    async def share_before(self, project_id: str, before_ns: int) -> float:
        """Return the share of a project's rows that began before a time; 0 to 1."""

        def read(connection: Connection) -> float:
            project = _number(connection, project_id)
            count = (
                f"SELECT count(*) FROM spans{connection.dialect.indexed_by('spans_by_id')} WHERE project = ?"
            )
            rows = connection.execute(count, (project,)).get
            old = connection.execute(f"{count} AND id < ?", (project, time_floor(before_ns))).get
            return int(str(old)) / max(int(str(rows)), 1)

        return await self._executor.read(read)

    async def erase_step(self, erasure_id: str) -> Erasure:
        """Delete some hundred more rows of an order; when it is finished, purge them from the log."""

        def write(connection: Connection, ingest: Ingest) -> Erasure:
            return erasures.step(connection, erasure_id, time.time_ns(), ingest.remove, _ERASE_ROWS)

        erasure = await self._executor.write(write, secure=True)
        if erasure.finished_ns is not None:
            await self._executor.purge_wal()
        return erasure

    async def count_erasable(self, project_id: str, subject: Subject, value: str) -> tuple[int, int]:
        """Return how many rows an erasure would select, and how many of them are counted calls."""
        return await self._executor.read(
            lambda connection: erasures.matching_rows(
                connection, existing_key(connection, project_id), subject, value
            )
        )

    async def sweep(self, project_id: str, before_ns: int | None) -> AsyncGenerator[int]:
        """Delete shared content that no row refers to, of weeks that were over at a time, or of all weeks.

        Yields after each step how many bytes it freed.
        """
        project = await self._executor.read(lambda connection: _number(connection, project_id))
        async for freed_bytes in sweep(self._executor, project, before_ns):
            yield freed_bytes

    async def last_activity_ns(self, now_ns: int) -> int | None:
        """Return the latest time up to now in the store: of a row, or of the maintenance lease."""

        def read(connection: Connection) -> int | None:
            by_id = connection.dialect.indexed_by("spans_by_id")
            keys = connection.execute("SELECT key FROM projects").fetchall()
            newest = (
                connection.execute(
                    f"SELECT id FROM spans{by_id} WHERE project = ? AND id < ? ORDER BY id DESC LIMIT 1",
                    (key, time_floor(now_ns)),
                ).get
                for (key,) in keys
            )
            times = [time_of(id) for id in newest if id is not None]
            held_ns = leases.last_held_ns(connection, MAINTENANCE_LEASE)
            return max([*times, *([] if held_ns is None else [min(held_ns, now_ns)])], default=None)

        return await self._executor.read(read)

    async def release_free_space(self) -> bool:
        """See MaintenanceBackend."""
        return await self._executor.release_free_space()

    async def compact(self) -> None:
        """See MaintenanceBackend; writers wait meanwhile."""
        await self._executor.compact()


def _number(connection: Connection, project_id: str) -> int:
    """Return the number of a project, even of one that was deleted while retention runs."""
    key = project_key(connection, project_id, or_deleted=True)
    if key is None:
        raise KeyError(project_id)
    return key
