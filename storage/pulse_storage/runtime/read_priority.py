"""Lets whoever computes wait while an answer is under way: one interpreter runs one thread at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")

#: What a thread waits for the answers that are under way, at most; each answer makes it wait once.
_LONGEST_S = 0.016


class _Mine(threading.local):
    """What a thread has waited for: so many answers had begun, and until then it waits for no other."""

    seen = 0
    not_before_s = 0.0


class RightOfWay:
    """Counts answers under way; the writer and others that compute give way to them in the midst of a batch.

    A reader gives up the interpreter's lock at each row, and without this gets it back only when the switch
    interval of a thread that computes is over. Each thread keeps half of its time, however much is read.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._under_way = 0
        self._begun = 0
        self._mine = _Mine()

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
        """Wait until no answer is under way, but not long. From any thread, as often as it likes.

        In one that runs an event loop nothing is done: it may be the one that answers.
        """
        if not self._under_way:
            return
        mine = self._mine
        if mine.seen == self._begun:
            return
        began_s = time.monotonic()
        if began_s < mine.not_before_s or _runs_a_loop():
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, _LONGEST_S)
            mine.seen = self._begun
        now_s = time.monotonic()
        mine.not_before_s = now_s + (now_s - began_s)

    def each(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """The items; gives way before each."""
        for item in items:
            self.give_way()
            yield item


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
