"""End calls whose stream was dropped or left open by the application, soon and outside its own code.

A destructor may run anywhere, also inside a lock of a span processor. So it only leaves the call here,
and starts a thread that ends it, with the time of its last chunk. The thread ends when nothing is left;
a process without dropped streams never has one. Where no thread can be started, the next call, `flush()`
or the exporter's thread ends the call.
"""

from __future__ import annotations

import _thread
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol
from weakref import ReferenceType, ref

from pulse_instrumentation.failures import report_failure

# Its methods are atomic, and safe where a destructor interrupts another of them.
_waiting: deque[Callable[[], None]] = deque()
# Held while calls are ended. Reentrant, as a span processor may cause further ones to be left, and ended.
_ending = threading.RLock()
_thread_runs = False

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
    """Leave what ends a call to a thread. Safe in destructors and signal handlers."""
    global _thread_runs
    _waiting.append(end)
    if _thread_runs:
        return
    _thread_runs = True
    try:
        # Not `threading.Thread`, whose start takes locks that the interrupted code may hold. The attribute
        # is read now, as gevent replaces it.
        _thread.start_new_thread(_end_all, ())
    except Exception:
        # The interpreter is ending, or the platform has no threads.
        _thread_runs = False


def end_after(delay_s: float, end: Callable[[], None]) -> None:
    """Call `end` in a thread after a delay. Safe in destructors and signal handlers."""
    # Where no thread can be started, the garbage collector causes the same end.
    with suppress(Exception):
        _thread.start_new_thread(_end_after, (delay_s, end))


def _end_after(delay_s: float, end: Callable[[], None]) -> None:
    try:
        time.sleep(delay_s)
        end()
    except Exception as error:
        report_failure("ending a dropped stream", error)


def any_abandoned() -> bool:
    """Whether a call waits to be ended."""
    return bool(_waiting)


def end_abandoned(timeout_s: float = 1.0) -> bool:
    """End every call that was left. False if those that a thread is ending take longer than the timeout."""
    if not _ending.acquire(timeout=timeout_s):
        return False
    try:
        while _waiting:
            try:
                end = _waiting.popleft()
            except IndexError:
                break
            end()
    finally:
        _ending.release()
    return True


def _end_all() -> None:
    global _thread_runs
    try:
        while True:
            done = end_abandoned(timeout_s=60.0)
            _thread_runs = False
            # A call may have been left before the flag was cleared: no other thread was started for it.
            if not (done and _waiting):
                return
            _thread_runs = True
    except Exception as error:
        _thread_runs = False
        report_failure("ending a dropped stream", error)


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
    global process, _ending, _thread_runs
    process = object()
    _ending = threading.RLock()
    _thread_runs = False
    _waiting.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
