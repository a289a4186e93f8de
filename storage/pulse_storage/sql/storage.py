"""SqlStorage: the StorageAdapter on a database that writes through one thread and reads through several."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Protocol, TypeVar
from uuid import UUID

from pulse_storage.events import Assemble, EventPart
from pulse_storage.filters import (
    Analytics,
    AnalyticsQuery,
    Count,
    Page,
    TraceFilter,
    TracePage,
    UnknownUsageModel,
    UnpricedModel,
    UsageSummary,
)
from pulse_storage.reconciliation.skeletons import Bearing
from pulse_storage.repricing import PriceSpan, Repriced, RepriceJob
from pulse_storage.rows import ApiKey, IngestResult, Project, ProjectPrices, SpanRow, TraceRecord
from pulse_storage.runtime.deadlines import WRITE_DEADLINE_S, answer_within
from pulse_storage.runtime.read_priority import RightOfWay
from pulse_storage.runtime.writer import CommitTarget, Writer
from pulse_storage.sql.connection import Connection
from pulse_storage.sql.maintenance.executor import Engine, Maintained
from pulse_storage.sql.maintenance.maintenance import Upkeep
from pulse_storage.sql.reading.analytics import analytics
from pulse_storage.sql.reading.counts import count_rows
from pulse_storage.sql.reading.cursors import decode_cursor
from pulse_storage.sql.reading.records import find_record, find_records, page_of_records
from pulse_storage.sql.reading.search import page_of_found
from pulse_storage.sql.reading.unpriced import unknown_usage_models, unpriced_models
from pulse_storage.sql.tables import projects
from pulse_storage.sql.tables.erasures import Erasure
from pulse_storage.sql.tables.prices import delete_prices, prices_of, put_prices
from pulse_storage.sql.writing.neighbourhood import bearing_on
from pulse_storage.sql.writing.reprice import mark_of, reprice_some, set_mark

_Result = TypeVar("_Result")
#: How long one answer of `check_writable` is good for, so that probes cannot wear the disk.
_CHECK_EVERY_S = 1.0
#: So many log events share a commit; a call of more takes several, between those of others.
_COMMIT_EVENTS = 2_000
#: A store that takes longer is not ready for writes.
_CHECK_WITHIN_S = 4.0


class Database(CommitTarget, Maintained, Protocol):
    """The end of a store that writes: one connection, used by the writer's thread only."""

    def store_events(self, project_id: str, parts: Sequence[EventPart], assemble: Assemble) -> IngestResult:
        """Commit log events and what they change."""
        ...

    def transact(self, write: Callable[[Connection], _Result]) -> _Result:
        """Run and commit, or roll everything back."""
        ...

    def close(self) -> None:
        """Close the connection. Repeating it is harmless."""
        ...


class Readers(Protocol):
    """Threads that read."""

    async def run(self, read: Callable[[Connection], _Result]) -> _Result:
        """What `read` answers, on one snapshot. Raises StoreUnavailable, also when it takes too long."""
        ...

    def close(self) -> None:
        """Cut short the reads that run, then close their connections. Blocks for a moment."""
        ...


class SqlStorage:
    """A thread that writes, threads that read; `quick_readers` are for keys and single rows.

    Those must not wait until another request's month of analytics is summed; nor must lists, on an engine
    that has `listers` for them.
    Searches take seconds each: `searchers` are theirs, so that they wait for each other only.
    """

    def __init__(
        self,
        database: Database,
        readers: Readers,
        quick_readers: Readers,
        searchers: Readers,
        *,
        way: RightOfWay,
        max_queue_bytes: int,
        listers: Readers | None = None,
    ) -> None:
        #: See StorageAdapter; not a method around it, since it is called for every span.
        self.give_way = way.give_way
        self._database = database
        self._readers = readers
        self._quick_readers = quick_readers
        self._searchers = searchers
        self._listers = listers or readers
        self._writer = Writer(database, max_queue_bytes=max_queue_bytes)
        self._checked_s: float | None = None
        #: The numbers of projects by their ids, as far as anything was read of them.
        self._projects: dict[str, int] = {}
        self._upkeep = Upkeep(Engine(database, self._writer, readers))

    @property
    def upkeep(self) -> Upkeep:
        """See StorageAdapter."""
        return self._upkeep

    def submit(
        self, rows: Sequence[SpanRow], *, keep_all: bool = False, within_s: float = math.inf
    ) -> Future[IngestResult]:
        """See StorageAdapter."""
        return self._writer.submit(rows, keep_all=keep_all, within_s=within_s)

    async def ingest(self, rows: Sequence[SpanRow], *, keep_all: bool = False) -> IngestResult:
        """See StorageAdapter."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(rows, keep_all=keep_all)))

    async def ingest_events(
        self, project_id: str, parts: Sequence[EventPart], assemble: Assemble
    ) -> IngestResult:
        """See StorageAdapter."""
        result = IngestResult()
        for start in range(0, max(len(parts), 1), _COMMIT_EVENTS):
            some = parts[start : start + _COMMIT_EVENTS]

            def store(some: Sequence[EventPart] = some) -> IngestResult:
                return self._database.store_events(project_id, some, assemble)

            stored = await asyncio.shield(asyncio.wrap_future(self._writer.run(store)))
            result = IngestResult(
                stored=result.stored + stored.stored,
                duplicates=result.duplicates + stored.duplicates,
                left_out=result.left_out + stored.left_out,
                rejected=result.rejected + tuple((start + at, reason) for at, reason in stored.rejected),
            )
        return result

    async def list_traces(self, project_id: str, where: TraceFilter, page: Page) -> TracePage:
        """See StorageAdapter."""
        if page.cursor is not None:
            decode_cursor(page.cursor)

        def read(connection: Connection, project: int) -> TracePage:
            return page_of_records(connection, project, project_id, where, page)

        return await self._read(project_id, read, TracePage([], None), self._listers)

    async def search_traces(self, project_id: str, where: TraceFilter, text: str, page: Page) -> TracePage:
        """See StorageAdapter."""
        if page.cursor is not None:
            decode_cursor(page.cursor)
        page = replace(page, offset=0)

        def read(connection: Connection, project: int) -> TracePage:
            return page_of_found(connection, project, project_id, where, text, page)

        return await self._read(project_id, read, TracePage([], None), self._searchers)

    async def count_traces(self, project_id: str, where: TraceFilter, *, seconds: float = 0.5) -> Count:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> Count:
            return count_rows(connection, project, where, seconds)

        return await self._read(project_id, read, Count(0, exact=True))

    async def get_trace(self, project_id: str, trace_id: UUID) -> TraceRecord | None:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> TraceRecord | None:
            return find_record(connection, project, project_id, trace_id, bodies=True)

        return await self._read(project_id, read, None, self._quick_readers)

    async def bearing_on(
        self, project_id: str, otel_trace_id: bytes, otel_span_id: bytes | None = None
    ) -> Bearing:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> Bearing:
            return bearing_on(connection, project, otel_trace_id, otel_span_id)

        return await self._read(project_id, read, Bearing([], [], whole=True))

    async def get_traces(self, project_id: str, trace_ids: Sequence[UUID]) -> list[TraceRecord | None]:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> list[TraceRecord | None]:
            return find_records(connection, project, project_id, trace_ids)

        return await self._read(project_id, read, [None] * len(trace_ids), self._quick_readers)

    async def analytics(self, project_id: str, query: AnalyticsQuery) -> Analytics:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> Analytics:
            return analytics(connection, project, query)

        return await self._read(project_id, read, Analytics(UsageSummary(), []))

    async def create_project(self, project: Project, key: ApiKey) -> None:
        """See StorageAdapter."""
        await self._write(lambda connection: projects.insert_project(connection, project, key))

    async def create_first_project(self, project: Project, key: ApiKey) -> bool:
        """See StorageAdapter."""

        def write(connection: Connection) -> bool:
            connection.lock_projects()
            if projects.has_project(connection):
                return False
            projects.insert_project(connection, project, key)
            return True

        return await self._write(write)

    async def rename_project(self, project_id: str, name: str) -> bool:
        """See StorageAdapter."""
        return await self._write(lambda connection: projects.rename(connection, project_id, name))

    async def delete_project(self, project_id: str) -> Erasure:
        """See StorageAdapter."""
        order = await self._upkeep.order_deletion(project_id)
        self._projects.pop(project_id, None)
        return order

    async def list_projects(self) -> list[Project]:
        """See StorageAdapter."""
        return await self._quick_readers.run(projects.all_projects)

    async def create_key(self, key: ApiKey) -> None:
        """See StorageAdapter."""
        await self._write(lambda connection: projects.insert_key(connection, key))

    async def list_keys(self, project_id: str) -> list[ApiKey]:
        """See StorageAdapter."""
        return await self._quick_readers.run(lambda connection: projects.keys_of(connection, project_id))

    async def revoke_key(self, project_id: str, key_id: str, revoked_ns: int) -> bool:
        """See StorageAdapter."""
        return await self._write(
            lambda connection: projects.mark_revoked(connection, project_id, key_id, revoked_ns)
        )

    async def key_by_digest(self, digest: bytes) -> ApiKey | None:
        """See StorageAdapter."""
        return await self._quick_readers.run(lambda connection: projects.key_with_digest(connection, digest))

    async def touch_keys(self, key_ids: Collection[str], used_ns: int) -> None:
        """See StorageAdapter."""
        await self._write(lambda connection: projects.mark_used(connection, key_ids, used_ns))

    async def project_prices(self, project_id: str) -> ProjectPrices | None:
        """See StorageAdapter."""
        return await self._read(project_id, prices_of, None, self._quick_readers)

    async def put_project_prices(self, project_id: str, prices: ProjectPrices) -> None:
        """See StorageAdapter."""
        await self._write(lambda connection: put_prices(connection, project_id, prices))

    async def delete_project_prices(self, project_id: str) -> bool:
        """See StorageAdapter."""
        return await self._write(lambda connection: delete_prices(connection, project_id))

    async def reprice(
        self,
        project_id: str,
        job: RepriceJob,
        price: PriceSpan,
        so_far: Repriced,
        *,
        limit: int = 500,
        dry_run: bool = False,
    ) -> Repriced:
        """See StorageAdapter."""

        def write(connection: Connection) -> Repriced:
            project = projects.project_key(connection, project_id)
            if project is None:
                return replace(so_far, done=True)
            more = reprice_some(
                connection, project, job, price, so_far.position, limit=limit, dry_run=dry_run
            )
            found = so_far.plus(more)
            if not dry_run:
                set_mark(connection, project, job, found)
            return found

        return await self._write(write, None)

    async def repriced_so_far(self, project_id: str, job: RepriceJob) -> Repriced | None:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> Repriced | None:
            return mark_of(connection, project, job)

        return await self._read(project_id, read, None, self._quick_readers)

    async def unpriced_models(self, project_id: str, from_ns: int, before_ns: int) -> list[UnpricedModel]:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> list[UnpricedModel]:
            return unpriced_models(connection, project, from_ns, before_ns)

        return await self._read(project_id, read, [])

    async def unknown_usage_models(
        self, project_id: str, from_ns: int, before_ns: int
    ) -> list[UnknownUsageModel]:
        """See StorageAdapter."""

        def read(connection: Connection, project: int) -> list[UnknownUsageModel]:
            return unknown_usage_models(connection, project, from_ns, before_ns)

        return await self._read(project_id, read, [])

    async def check_writable(self) -> None:
        """See StorageAdapter."""
        if self._checked_s is not None and time.monotonic() - self._checked_s < _CHECK_EVERY_S:
            return
        self._checked_s = None
        await self._write(
            lambda connection: connection.execute("UPDATE store_check SET checked_ns = ?", (time.time_ns(),)),
            _CHECK_WITHIN_S,
        )
        self._checked_s = time.monotonic()

    def queue_depth(self) -> tuple[int, int]:
        """See StorageAdapter."""
        return self._writer.depth()

    async def close(self) -> None:
        """See StorageAdapter."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        # The last connection to close clears the log away, and only one that writes can.
        self._readers.close()
        self._quick_readers.close()
        self._searchers.close()
        if self._listers is not self._readers:
            self._listers.close()
        self._database.close()

    async def _read(
        self,
        project_id: str,
        read: Callable[[Connection, int], _Result],
        nothing: _Result,
        readers: Readers | None = None,
    ) -> _Result:
        """What `read` answers for a project, or `nothing` if there is no such project."""

        def of_project(connection: Connection) -> _Result:
            # Numbers are never given to another project; no key of a deleted one is valid.
            project = self._projects.get(project_id)
            if project is None:
                project = projects.project_key(connection, project_id)
                if project is None:
                    return nothing
                self._projects[project_id] = project
            return read(connection, project)

        return await (readers or self._readers).run(of_project)

    async def _write(
        self, write: Callable[[Connection], _Result], within_s: float | None = WRITE_DEADLINE_S
    ) -> _Result:
        """Run and commit `write` behind what waits. Past the deadline it may still be run."""
        future = asyncio.wrap_future(self._writer.run(lambda: self._database.transact(write)))
        async with answer_within(within_s):
            return await asyncio.shield(future)
