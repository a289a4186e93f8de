"""Calls whose stream was dropped by the application: ended later, outside the garbage collector.

A destructor may run anywhere, also inside a lock of a span processor. So it only leaves the call
here; the next call, `flush()` or the exporter's thread ends it, with the time of its last chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue

_waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()


def leave(end: Callable[[], None]) -> None:
    """Leave what ends a call. Safe in destructors and signal handlers."""
    _waiting.put(end)


def any_abandoned() -> bool:
    """Whether a call waits to be ended."""
    return not _waiting.empty()


def end_abandoned() -> None:
    """End every call that was left."""
    while not _waiting.empty():
        try:
            end = _waiting.get_nowait()
        except Empty:
            return
        end()
