"""Threads that answer an event loop: a third of the way there and back of an executor's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from pulse_storage.errors import StoreUnavailable
from pulse_storage.sql.right_of_way import RightOfWay

_Result = TypeVar("_Result")


class AnsweringThreads:
    """Runs functions in threads, in order of their arrival; any event loop may wait for what they return."""

    def __init__(self, threads: int, name: str, way: RightOfWay | None = None) -> None:
        self._way = way or RightOfWay()
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._is_open = True
        #: Held while something is asked, so that nothing can be asked behind the end.
        self._door = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}_{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(
        self, function: Callable[[], _Result], afterwards: Callable[[], object] | None = None
    ) -> _Result:
        """What the function returns or raises. Raises StoreUnavailable once the threads are closed.

        What is to be done `afterwards`, in the same thread, nobody waits for; it must not raise.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Result] = loop.create_future()

        def work() -> None:
            if answer.cancelled():
                return
            try:
                tell: Callable[[], object] = partial(answer.set_result, function())
            except BaseException as error:
                tell = partial(answer.set_exception, error)
            # A loop that is closed has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, answer, tell)
            if afterwards is not None:
                afterwards()

        with self._door:
            if not self._is_open:
                raise StoreUnavailable("the store is closed")
            self._asked.put(work)
        self._way.begin()
        try:
            return await answer
        finally:
            self._way.end()

    def close(self) -> None:
        """Finish what was asked, then end. Blocks until then; repeating it is harmless."""
        with self._door:
            if self._is_open:
                self._is_open = False
                for _ in self._threads:
                    self._asked.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (work := self._asked.get()) is not None:
            work()
            # Whoever waits in `get` must not keep the last answer alive.
            del work


def _settle(answer: asyncio.Future[_Result], tell: Callable[[], object]) -> None:
    if not answer.done():
        tell()
