"""Send spans on SIGTERM, then let the application's own handler or the default action follow."""

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
    """Install a handler of SIGTERM that flushes, then calls the present handler or ends the process.

    `before_death` is called first if there is no present handler, so that the process is sure to end.

    Does nothing if the application ignores the signal, and outside the main thread, where Python allows no
    handlers. A handler that the application installs later replaces this one. Does nothing either in a child
    process of multiprocessing without a handler: Python delays a handler while C code blocks, and a pool
    that ends its workers by SIGTERM would wait for it.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    previous = signal.getsignal(signal.SIGTERM)
    # None: the handler was not installed from Python, so it cannot be called.
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
        multiprocessing_util.register_after_fork(handle, _restore_default_action)


def _is_child() -> bool:
    """Return whether this is a child process of multiprocessing, or of billiard, Celery's fork of it.

    Billiard registers its processes with multiprocessing, but not their parents.
    """
    return parent_process() is not None or getattr(current_process(), "_parent_pid", None) is not None


def _restore_default_action(handle: Callable[[int, FrameType | None], None]) -> None:
    """Restore the default action of SIGTERM in a forked child of multiprocessing."""
    if signal.getsignal(signal.SIGTERM) is handle:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
