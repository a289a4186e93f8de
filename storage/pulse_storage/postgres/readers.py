"""A pool of threads that read PostgreSQL, with a connection each: queries must not block the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import LiteralString, TypeVar

import psycopg

from pulse_storage.errors import StoreUnavailable
from pulse_storage.postgres.connection import PostgresConnection
from pulse_storage.postgres.reconnecting_connection import ConnectBackoff, ReconnectingConnection
from pulse_storage.runtime.read_priority import ReadPriority
from pulse_storage.runtime.thread_pool import LifoThreadPool

_Result = TypeVar("_Result")
#: A sequential scan of spans reads the rows of all projects, so plans must use indexes.
_SETTINGS = (
    "statement_timeout = 10000; lock_timeout = 5000; idle_in_transaction_session_timeout = 20000;"
    " enable_seqscan = off; jit = off"
)
#: For reads of few rows. Planning for all partitions takes longer than execution, so plans are cached.
#: A bitmap scan loses the order of its index: it reads all matching rows, where a list needs fifty.
_SHORT_SETTINGS = (
    f"{_SETTINGS}; plan_cache_mode = force_generic_plan; max_parallel_workers_per_gather = 0;"
    " enable_bitmapscan = off"
)
#: A stopped server keeps its connections open without an answer: a caller waits no longer than this.
MAX_WAIT_S = 15.0


class PostgresReaders:
    """Runs reads, each on one snapshot of the store.

    `short` reads cache generic plans. Sums over a range of time would take twice as long with those.
    """

    def __init__(
        self,
        server: ConnectBackoff,
        *,
        threads: int,
        short: bool = False,
        priority: ReadPriority | None = None,
    ) -> None:
        self._server = server
        self._settings: LiteralString = _SHORT_SETTINGS if short else _SETTINGS
        self._closing = False
        self._threads = LifoThreadPool(threads, "pulse-read", priority)
        self._mine = threading.local()
        self._links: list[ReconnectingConnection] = []

    async def run(self, read: Callable[[PostgresConnection], _Result]) -> _Result:
        """Run `read` and return its result. Raises StoreUnavailable; after ten seconds, QueryTooSlow."""
        try:
            async with asyncio.timeout(MAX_WAIT_S):
                return await self._threads.run(lambda: self._run(read), lambda: self._link().end())
        except TimeoutError as error:
            raise StoreUnavailable("the database does not answer; try again") from error

    def close(self) -> None:
        """Cancel running reads, then close their connections. Blocks until their threads have ended."""
        self._closing = True
        for link in self._links:
            link.cancel()
        self._threads.close()
        while self._links:
            self._links.pop().drop()

    def _run(self, read: Callable[[PostgresConnection], _Result]) -> _Result:
        link = self._link()
        again = False
        while True:
            if self._closing:
                raise StoreUnavailable("the store is closed")
            try:
                connection = link.connection()
                connection.begin_reading(self._settings)
                return read(connection)
            except psycopg.Error as error:
                if self._closing:
                    raise StoreUnavailable("the store is closed") from error
                link.recover(error, again=again)
                # One more attempt: the server may have been restarted since the last read.
                again = True

    def _link(self) -> ReconnectingConnection:
        link: ReconnectingConnection | None = getattr(self._mine, "link", None)
        if link is None:
            link = self._mine.link = ReconnectingConnection(self._server)
            self._links.append(link)
        return link
