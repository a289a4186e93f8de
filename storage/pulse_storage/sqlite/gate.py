"""Blocks new reads while the writer resets the WAL."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager


class ReadGate:
    """Counts running reads. SQLite can reset the WAL only while there are none."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._reads = 0
        self._is_shut = False

    @contextmanager
    def read(self) -> Generator[None, None, None]:
        """Enclose a read; wait while the gate is shut. For any thread, not nested."""
        with self._changed:
            while self._is_shut:
                self._changed.wait()
            self._reads += 1
        try:
            yield
        finally:
            with self._changed:
                self._reads -= 1
                if not self._reads:
                    self._changed.notify_all()

    @contextmanager
    def shut(self, patience_s: float) -> Generator[bool, None, None]:
        """Block new reads in the block; yield whether the running ones ended within `patience_s` seconds.

        For the writer thread.
        """
        with self._changed:
            self._is_shut = True
            is_free = self._changed.wait_for(lambda: not self._reads, patience_s)
        try:
            yield is_free
        finally:
            with self._changed:
                self._is_shut = False
                self._changed.notify_all()
