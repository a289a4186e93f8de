"""Celery: its workers leave by `os._exit()`, so they send when it says that a task or a process ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Protocol, cast

_SIGNALS = "celery.signals"
_RECEIVER = "pulse-instrumentation"


class _Signal(Protocol):
    def connect(self, receiver: Callable[..., None], *, weak: bool, dispatch_uid: str) -> object: ...


class _Signals(Protocol):
    """What is used of the module."""

    task_postrun: _Signal
    worker_process_shutdown: _Signal


def send_from_workers(send_soon: Callable[[], None], shutdown: Callable[[], None]) -> None:
    """Have `send_soon` called after each task and `shutdown` when a worker process ends in peace.

    A worker that is told to stop at once dies of SIGTERM, and of no handler of ours, as a task may keep
    Python from running one: what tasks recorded that had ended is on its way by then. Does nothing where
    Celery is not installed; may be called before Celery is imported, and again.
    """

    def connect(signals: object) -> None:
        found = cast("_Signals", signals)
        for signal, act in ((found.task_postrun, send_soon), (found.worker_process_shutdown, shutdown)):
            signal.connect(_receiver(act), weak=False, dispatch_uid=_RECEIVER)

    if _SIGNALS in sys.modules:
        connect(sys.modules[_SIGNALS])
    elif "celery" in sys.modules or find_spec("celery") is not None:
        import wrapt

        wrapt.register_post_import_hook(connect, _SIGNALS)


def _receiver(act: Callable[[], None]) -> Callable[..., None]:
    def receive(**_facts: object) -> None:
        act()

    return receive
