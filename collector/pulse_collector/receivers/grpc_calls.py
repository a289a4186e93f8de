"""Limits how many gRPC calls read and are handled at once, so that one project cannot occupy all threads."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pulse_collector.refusals import overloaded


class Slots:
    """Slots for calls, with a maximum in total and for each project. Thread-safe."""

    def __init__(self, total: int, of_project: int, what: str) -> None:
        self._total = total
        self._of_project = of_project
        self._what = what
        self._taken: Counter[str] = Counter()
        self._sum = 0
        self._changed = threading.Condition(threading.Lock())

    @contextmanager
    def slot(self, project_id: str, wait_s: float = 0.0) -> Generator[None]:
        """Occupy a slot while the block runs. Raises Refusal (503) if none is free within `wait_s`."""
        with self._changed:
            if not self._is_free(project_id) and not (
                wait_s and self._changed.wait_for(lambda: self._is_free(project_id), wait_s)
            ):
                raise overloaded(f"Too many calls {self._what} already.")
            self._taken[project_id] += 1
            self._sum += 1
        try:
            yield
        finally:
            with self._changed:
                self._sum -= 1
                self._taken[project_id] -= 1
                if not self._taken[project_id]:
                    del self._taken[project_id]
                self._changed.notify_all()

    def _is_free(self, project_id: str) -> bool:
        return self._sum < self._total and self._taken[project_id] < self._of_project


class Watchdog:
    """Cancels calls whose message does not arrive in time.

    One thread checks all of them twice a second: a timer for each call would cost more than the call.
    """

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        #: For each call its deadline and the function that cancels it, in the order in which they began.
        self._waiting: dict[object, tuple[float, Callable[[], object]]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse-grpc-watchdog", daemon=True)
        self._thread.start()

    @contextmanager
    def watch(self, cancel: Callable[[], object]) -> Generator[None]:
        """Cancel the call if this block lasts longer than the deadline."""
        token = object()
        with self._lock:
            self._waiting[token] = time.monotonic() + self._deadline_s, cancel
        try:
            yield
        finally:
            with self._lock:
                self._waiting.pop(token, None)

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(min(0.5, self._deadline_s / 4)):
            now = time.monotonic()
            with self._lock:
                overdue = [token for token, (at, _) in self._waiting.items() if at <= now]
                cancels = [self._waiting.pop(token)[1] for token in overdue]
            for cancel in cancels:
                cancel()
