"""Counts the rejected spans of each project since the process started."""

from __future__ import annotations

import time
from collections import Counter
from threading import Lock


class RejectedSpans:
    """The number of spans that were reported as rejected to senders, by project. Thread-safe.

    Spans that were answered 503 are not included: their sender sends them again.
    """

    def __init__(self) -> None:
        self._since_ns = time.time_ns()
        self._spans: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, project_id: str, spans: int) -> None:
        """Count rejected spans of a project."""
        if spans:
            with self._lock:
                self._spans[project_id] += spans

    def of(self, project_id: str) -> tuple[int, int]:
        """Return the rejected spans of a project, and since when they are counted, in Unix nanoseconds."""
        return self._spans[project_id], self._since_ns
