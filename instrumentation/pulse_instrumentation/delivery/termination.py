"""SIGTERM: what is recorded is sent first, then the application's own behaviour follows."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import current_process, parent_process
from multiprocessing import util as multiprocessing_util
from types import FrameType

FLUSH_TIMEOUT_MS = 1000


def flush_on_termination(flush: Callable[[int], bool], before_death: Callable[[], None]) -> None:
    """Flush before the present handler of SIGTERM acts, or before the process dies of it.

    `before_death` is called first when no handler will act, so that the process is sure to die.

    A signal that the application ignores stays ignored; a handler that it installs later replaces
    this one. Outside the main thread Python allows no handlers, so nothing happens there. In a child of
    multiprocessing a signal that nobody handles keeps killing at once: Python lets a handler wait for
    whatever blocks in C, and a pool that ends its workers by this signal would wait with it.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    previous = signal.getsignal(signal.SIGTERM)
    # None: a handler that was not installed from Python, which cannot be chained.
    if previous is None or previous == signal.SIG_IGN:
        return
    if not callable(previous) and _is_child():
        return

    def handle(number: int, frame: FrameType | None) -> None:
        try:
            if not callable(previous):
                before_death()
            flush(FLUSH_TIMEOUT_MS)
        finally:
            if callable(previous):
                previous(number, frame)
            else:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, handle)
    if not callable(previous):
        multiprocessing_util.register_after_fork(handle, _let_it_kill)


def _is_child() -> bool:
    """Whether this is a child of multiprocessing, or of billiard, which is Celery's own edition of it.

    Billiard tells multiprocessing of its processes, though not of their parents.
    """
    return parent_process() is not None or getattr(current_process(), "_parent_pid", None) is not None


def _let_it_kill(handle: Callable[[int, FrameType | None], None]) -> None:
    """In a forked child of multiprocessing: no handler where the parent had none of its own."""
    if signal.getsignal(signal.SIGTERM) is handle:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
