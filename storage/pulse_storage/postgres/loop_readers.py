"""Reads that wait for the server in the caller's event loop: two wake-ups an answer, by a thread four."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import psycopg

from pulse_storage.errors import StoreUnavailable
from pulse_storage.postgres.connection import PostgresConnection
from pulse_storage.postgres.link import Link, Server
from pulse_storage.postgres.links import Links
from pulse_storage.postgres.readers import MAX_WAIT_S, SHORT_SETTINGS
from pulse_storage.postgres.suspended import Suspended
from pulse_storage.sql.right_of_way import RightOfWay
from pulse_storage.sql.threads import AnsweringThreads

_Result = TypeVar("_Result")


class LoopReaders:
    """Runs short reads, each on one snapshot of the store and on one of a few connections.

    What they compute holds up the caller's event loop: they are for pages of rows, not for sums or bodies.
    """

    def __init__(self, server: Server, *, connections: int, way: RightOfWay | None = None) -> None:
        self._way = way or RightOfWay()
        self._links = Links([Link(server) for _ in range(connections)])
        #: Opens connections, which takes several round trips. One thread, so that no link is opened twice.
        self._opening = AnsweringThreads(1, "pulse-connect")

    async def run(self, read: Callable[[PostgresConnection], _Result]) -> _Result:
        """What `read` answers. Raises StoreUnavailable, which is QueryTooSlow after ten seconds."""
        loop = asyncio.get_running_loop()
        self._way.begin()
        try:
            async with asyncio.timeout(MAX_WAIT_S):
                link = await self._links.take()
                try:
                    return await self._run(link, read)
                finally:
                    self._links.give_back(link)
                    # Whoever has the answer goes on before that.
                    loop.call_soon(self._links.end, link)
        except TimeoutError as error:
            raise StoreUnavailable("the database does not answer; try again") from error
        finally:
            # Not at once: the writer that this wakes can take the processor from whoever has the answer now.
            loop.call_soon(self._way.end)

    def close(self) -> None:
        """Cut short the reads that run, then close their connections. Blocks until their loop ended them."""
        self._links.cut_short(MAX_WAIT_S)
        self._opening.close()
        self._links.drop()

    async def _run(self, link: Link, read: Callable[[PostgresConnection], _Result]) -> _Result:
        again = False
        while True:
            self._links.check()
            try:
                connection = link.opened or await self._opening.run(link.connection)
                return await _suspended(link, partial(_read, connection, read))
            except psycopg.Error as error:
                self._links.check()
                link.recover(error, again=again)
                # The server may have been restarted since the last read.
                again = True


async def _suspended(link: Link, function: Callable[[], _Result]) -> _Result:
    running = Suspended(function)
    try:
        return await running.answer
    finally:
        if not running.dead:
            # Whoever waited has given up in the midst of a statement, whose answer nobody would read.
            running.abandon()
            link.drop()


def _read(connection: PostgresConnection, read: Callable[[PostgresConnection], _Result]) -> _Result:
    connection.begin_reading(SHORT_SETTINGS)
    return read(connection)
