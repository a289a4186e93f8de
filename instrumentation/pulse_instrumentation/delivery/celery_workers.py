"""Send spans from Celery's workers, which exit by `os._exit()`, when a task or a worker process ends."""

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
    """The part of `celery.signals` that is used."""

    task_postrun: _Signal
    worker_process_shutdown: _Signal


def send_from_workers(send_soon: Callable[[], None], shutdown: Callable[[], None]) -> None:
    """Register `send_soon` for the end of each task and `shutdown` for the regular end of a worker process.

    A worker that is stopped at once (cold shutdown, time limit) dies of SIGTERM without a handler, because a
    task in C code would delay a Python handler. `send_soon` has then sent the spans of the tasks that have
    ended. Does nothing without Celery. May be called before Celery is imported, and several times.
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
