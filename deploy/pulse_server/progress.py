"""Tells on stderr how far a long command is: one line rewritten on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time

_EVERY_S = 0.2
_EVERY_S_IN_LOGS = 5.0


class Progress:
    """The current state of one command; use as a context manager, so that the last line is ended."""

    def __init__(self) -> None:
        self._rewrites = sys.stderr.isatty()
        self._shown_s = 0.0 if self._rewrites else time.monotonic()
        self._width = 0
        self._started_s = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            sys.stderr.write("\n")
            self._width = 0

    @property
    def elapsed_s(self) -> float:
        """Since it was made; never zero."""
        return max(time.monotonic() - self._started_s, 1e-6)

    def show(self, text: str, *, now: bool = False) -> None:
        """The state by now; shown if the last was long enough ago, or if it must be."""
        every_s = _EVERY_S if self._rewrites else _EVERY_S_IN_LOGS
        if not now and time.monotonic() - self._shown_s < every_s:
            return
        self._shown_s = time.monotonic()
        if self._rewrites:
            sys.stderr.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()
