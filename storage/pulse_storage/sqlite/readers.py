"""A pool of threads that read SQLite, with a read-only connection each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw

from pulse_storage.errors import StoreUnavailable, StoreUnusable
from pulse_storage.runtime.read_priority import ReadPriority
from pulse_storage.runtime.thread_pool import LifoThreadPool
from pulse_storage.sqlite.apsw_connection import ApswConnection
from pulse_storage.sqlite.connection import open_reader, unavailable
from pulse_storage.sqlite.gate import ReadGate

_Result = TypeVar("_Result")
_STEPS_BETWEEN_LOOKS = 10_000


class SqliteReaders:
    """Runs reads, each on one snapshot of the store, for at most `max_read_s` seconds.

    A longer read would block the WAL reset: the WAL would grow until the disk is full.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int,
        max_read_s: float = 10.0,
        priority: ReadPriority | None = None,
        gate: ReadGate | None = None,
    ) -> None:
        self._path = path
        self._max_read_s = max_read_s
        self._closing = False
        self._gate = gate or ReadGate()
        self._threads = LifoThreadPool(threads, "pulse-read", priority)
        self._mine = threading.local()
        self._opened: list[ApswConnection] = []

    async def run(self, read: Callable[[ApswConnection], _Result]) -> _Result:
        """Run `read` and return its result. Raises StoreUnavailable; after `max_read_s`, QueryTooSlow."""
        return await self._threads.run(lambda: self._run_in_gate(read))

    def close(self) -> None:
        """Cancel running reads, then close their connections. Blocks until their threads have ended."""
        self._closing = True
        self._threads.close()
        while self._opened:
            self._opened.pop().close()

    def _run_in_gate(self, read: Callable[[ApswConnection], _Result]) -> _Result:
        with self._gate.read():
            return self._run(read)

    def _run(self, read: Callable[[ApswConnection], _Result]) -> _Result:
        if self._closing:
            raise StoreUnavailable("the store is closed")
        try:
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return read(connection)
            finally:
                connection.close_cursors()
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except StoreUnusable as error:
            raise StoreUnavailable(str(error)) from error
        except apsw.Error as error:
            if self._closing:
                raise StoreUnavailable("the store is closed") from error
            raise unavailable(self._path, error) from error

    def _connection(self) -> ApswConnection:
        self._mine.deadline = time.monotonic() + self._max_read_s
        connection: ApswConnection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = open_reader(self._path)
            connection.set_progress_handler(self._is_late, _STEPS_BETWEEN_LOOKS)
            self._mine.connection = connection
            self._opened.append(connection)
        return connection

    def _is_late(self) -> bool:
        return self._closing or time.monotonic() > self._mine.deadline
