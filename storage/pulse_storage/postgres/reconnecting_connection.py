"""A connection that is opened when it is needed, and opened anew when it was lost, without a storm."""

from __future__ import annotations

import logging
import random
import threading
import time

import psycopg

from pulse_storage.errors import StoreUnavailable
from pulse_storage.postgres.connection import PostgresConnection, connect, place_of
from pulse_storage.postgres.translate_errors import LOST_PREPARED_STATEMENTS, is_lost, unavailable
from pulse_storage.runtime.read_priority import ReadPriority

_log = logging.getLogger(__name__)
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class ConnectBackoff:
    """What all threads of a process know of the server that they talk to.

    One that does not answer is asked only now and then: each failure doubles the pause, up to five seconds;
    by chance, so that processes do not ask together.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.place = place_of(url)
        #: Whether a connection may keep statements prepared: not behind a pooler that mixes them up.
        self.prepares = True
        self._lock = threading.Lock()
        self._pause_s = _FIRST_PAUSE_S
        self._until_s = 0.0
        self._told = ""

    def check(self) -> None:
        """Raise StoreUnavailable while the last failure is fresh."""
        with self._lock:
            if time.monotonic() < self._until_s:
                raise StoreUnavailable(self._told)

    def failed(self, told: str) -> None:
        """Note that a connection could not be opened."""
        with self._lock:
            self._told = told
            self._until_s = time.monotonic() + self._pause_s * random.uniform(0.5, 1.0)
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def worked(self) -> None:
        """Note that a connection was opened."""
        with self._lock:
            self._pause_s = _FIRST_PAUSE_S


class ReconnectingConnection:
    """One thread's connection; one that writes yields to reads (`priority`)."""

    def __init__(self, server: ConnectBackoff, priority: ReadPriority | None = None) -> None:
        self.server = server
        self._priority = priority
        self._connection: PostgresConnection | None = None

    def connection(self) -> PostgresConnection:
        """The open connection. Raises StoreUnavailable if the server cannot be reached now."""
        connection = self._connection
        if connection is None or connection.raw.closed:
            self.server.check()
            try:
                connection = self._connection = connect(
                    self.server.url, prepares=self.server.prepares, priority=self._priority
                )
            except psycopg.Error as error:
                failure = unavailable(self.server.place, error)
                self.server.failed(str(failure))
                raise failure from error
            self.server.worked()
        return connection

    def end(self) -> None:
        """End the read that was begun last. Does not wait for the server, nor raise: the next read will."""
        if self._connection is not None:
            try:
                self._connection.end_reading()
            except psycopg.Error:
                self.drop()

    def recover(self, error: psycopg.Error, *, again: bool) -> None:
        """Have a new connection for a read that failed, if that may help and is not tried `again`.

        Raises StoreUnavailable if not.
        """
        if isinstance(error, LOST_PREPARED_STATEMENTS):
            self.stop_preparing()
        elif not is_lost(error):
            raise unavailable(self.server.place, error) from error
        self.drop()
        if again:
            raise unavailable(self.server.place, error) from error

    def stop_preparing(self) -> None:
        """Open a connection that prepares nothing, here and in all threads."""
        if self.server.prepares:
            self.server.prepares = False
            _log.warning(
                "%s is behind a pooler that keeps no prepared statements: none are used", self.server.place
            )
        self.drop()

    def drop(self) -> None:
        """Close the connection; the next one is a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def cancel(self) -> None:
        """Cut short what runs, from another thread."""
        connection = self._connection
        if connection is not None:
            connection.raw.cancel()
