"""Show the progress of a command on stderr: one line that is rewritten, or periodic lines in a log."""

from __future__ import annotations

import sys
import time

_EVERY_S = 0.2
_EVERY_S_IN_LOGS = 5.0


class Progress:
    """The progress line of one command; a context manager, which ends the line."""

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
        """Return the seconds since this object was created, never zero."""
        return max(time.monotonic() - self._started_s, 1e-6)

    def show(self, text: str, *, now: bool = False) -> None:
        """Show the text, unless the last one was shown a moment ago and `now` is false."""
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
