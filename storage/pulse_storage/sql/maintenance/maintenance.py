"""Upkeep: the part of a store that lets go of data, as far as it is the same for every engine."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import cast

from pulse_storage.ids import time_floor, time_of
from pulse_storage.retention import RetentionPolicy, policy_from_text
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.maintenance.content_gc import sweep
from pulse_storage.sql.maintenance.estimate import Going, freed_beside_rows
from pulse_storage.sql.maintenance.executor import Engine
from pulse_storage.sql.maintenance.expiry import Step, drop_content, drop_rows
from pulse_storage.sql.maintenance.partition_drop import Horizon, drop_whole
from pulse_storage.sql.maintenance.policy_change import Leftovers, find_leftovers
from pulse_storage.sql.maintenance.row_ranges import Dropped
from pulse_storage.sql.maintenance.sizes import (
    HourSizes,
    add_shared_content,
    log_event_sizes,
    shared_content_bytes,
    sizes_between,
)
from pulse_storage.sql.tables import erasures, leases
from pulse_storage.sql.tables.erasures import Erasure, Subject
from pulse_storage.sql.tables.projects import mark_deleted, project_key
from pulse_storage.sql.tables.unused_keys import delete_unused_keys, last_unused_key
from pulse_storage.sql.tables.watermarks import Marks, read_marks
from pulse_storage.sql.writing.ingest import Ingest

#: Rows of one step: the writer is busy for some tens of milliseconds.
STEP_ROWS = 1_000
_ERASE_ROWS = 500
_SIZE_ROWS = 20_000
_LAST_ID = b"\xff" * 16


class Upkeep:
    """One store's upkeep. Methods name a project by its id and raise KeyError if there is none."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def policy(self, project_id: str) -> RetentionPolicy | None:
        """The project's own policy; None if the settings of the server decide."""
        marks = await self.engine.read(
            lambda connection: read_marks(connection, _key(connection, project_id))
        )
        return None if marks.policy is None else policy_from_text(marks.policy)

    async def set_policy(self, project_id: str, policy: RetentionPolicy | None) -> None:
        """Give a project a policy of its own, or None to leave it to the settings."""
        text = None if policy is None else policy.as_text()

        def write(connection: Connection, _: Ingest) -> None:
            connection.execute(
                "INSERT INTO retention (project, policy) VALUES (?, ?)"
                " ON CONFLICT (project) DO UPDATE SET policy = excluded.policy",
                (_key(connection, project_id), text),
            )

        await self.engine.write(write)

    async def marks(self, project_id: str) -> Marks:
        """How far the project's data has been dropped."""
        return await self.engine.read(
            lambda connection: read_marks(connection, _number(connection, project_id))
        )

    async def sizes(
        self, project_id: str, before_ns: int | None, policy: RetentionPolicy
    ) -> dict[int, HourSizes]:
        """What is stored of calls that began before a time, by hour; read in several steps."""
        sizes: dict[int, HourSizes] = {}
        first, before = b"", _LAST_ID if before_ns is None else time_floor(before_ns)
        while first < before:

            def read(connection: Connection, first: bytes = first) -> tuple[dict[int, HourSizes], bytes]:
                return sizes_between(
                    connection, _number(connection, project_id), first, before, policy, _SIZE_ROWS
                )

            found, first = await self.engine.read(read)
            for hour, more in found.items():
                sizes.setdefault(hour, HourSizes()).add(more)
        last_ns = (1 << 63) - 1 if before_ns is None else before_ns
        events = await self.engine.read(
            lambda connection: log_event_sizes(connection, _number(connection, project_id), last_ns)
        )
        for hour, more in events.items():
            sizes.setdefault(hour, HourSizes()).add(more)
        shared = await self.engine.read(
            lambda connection: shared_content_bytes(connection, _number(connection, project_id))
        )
        add_shared_content(sizes, shared)
        return sizes

    async def freed_beside_rows(
        self, project_id: str, before_ns: int | None, policy: RetentionPolicy, sweep_before_ns: int | None
    ) -> int:
        """The bytes of log events and shared content that go with the content of calls before a time.

        `sweep_before_ns` is that of `sweep`.
        """
        project = await self.engine.read(lambda connection: _number(connection, project_id))
        going = Going(project, b"" if before_ns is None else time_floor(before_ns), policy)
        return await freed_beside_rows(self.engine, going, sweep_before_ns)

    async def leftovers(
        self,
        project_id: str,
        policy: RetentionPolicy,
        before: Leftovers,
        between: Callable[[], Awaitable[None]],
    ) -> Leftovers:
        """See `find_leftovers`."""
        project = await self.engine.read(lambda connection: _number(connection, project_id))
        return await find_leftovers(self.engine, project, policy, before, between)

    async def drop_content(
        self, project_id: str, before_ns: int, policy: RetentionPolicy, last: Dropped
    ) -> Dropped:
        """One step: the oldest content of calls that began before a time."""
        return await self._drop(drop_content, project_id, before_ns, policy, last)

    async def drop_rows(
        self, project_id: str, before_ns: int, policy: RetentionPolicy, last: Dropped
    ) -> Dropped:
        """One step: the oldest rows of calls that began before a time."""
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

        return await self.engine.write(write)

    async def drop_whole(self, horizons: Mapping[str, Horizon]) -> AsyncGenerator[list[tuple[str, Dropped]]]:
        """Empty at once what lies beyond the horizons of all projects that have rows in it, if any can be.

        Yields after each step what it dropped of which projects; the rest is for `drop_rows` and
        `drop_content`, which must come after.
        """
        ids = await self.engine.read(
            lambda connection: {_number(connection, project_id): project_id for project_id in horizons}
        )
        async with aclosing(drop_whole(self.engine, {key: horizons[id] for key, id in ids.items()})) as steps:
            async for dropped in steps:
                yield [(ids[key], of_project) for key, of_project in dropped]

    async def drop_unused_keys(self, project_id: str) -> int:
        """Delete some combinations of facts that nothing refers to, and return how many; 0: none are left."""
        project = await self.engine.read(lambda connection: _key(connection, project_id))
        last = await self.engine.read(lambda connection: last_unused_key(connection, project, STEP_ROWS))
        if last is None:
            return 0
        return await self.engine.write(lambda connection, _: delete_unused_keys(connection, project, last))

    async def share_before(self, project_id: str, before_ns: int) -> float:
        """Which part of a project's rows began before a time; 0 to 1."""

        def read(connection: Connection) -> float:
            project = _number(connection, project_id)
            count = (
                f"SELECT count(*) FROM spans{connection.dialect.indexed_by('spans_by_id')} WHERE project = ?"
            )
            rows = connection.execute(count, (project,)).get
            old = connection.execute(f"{count} AND id < ?", (project, time_floor(before_ns))).get
            return int(str(old)) / max(int(str(rows)), 1)

        return await self.engine.read(read)

    async def order_erasure(self, project_id: str, subject: Subject, value: str) -> Erasure:
        """Note that all of a user or session must go; `erase_step` does it."""
        wanted = Erasure(str(uuid.uuid4()), project_id, subject, value, time.time_ns(), None)
        return await self.engine.write(
            lambda connection, _: erasures.order(connection, _key(connection, project_id), wanted)
        )

    async def order_deletion(self, project_id: str) -> Erasure:
        """Hide a project, delete its keys, and note that all its data must go; `erase_step` deletes it."""
        wanted = Erasure(str(uuid.uuid4()), project_id, "project", None, time.time_ns(), None)

        def write(connection: Connection, _: Ingest) -> Erasure:
            project = _key(connection, project_id)
            mark_deleted(connection, project, wanted.requested_ns)
            return erasures.order(connection, project, wanted)

        return await self.engine.write(write)

    async def erase_step(self, erasure_id: str) -> Erasure:
        """Erase some hundred more rows of an order; once it is finished, seal what was deleted."""

        def write(connection: Connection, ingest: Ingest) -> Erasure:
            return erasures.step(connection, erasure_id, time.time_ns(), ingest.remove, _ERASE_ROWS)

        erasure = await self.engine.write(write, secure=True)
        if erasure.finished_ns is not None:
            await self.engine.seal()
        return erasure

    async def erasable(self, project_id: str, subject: Subject, value: str) -> tuple[int, int]:
        """How many rows an erasure would begin with, and how many of them count."""
        return await self.engine.read(
            lambda connection: erasures.matching_rows(
                connection, _key(connection, project_id), subject, value
            )
        )

    async def sweep(self, project_id: str, before_ns: int | None) -> AsyncGenerator[int]:
        """Take out shared content that no row refers to: of weeks that were over at a time, or of all.

        Yields after each step how many bytes it freed.
        """
        project = await self.engine.read(lambda connection: _number(connection, project_id))
        async for freed_bytes in sweep(self.engine, project, before_ns):
            yield freed_bytes

    async def erasures(self, project_id: str) -> list[Erasure]:
        """The orders of a project, newest first."""
        return await self.engine.read(
            lambda connection: erasures.of_project(connection, _key(connection, project_id))
        )

    async def unfinished_erasures(self) -> list[Erasure]:
        """The orders of all projects that are still to be finished."""
        return await self.engine.read(erasures.unfinished)

    async def hold(self, name: str, holder: str, ttl_s: float) -> bool:
        """Take a lease or keep it for a while; False while another process holds it."""
        now_ns = time.time_ns()
        until_ns = now_ns + int(ttl_s * 1e9)
        return await self.engine.write(
            lambda connection, _: leases.hold(connection, name, holder, now_ns, until_ns)
        )

    async def release(self, name: str, holder: str) -> None:
        """Give a lease back."""
        now_ns = time.time_ns()
        await self.engine.write(lambda connection, _: leases.release(connection, name, holder, now_ns))

    async def last_sign_ns(self, lease: str, now_ns: int) -> int | None:
        """The latest time before now of which the store knows: of a row, or of the lease's holder."""

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
            times = [time_of(cast("bytes", id)) for id in newest if id is not None]
            held_ns = leases.last_held_ns(connection, lease)
            return max([*times, *([] if held_ns is None else [min(held_ns, now_ns)])], default=None)

        return await self.engine.read(read)

    async def give_back(self) -> bool:
        """Return a bit of the free space to the file system; False if there is none worth it."""
        return await self.engine.give_back()

    async def compact(self) -> None:
        """Rewrite the store without free space; whoever wants to write waits meanwhile."""
        await self.engine.compact()


def _key(connection: Connection, project_id: str) -> int:
    key = project_key(connection, project_id)
    if key is None:
        raise KeyError(project_id)
    return key


def _number(connection: Connection, project_id: str) -> int:
    """Return the number of a project, even of one that was deleted while retention runs."""
    key = project_key(connection, project_id, or_deleted=True)
    if key is None:
        raise KeyError(project_id)
    return key
