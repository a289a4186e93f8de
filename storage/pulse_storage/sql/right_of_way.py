"""Lets the writer wait while an answer is under way: one interpreter runs one thread at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")

#: What the writer waits for the answers that are under way, at most; each answer makes it wait once.
_LONGEST_S = 0.016


class RightOfWay:
    """Counts answers under way; the writer gives way to them in the midst of a batch.

    A reader gives up the interpreter's lock at each row, and without this gets it back only when the switch
    interval of a writer that computes is over. The writer keeps half of its time, however much is read.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._under_way = 0
        self._begun = 0
        self._seen = 0
        self._not_before_s = 0.0

    def begin(self) -> None:
        """An answer is asked for. From any thread."""
        with self._changed:
            self._under_way += 1
            self._begun += 1

    def end(self) -> None:
        """An answer has been given. From any thread."""
        with self._changed:
            self._under_way -= 1
            if not self._under_way:
                self._changed.notify_all()

    def give_way(self) -> None:
        """Wait until no answer is under way, but not long. From the writer's thread, as often as it likes."""
        if not self._under_way or self._seen == self._begun:
            return
        began_s = time.monotonic()
        if began_s < self._not_before_s:
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, _LONGEST_S)
            self._seen = self._begun
        now_s = time.monotonic()
        self._not_before_s = now_s + (now_s - began_s)

    def each(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """The items; gives way before each. From the writer's thread."""
        for item in items:
            self.give_way()
            yield item
