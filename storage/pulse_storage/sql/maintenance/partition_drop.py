"""Truncates partitions whose rows or content are expired for all projects.

Partitions that are expired in part, or have exempt rows, are left to the steps of `expiry`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import NamedTuple

from pulse_storage.maintenance import HourSizes
from pulse_storage.retention import RetentionPolicy
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.maintenance.executor import MaintenanceExecutor
from pulse_storage.sql.maintenance.expiry import Step, drop_rows
from pulse_storage.sql.maintenance.partitions import PartitionRange, PartitionShare
from pulse_storage.sql.maintenance.row_ranges import Dropped
from pulse_storage.sql.maintenance.sizes import sizes_between

_STEP_ROWS = 1_000
_SIZE_ROWS = 20_000


class Horizon(NamedTuple):
    """The ids before which a project's rows and content are expired; empty if none are."""

    policy: RetentionPolicy
    rows_before: bytes
    content_before: bytes

    def reaches(self, part: PartitionRange) -> bool:
        """Return whether a partition is expired as a whole."""
        return part.before_id <= (self.rows_before if part.table == "spans" else self.content_before)


async def drop_partitions(
    executor: MaintenanceExecutor, horizons: Mapping[int, Horizon]
) -> AsyncGenerator[list[tuple[int, Dropped]]]:
    """Truncate the partitions that are expired for all their projects, oldest first, rows before bodies.

    Yields after each step what it deleted of which projects. Rows of a truncated partition of `span_bodies`
    have their content flags until `drop_content` or `drop_rows` reaches them, which count the content.
    """
    for table in ("spans", "span_bodies"):
        for part in await executor.droppable_partitions(table):
            if not _is_expired(part, horizons):
                continue
            steps = _drop_rows if table == "spans" else _drop_bodies
            async for dropped in steps(executor, part, horizons):
                yield dropped


def _is_expired(part: PartitionRange, horizons: Mapping[int, Horizon]) -> bool:
    """Return whether a partition is expired for all its projects; for one, if it has only free space."""
    if not part.projects:
        return any(horizon.reaches(part) for horizon in horizons.values())
    return all(project in horizons and horizons[project].reaches(part) for project in part.projects)


async def _drop_bodies(
    executor: MaintenanceExecutor, part: PartitionRange, horizons: Mapping[int, Horizon]
) -> AsyncGenerator[list[tuple[int, Dropped]]]:
    sizes = await executor.truncate_partition(
        part, {key: PartitionShare(horizons[key].policy, 0) for key in part.projects}
    )
    yield [(key, Dropped(done=False, size_bytes=size)) for key, size in (sizes or {}).items()]


async def _drop_rows(
    executor: MaintenanceExecutor, part: PartitionRange, horizons: Mapping[int, Horizon]
) -> AsyncGenerator[list[tuple[int, Dropped]]]:
    """Measure the rows in readers; the writer then only checks that their number is the same."""
    measured: dict[int, HourSizes] = {}
    for project in part.projects:
        total = measured[project] = HourSizes()
        first = part.from_id
        while first < part.before_id:

            def read(
                connection: Connection, project: int = project, first: bytes = first
            ) -> tuple[dict[int, HourSizes], bytes]:
                policy = horizons[project].policy
                return sizes_between(connection, project, first, part.before_id, policy, _SIZE_ROWS)

            found, first = await executor.read(read)
            for more in found.values():
                total.add(more)
            if total.kept_bytes:
                return
            yield []
    for project in part.projects if part.from_id else ():
        # The mark may only pass what is gone.
        last = Dropped(done=False)
        while not last.done:

            def write(
                connection: Connection, _: object, project: int = project, last: Dropped = last
            ) -> Dropped:
                policy = horizons[project].policy
                return drop_rows(connection, Step(project, part.from_id, policy, _STEP_ROWS, last))

            last = await executor.write(write)
            yield [(project, last)]
    shares = {key: PartitionShare(horizons[key].policy, total.rows) for key, total in measured.items()}
    other_bytes = await executor.truncate_partition(part, shares)
    if other_bytes is not None:
        yield [
            (
                key,
                Dropped(
                    False,
                    total.rows,
                    total.contents,
                    total.row_bytes + total.content_bytes + other_bytes[key],
                ),
            )
            for key, total in measured.items()
        ]
