"""A connection that is opened on first use and reopened after a loss, with exponential backoff."""

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
    """The state of the server as all threads of a process share it: URL, backoff, prepared statements.

    Each failed attempt to connect doubles the pause before the next one, up to five seconds. The pause is
    partly random, so that processes do not connect at the same time.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.place = place_of(url)
        #: Whether connections may use prepared statements. False once a pooler has lost some.
        self.prepares = True
        self._lock = threading.Lock()
        self._pause_s = _FIRST_PAUSE_S
        self._until_s = 0.0
        self._message = ""

    def check(self) -> None:
        """Raise StoreUnavailable during the pause after a failed attempt."""
        with self._lock:
            if time.monotonic() < self._until_s:
                raise StoreUnavailable(self._message)

    def failed(self, message: str) -> None:
        """Start a pause after a failed attempt to connect; `check` raises with this message."""
        with self._lock:
            self._message = message
            self._until_s = time.monotonic() + self._pause_s * random.uniform(0.5, 1.0)
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def worked(self) -> None:
        """Note that a connection was opened: the next failure starts with the shortest pause."""
        with self._lock:
            self._pause_s = _FIRST_PAUSE_S


class ReconnectingConnection:
    """One thread's connection; one that writes yields to reads (`priority`)."""

    def __init__(self, server: ConnectBackoff, priority: ReadPriority | None = None) -> None:
        self.server = server
        self._priority = priority
        self._connection: PostgresConnection | None = None

    def connection(self) -> PostgresConnection:
        """Return the open connection; open it if necessary. Raises StoreUnavailable if that fails."""
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
        """End the transaction of the last read. Does not raise: after an error, the connection is dropped."""
        if self._connection is not None:
            try:
                self._connection.end_reading()
            except psycopg.Error:
                self.drop()

    def recover(self, error: psycopg.Error, *, again: bool) -> None:
        """Drop the connection after a failed read, if a new connection may help.

        Raises StoreUnavailable otherwise, and if this was the second attempt (`again`).
        """
        if isinstance(error, LOST_PREPARED_STATEMENTS):
            self.stop_preparing()
        elif not is_lost(error):
            raise unavailable(self.server.place, error) from error
        self.drop()
        if again:
            raise unavailable(self.server.place, error) from error

    def stop_preparing(self) -> None:
        """Stop using prepared statements in all threads, and drop this connection."""
        if self.server.prepares:
            self.server.prepares = False
            _log.warning(
                "%s is behind a pooler that keeps no prepared statements: none are used", self.server.place
            )
        self.drop()

    def drop(self) -> None:
        """Close the connection; `connection` opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def cancel(self) -> None:
        """Cancel the running statement, from another thread."""
        connection = self._connection
        if connection is not None:
            connection.raw.cancel()
