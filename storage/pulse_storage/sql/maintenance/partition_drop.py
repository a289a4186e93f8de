"""Lets whole ranges of ids go at once, where the engine keeps them in tables of their own.

What is left at the horizon goes by steps afterwards, and so does everything that may not go at once.
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
    """Up to which ids a project's policy lets rows and content go; empty where it keeps all."""

    policy: RetentionPolicy
    rows_before: bytes
    content_before: bytes

    def reaches(self, part: PartitionRange) -> bool:
        """Whether the part lies beyond it."""
        return part.before_id <= (self.rows_before if part.table == "spans" else self.content_before)


async def drop_partitions(
    engine: MaintenanceExecutor, horizons: Mapping[int, Horizon]
) -> AsyncGenerator[list[tuple[int, Dropped]]]:
    """Empty every part that lies beyond the horizons of all projects in it, oldest first, rows before bodies.

    Yields after each step what it dropped of which projects. Rows of emptied `span_bodies` still say that
    they had content until `drop_content` or `drop_rows` comes by; it counts them.
    """
    for table in ("spans", "span_bodies"):
        for part in await engine.droppable_partitions(table):
            if not _may_go(part, horizons):
                continue
            steps = _drop_rows if table == "spans" else _drop_bodies
            async for dropped in steps(engine, part, horizons):
                yield dropped


def _may_go(part: PartitionRange, horizons: Mapping[int, Horizon]) -> bool:
    """Whether it is past for all projects in it; for any, if only the space of dropped rows is left."""
    if not part.projects:
        return any(horizon.reaches(part) for horizon in horizons.values())
    return all(project in horizons and horizons[project].reaches(part) for project in part.projects)


async def _drop_bodies(
    engine: MaintenanceExecutor, part: PartitionRange, horizons: Mapping[int, Horizon]
) -> AsyncGenerator[list[tuple[int, Dropped]]]:
    sizes = await engine.truncate_partition(
        part, {key: PartitionShare(horizons[key].policy, 0) for key in part.projects}
    )
    yield [(key, Dropped(done=False, size_bytes=size)) for key, size in (sizes or {}).items()]


async def _drop_rows(
    engine: MaintenanceExecutor, part: PartitionRange, horizons: Mapping[int, Horizon]
) -> AsyncGenerator[list[tuple[int, Dropped]]]:
    """What goes is measured beside the writer, which then only sees whether that is still so."""
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

            found, first = await engine.read(read)
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

            last = await engine.write(write)
            yield [(project, last)]
    shares = {key: PartitionShare(horizons[key].policy, total.rows) for key, total in measured.items()}
    beside = await engine.truncate_partition(part, shares)
    if beside is not None:
        yield [
            (
                key,
                Dropped(
                    False, total.rows, total.contents, total.row_bytes + total.content_bytes + beside[key]
                ),
            )
            for key, total in measured.items()
        ]
