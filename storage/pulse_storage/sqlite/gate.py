"""Holds reads back for the moment in which the writer begins the log anew."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager


class ReadGate:
    """Counts the reads that may use the log. SQLite can begin it anew only while there are none."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._reads = 0
        self._is_shut = False

    @contextmanager
    def read(self) -> Generator[None, None, None]:
        """Around all of a read; waits while the gate is shut. From any thread, not nested."""
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
        """Let no read begin within; True if those that ran have ended in time. From the writer's thread."""
        with self._changed:
            self._is_shut = True
            nobody_reads = self._changed.wait_for(lambda: not self._reads, patience_s)
        try:
            yield nobody_reads
        finally:
            with self._changed:
                self._is_shut = False
                self._changed.notify_all()
