"""End calls whose stream the application has dropped or left open, in a thread.

A destructor may run anywhere, also while a span processor holds a lock. So it only queues the end of the
call, and starts a thread that ends it with the time of its last chunk. The thread exits when the queue is
empty. If no thread can be started, the next call, `flush()` or the exporter's thread ends the call.
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

# The methods of a deque are atomic, also when a destructor interrupts one of them.
_waiting: deque[Callable[[], None]] = deque()
# Held while calls are ended. Reentrant, as a span processor may drop and end further streams.
_ending = threading.RLock()
_thread_runs = False

process = object()
"""Identifies this process: each forked child has a new object. Read it as `abandoned.process`."""


class Stream(Protocol):
    """A streamed call that can be abandoned."""

    def abandon(self) -> None:
        """Queue the end of the call, unless it has ended. Safe in destructors and signal handlers."""
        ...


# A plain dict: inserting into a `WeakValueDictionary` takes several times as long.
_streams: dict[int, ReferenceType[Stream]] = {}


def end_soon(end: Callable[[], None]) -> None:
    """Call `end` soon, in a thread. Safe in destructors and signal handlers."""
    global _thread_runs
    _waiting.append(end)
    if _thread_runs:
        return
    _thread_runs = True
    try:
        # Not `threading.Thread`, whose start takes locks that the interrupted code may hold. The function
        # is looked up at each call, as gevent replaces it.
        _thread.start_new_thread(_end_all, ())
    except Exception:
        # The interpreter is shutting down, or the platform has no threads.
        _thread_runs = False


def end_after(delay_s: float, end: Callable[[], None]) -> None:
    """Call `end` in a thread after a delay. Safe in destructors and signal handlers.

    Does nothing if no thread can be started; the garbage collector ends the call later.
    """
    with suppress(Exception):
        _thread.start_new_thread(_end_after, (delay_s, end))


def _end_after(delay_s: float, end: Callable[[], None]) -> None:
    try:
        time.sleep(delay_s)
        end()
    except Exception as error:
        report_failure("ending a dropped stream", error)


def any_abandoned() -> bool:
    """Return whether abandoned calls are queued."""
    return bool(_waiting)


def end_abandoned(timeout_s: float = 1.0) -> bool:
    """End every queued call. Return False if another thread is ending calls and exceeds the timeout."""
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
            # A call may have been queued before the flag was cleared, without a new thread for it.
            if not (done and _waiting):
                return
            _thread_runs = True
    except Exception as error:
        _thread_runs = False
        report_failure("ending a dropped stream", error)


def register_stream(stream: Stream) -> None:
    """Register an open stream, so that `abandon_open_streams()` ends it when the process ends."""
    _streams[id(stream)] = ref(stream)


def unregister_stream(stream: Stream) -> None:
    """Unregister a stream that has ended or is being freed. Safe in destructors and signal handlers."""
    _streams.pop(id(stream), None)


def abandon_open_streams() -> None:
    """Abandon every open stream, because the process is about to end."""
    # Over a copy, as other threads may unregister streams during the loop.
    for reference in _streams.copy().values():
        if (stream := reference()) is not None:
            stream.abandon()


def _reset_child() -> None:
    """Reset the module in a forked child: the parent ends the queued calls and open streams."""
    global process, _ending, _thread_runs
    process = object()
    _ending = threading.RLock()
    _thread_runs = False
    _waiting.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_child)
