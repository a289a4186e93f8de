"""Copies one store into another while the first one serves: page by page, compared as it goes.

Rows have the same ids in every store, so that a copy that was cut short goes on by comparing: what is there
and equal is left, what is missing or has changed is put. A pass over everything that finds no difference is
the proof that both are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from pulse_storage.adapter import StorageAdapter
from pulse_storage.rows import Project
from pulse_storage.sql.connection import Connection, SqlValue
from pulse_storage.sql.copy.raw_rows import (
    Bodies,
    RawRow,
    digest_of,
    put_rows,
    read_bodies,
    read_rows,
    read_rows_until,
)
from pulse_storage.sql.copy.tables import Frame, put_events, put_frame, put_sums, read_events, read_frame
from pulse_storage.sql.maintenance.executor import Engine
from pulse_storage.sql.maintenance.run import WAIT_S, Held
from pulse_storage.sql.tables.projects import all_projects, project_key
from pulse_storage.sql.writing.ingest import Ingest

_PAGE_ROWS = 500
_PAGE_EVENTS = 200
#: While the source is written to, every pass finds something; the last rows come when it has been stopped.
_PASSES = 4
_LAST_ID = b"\xff" * 16


@dataclass(slots=True)
class Side:
    """What a pass saw of a project in one of the stores."""

    rows: int = 0
    calls: int = 0
    tokens: int = 0
    cost_nano_usd: int = 0
    #: Over all rows, in the order of their ids.
    digest: bytes = b""

    def add(self, rows: Sequence[RawRow]) -> None:
        """Rows that follow."""
        self.rows += len(rows)
        self.digest = digest_of(rows, self.digest)
        for row in rows:
            if row.value("usage_key"):
                self.calls += 1
                for column in ("input_tokens", "output_tokens"):
                    self.tokens += int(str(row.value(column) or 0))
                self.cost_nano_usd += int(str(row.value("cost_nano_usd") or 0))


@dataclass(slots=True)
class Copied:
    """What became of a project."""

    project: Project
    #: Rows that were put in all passes, and log events.
    put_rows: int = 0
    put_events: int = 0
    passes: int = 0
    #: As the last pass saw them; equal if it put nothing.
    source: Side = field(default_factory=Side)
    target: Side = field(default_factory=Side)

    @property
    def verified(self) -> bool:
        """Whether the last pass found both stores to be the same."""
        return self.source == self.target


async def copy(
    source: StorageAdapter,
    target: StorageAdapter,
    *,
    note: Callable[[Copied, int], None] = lambda _done, _rows: None,
) -> list[Copied]:
    """Copy all projects with everything that belongs to them.

    `note` is told how far a project is, and how many rows it has.
    Other projects of the target stay as they are. Retention and erasures of both stores wait meanwhile.
    Raises UpkeepBusy.
    """
    held = [Held(storage.upkeep) for storage in (source, target)]
    taken: list[Held] = []
    try:
        for lease in held:
            await lease.take(WAIT_S)
            taken.append(lease)
        return [
            await _Project(source.upkeep.engine, target.upkeep.engine, taken, project, note).copy()
            for project in await source.upkeep.engine.read(all_projects)
        ]
    finally:
        for lease in taken:
            await lease.release()


class _Project:
    """One project on its way."""

    def __init__(
        self,
        source: Engine,
        target: Engine,
        held: Sequence[Held],
        project: Project,
        note: Callable[[Copied, int], None],
    ) -> None:
        self._source = source
        self._target = target
        self._held = held
        self._id = project.id
        self._copied = Copied(project)
        self._note = note

    async def copy(self) -> Copied:
        """Pass over it until a pass finds no difference, or some times."""
        copied = self._copied
        while copied.passes < _PASSES and not (copied.passes and copied.verified):
            copied.passes += 1
            await self._pass()
        return copied

    async def _pass(self) -> None:
        copied = self._copied
        copied.source, copied.target = Side(), Side()
        frame = await self._source.read(lambda connection: read_frame(connection, copied.project))
        await self._target.write(lambda connection, ingest: put_frame(connection, ingest.usage_keys, frame))
        await self._events()
        rows = await self._source.read(
            lambda connection: (
                connection.execute(
                    "SELECT count(*) FROM spans WHERE project = ?", (self._key(connection),)
                ).get
            )
        )
        after = b""
        while after < _LAST_ID:
            after = await self._page(after)
            self._note(replace(copied), int(str(rows)))
            for lease in self._held:
                await lease.renew()
        await self._sums(frame)

    async def _page(self, after: bytes) -> bytes:
        """Compare a page of rows and put what differs; the id after which the next begins."""
        page = await self._source.read(
            lambda connection: read_rows(connection, self._key(connection), after, _PAGE_ROWS)
        )
        last = page[-1].id if len(page) == _PAGE_ROWS else _LAST_ID
        there = await self._target.read(
            lambda connection: read_rows_until(connection, self._key(connection), after, last)
        )
        self._copied.source.add(page)
        self._copied.target.add(there)
        stored = {row.id: row for row in there}
        missing = [row for row in page if stored.get(row.id) != row]
        while missing:
            carried = await self._source.read(
                lambda connection, rows=tuple(missing): read_bodies(
                    connection, self._key(connection), self._id, rows
                )
            )
            await self._target.write(
                lambda connection, ingest, carried=tuple(carried): self._put(
                    connection, ingest, carried, stored
                )
            )
            self._copied.put_rows += len(carried)
            missing = missing[len(carried) :]
        return last

    def _put(
        self,
        connection: Connection,
        ingest: Ingest,
        carried: Sequence[tuple[RawRow, Bodies]],
        stored: dict[bytes, RawRow],
    ) -> None:
        ingest.forget_recent_ids()
        put_rows(connection, ingest.usage_keys, self._key(connection), carried, stored)

    async def _events(self) -> None:
        after: Sequence[SqlValue] | None = ()
        while after is not None:
            events, contents = await self._source.read(
                lambda connection, after=after: read_events(
                    connection, self._key(connection), after, _PAGE_EVENTS
                )
            )
            if events:
                await self._target.write(
                    lambda connection, _, events=events, contents=contents: put_events(
                        connection, self._key(connection), events, contents
                    )
                )
            if self._copied.passes == 1:
                self._copied.put_events += len(events)
            after = events[-1][:3] if len(events) == _PAGE_EVENTS else None

    async def _sums(self, frame: Frame) -> None:
        await self._target.write(
            lambda connection, ingest: put_sums(connection, ingest.usage_keys, self._key(connection), frame)
        )

    def _key(self, connection: Connection) -> int:
        key = project_key(connection, self._id)
        if key is None:
            raise KeyError(self._id)
        return key
