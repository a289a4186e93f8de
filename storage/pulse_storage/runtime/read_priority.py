"""ReadPriority: cooperative priority for reads over CPU-bound threads of the same process (ADR 0015)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")

#: A thread waits for the reads in progress at most this long; for each read it waits once.
_LONGEST_S = 0.016


class _WaitState(threading.local):
    """How many reads had started when the thread last waited, and the earliest time of its next wait."""

    seen = 0
    not_before_s = 0.0


class ReadPriority:
    """Counts reads in progress; threads that write or map spans wait for them between two steps.

    The interpreter runs one thread at a time. A read releases the interpreter's lock at each row, and gets it
    back only after the switch interval of a CPU-bound thread. A thread that yields keeps at least half of its
    time, however many reads there are.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._in_progress = 0
        self._started = 0
        self._wait_state = _WaitState()

    def read_started(self) -> None:
        """Count a read as in progress. Thread-safe."""
        with self._changed:
            self._in_progress += 1
            self._started += 1

    def read_finished(self) -> None:
        """Count a read as finished. Thread-safe."""
        with self._changed:
            self._in_progress -= 1
            if not self._in_progress:
                self._changed.notify_all()

    def yield_to_readers(self) -> None:
        """Wait until no read is in progress, at most 16 ms and once for each read. Thread-safe, cheap.

        Returns at once in a thread that runs an event loop, since that thread may serve the read.
        """
        if not self._in_progress:
            return
        state = self._wait_state
        if state.seen == self._started:
            return
        began_s = time.monotonic()
        if began_s < state.not_before_s or _runs_a_loop():
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._in_progress, _LONGEST_S)
            state.seen = self._started
        now_s = time.monotonic()
        state.not_before_s = now_s + (now_s - began_s)

    def each(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield the items, and yield to readers before each."""
        for item in items:
            self.yield_to_readers()
            yield item


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
