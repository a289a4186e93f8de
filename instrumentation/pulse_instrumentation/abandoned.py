"""Calls whose stream was dropped by the application: ended later, outside the garbage collector.

A destructor may run anywhere, also inside a lock of a span processor. So it only leaves the call
here; the next call, `flush()` or the exporter's thread ends it, with the time of its last chunk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

# Its methods are atomic, and safe where a destructor interrupts another of them.
_waiting: deque[Callable[[], None]] = deque()


def leave(end: Callable[[], None]) -> None:
    """Leave what ends a call. Safe in destructors and signal handlers."""
    _waiting.append(end)


def any_abandoned() -> bool:
    """Whether a call waits to be ended."""
    return bool(_waiting)


def end_abandoned() -> None:
    """End every call that was left."""
    while _waiting:
        try:
            end = _waiting.popleft()
        except IndexError:
            return
        end()
