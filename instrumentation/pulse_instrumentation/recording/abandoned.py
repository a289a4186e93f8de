"""Calls whose stream was dropped or left open by the application, and the process that they belong to.

A destructor may run anywhere, also inside a lock of a span processor. So it only leaves the call
here; the next call, `flush()` or the exporter's thread ends it, with the time of its last chunk.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Protocol
from weakref import ReferenceType, ref

# Its methods are atomic, and safe where a destructor interrupts another of them.
_waiting: deque[Callable[[], None]] = deque()

process = object()
"""Stands for this process: another object in each forked child. Read it as an attribute of the module."""


class Stream(Protocol):
    """A streamed call that can be left."""

    def abandon(self) -> None:
        """End soon, unless ended. Safe in destructors and signal handlers."""
        ...


# A plain dict: one with weak values takes several times as long to note a stream.
_streams: dict[int, ReferenceType[Stream]] = {}


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


def remember_stream(stream: Stream) -> None:
    """Take note of a stream until it is forgotten, in case the process ends before it does."""
    _streams[id(stream)] = ref(stream)


def forget_stream(stream: Stream) -> None:
    """Take note that a stream has ended, or is about to be freed. Safe in destructors and signal handlers."""
    _streams.pop(id(stream), None)


def leave_streams() -> None:
    """Leave every stream that is open, because nobody will read on: the process is about to end."""
    # Of a copy, which is made at once: streams may be forgotten meanwhile.
    for reference in _streams.copy().values():
        if (stream := reference()) is not None:
            stream.abandon()


def _forget() -> None:
    """In a forked child: what was running is the parent's to end."""
    global process
    process = object()
    _waiting.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
