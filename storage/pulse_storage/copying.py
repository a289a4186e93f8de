"""Copies projects from one store into another while the source serves: page by page, compared on the way.

Rows have the same ids in every store, so an interrupted copy continues by comparing: equal rows are left,
missing and changed rows are written. A pass over all rows that finds no difference proves that both stores
contain the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import NamedTuple, Protocol

from pulse_storage.content.documents import SharedDocument
from pulse_storage.control_store import ControlStore
from pulse_storage.maintenance import LEASE_WAIT_S
from pulse_storage.reconciliation.skeletons import SpanKey
from pulse_storage.rows import EventContent, EventPart, Project
from pulse_storage.runtime.maintenance_lease import MaintenanceLease

_PAGE_ROWS = 500
_PAGE_EVENTS = 200
#: While the source is written to, every pass finds differences; the last rows follow when it has stopped.
_PASSES = 4
_LAST_ID = b"\xff" * 16

RawValue = None | int | float | str | bytes


class RawRow(NamedTuple):
    """One row as it is stored, without values that only its own store uses."""

    id: bytes
    #: By name: the fields of `SpanRow` with their effective values (tags as JSON text, no bodies),
    #: `latency_bucket`, `counted`, `has_` and each body, the references `output_from`, `request_from` and
    #: `response_from` to the row or the log events' content (`ids.event_content_id`) that supplies a body,
    #: and `own`: a JSON object with the span's own values of the fields whose effective values differ.
    columns: Mapping[str, RawValue]


class RawBodies(NamedTuple):
    """The packed bodies of a row; a document that shares content is divided for the target."""

    output_text: bytes | None = None
    request_body: bytes | SharedDocument | None = None
    response_body: bytes | SharedDocument | None = None


class RawEvents(NamedTuple):
    """Log events in the order of (trace id, span id, digest), and the assembled content of their spans."""

    parts: Sequence[EventPart]
    contents: Mapping[SpanKey, EventContent]


class KeyFacts(NamedTuple):
    """The values by which sums are kept."""

    provider: str | None
    model_requested: str | None
    model_used: str | None
    operation: str | None
    status: str


class ExpiredSums(NamedTuple):
    """How far retention has deleted rows, and the sums of hours and days that include deleted rows."""

    #: Rows, and their content, with smaller ids were deleted, except exempt ones; empty: nothing was.
    rows_from: bytes = b""
    content_from: bytes = b""
    #: The hour since 1970, then calls, calls with latency, sum of latency in µs, input tokens, output tokens,
    #: cost in nano-dollars, unpriced calls, calls with unknown usage.
    hours: Sequence[tuple[KeyFacts, tuple[int, ...]]] = ()
    #: The day since 1970, the latency bucket, calls.
    days: Sequence[tuple[KeyFacts, tuple[int, ...]]] = ()


class RawStore(Protocol):
    """Source and sink of raw rows. Methods raise KeyError if there is no such project.

    Writes do not reconcile: they store what the source had. `PAGE` limits count rows or log events.
    """

    async def count_rows(self, project_id: str) -> int:
        """Return how many rows a project has."""
        ...

    async def read_rows(self, project_id: str, after: bytes, limit: int) -> list[RawRow]:
        """Return the rows whose ids follow `after`, in the order of ids."""
        ...

    async def read_rows_until(self, project_id: str, after: bytes, last: bytes) -> list[RawRow]:
        """Return the rows with ids after `after` and up to `last`, in the order of ids."""
        ...

    async def sanitized(self, rows: Sequence[RawRow]) -> list[RawRow]:
        """Return rows of another store with characters replaced that this store cannot contain (NUL)."""
        ...

    async def read_bodies(self, project_id: str, rows: Sequence[RawRow]) -> list[tuple[RawRow, RawBodies]]:
        """Return the first of the rows with their bodies: at least one, and no more than fit in memory."""
        ...

    async def put_rows(
        self, project_id: str, rows: Sequence[tuple[RawRow, RawBodies]], replaced: Mapping[bytes, RawRow]
    ) -> None:
        """Store rows in place of the stored ones in `replaced` (by id), and move the sums with them."""
        ...

    async def read_events(self, project_id: str, after: EventPart | None, limit: int) -> RawEvents:
        """Return the log events that follow one."""
        ...

    async def put_events(self, project_id: str, events: RawEvents) -> None:
        """Store log events that are missing, and replace the content of their spans."""
        ...

    async def read_expired(self, project_id: str) -> ExpiredSums:
        """Return how far retention has deleted rows and content, and the sums of those hours and days."""
        ...

    async def put_expired(self, project_id: str, sums: ExpiredSums) -> None:
        """Set how far retention came, and replace the sums of the hours and days that it affected."""
        ...


class CopyEnd(ControlStore, Protocol):
    """What a copy needs of each store."""

    @property
    def raw(self) -> RawStore:
        """See StorageAdapter."""
        ...


@dataclass(slots=True)
class Side:
    """The contents of a project in one of the stores, as one pass found them."""

    rows: int = 0
    calls: int = 0
    tokens: int = 0
    cost_nano_usd: int = 0
    #: Of all rows, in the order of their ids.
    digest: bytes = b""

    def add(self, rows: Sequence[RawRow]) -> None:
        """Add the rows that follow in the order of ids."""
        self.rows += len(rows)
        digest = blake2b(self.digest, digest_size=16)
        for row in rows:
            columns = row.columns
            digest.update(repr([columns[name] for name in sorted(columns)]).encode())
            if columns["counted"]:
                self.calls += 1
                for column in ("input_tokens", "output_tokens"):
                    self.tokens += int(str(columns[column] or 0))
                self.cost_nano_usd += int(str(columns["cost_nano_usd"] or 0))
        self.digest = digest.digest()


@dataclass(slots=True)
class Copied:
    """The progress of one project."""

    project: Project
    #: Rows written in all passes, and log events of the source.
    put_rows: int = 0
    put_events: int = 0
    passes: int = 0
    #: As the last pass found them; equal if it wrote nothing.
    source: Side = field(default_factory=Side)
    target: Side = field(default_factory=Side)

    @property
    def verified(self) -> bool:
        """True if the last pass found both stores to contain the same."""
        return self.source == self.target


async def copy(
    source: CopyEnd,
    target: CopyEnd,
    *,
    note: Callable[[Copied, int], None] = lambda _done, _rows: None,
) -> list[Copied]:
    """Copy all projects with everything that belongs to them.

    `note` is called with the progress of a project and its number of rows. Other projects of the target are
    not changed. Retention and erasures of both stores wait meanwhile. Raises MaintenanceLeaseHeld.
    """
    leases = [MaintenanceLease(store) for store in (source, target)]
    taken: list[MaintenanceLease] = []
    try:
        for lease in leases:
            await lease.take(LEASE_WAIT_S)
            taken.append(lease)
        return [
            await _ProjectCopy(source, target, taken, project, note).copy()
            for project in await source.list_projects()
        ]
    finally:
        for lease in taken:
            await lease.release()


class _ProjectCopy:
    """The copy of one project."""

    def __init__(
        self,
        source: CopyEnd,
        target: CopyEnd,
        leases: Sequence[MaintenanceLease],
        project: Project,
        note: Callable[[Copied, int], None],
    ) -> None:
        self._source = source
        self._target = target
        self._leases = leases
        self._id = project.id
        self._copied = Copied(project)
        self._note = note

    async def copy(self) -> Copied:
        """Pass over the project until a pass finds no difference, at most `_PASSES` times."""
        copied = self._copied
        while copied.passes < _PASSES and not (copied.passes and copied.verified):
            copied.passes += 1
            await self._pass()
        return copied

    async def _pass(self) -> None:
        copied = self._copied
        copied.source, copied.target = Side(), Side()
        await self._target.put_project_settings(await self._source.project_settings(self._id))
        expired = await self._source.raw.read_expired(self._id)
        await self._target.raw.put_expired(self._id, expired)
        await self._events()
        rows = await self._source.raw.count_rows(self._id)
        after = b""
        while after < _LAST_ID:
            after = await self._page(after)
            self._note(replace(copied), rows)
            for lease in self._leases:
                await lease.renew()
        # Rows that were written moved the sums of their hours, those of expired hours too.
        await self._target.raw.put_expired(self._id, expired)

    async def _page(self, after: bytes) -> bytes:
        """Compare a page of rows and write what differs; return the id after which the next page begins."""
        source, target = self._source.raw, self._target.raw
        page = await target.sanitized(await source.read_rows(self._id, after, _PAGE_ROWS))
        last = page[-1].id if len(page) == _PAGE_ROWS else _LAST_ID
        there = await target.read_rows_until(self._id, after, last)
        self._copied.source.add(page)
        self._copied.target.add(there)
        stored = {row.id: row for row in there}
        missing = [row for row in page if stored.get(row.id) != row]
        while missing:
            with_bodies = await source.read_bodies(self._id, missing)
            await target.put_rows(self._id, with_bodies, stored)
            self._copied.put_rows += len(with_bodies)
            missing = missing[len(with_bodies) :]
        return last

    async def _events(self) -> None:
        after: EventPart | None = None
        while True:
            events = await self._source.raw.read_events(self._id, after, _PAGE_EVENTS)
            if events.parts:
                await self._target.raw.put_events(self._id, events)
            if self._copied.passes == 1:
                self._copied.put_events += len(events.parts)
            if len(events.parts) < _PAGE_EVENTS:
                return
            after = events.parts[-1]
