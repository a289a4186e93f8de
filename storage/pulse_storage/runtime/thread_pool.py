"""Threads that answer an event loop: a third of the way there and back of an executor's."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from pulse_storage.errors import StoreUnavailable
from pulse_storage.runtime.read_priority import RightOfWay

_Result = TypeVar("_Result")

_Work = Callable[[], None]
_Inbox = SimpleQueue[_Work | None]


class AnsweringThreads:
    """Runs functions in threads, in order of their arrival; any event loop may wait for what they return.

    The thread that was the last to finish is the first to be asked: all that it uses (a connection, and the
    server's process behind it) is still in the caches, which is a seventh of what a short list takes.
    """

    def __init__(self, threads: int, name: str, way: RightOfWay | None = None) -> None:
        self._way = way or RightOfWay()
        self._is_open = True
        #: Held by whoever reads or changes what follows.
        self._door = threading.Lock()
        #: What was asked while all were busy.
        self._backlog: deque[_Work] = deque()
        inboxes = [_Inbox() for _ in range(threads)]
        self._idle = [*inboxes]
        self._threads = [
            threading.Thread(target=self._work, args=(inbox,), name=f"{name}_{number}", daemon=True)
            for number, inbox in enumerate(inboxes)
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
            if self._idle:
                self._idle.pop().put(work)
            else:
                self._backlog.append(work)
        self._way.begin()
        try:
            return await answer
        finally:
            # Not at once: the writer that this wakes can take the processor from whoever has the answer now.
            loop.call_soon(self._way.end)

    def close(self) -> None:
        """Finish what was asked, then end. Blocks until then; repeating it is harmless."""
        with self._door:
            self._is_open = False
            while self._idle:
                self._idle.pop().put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, inbox: _Inbox) -> None:
        while (work := inbox.get()) is not None:
            while work is not None:
                work()
                # At once: whoever waits in `get` must not keep the last answer alive.
                work = self._next(inbox)

    def _next(self, inbox: _Inbox) -> _Work | None:
        with self._door:
            if self._backlog:
                return self._backlog.popleft()
            if self._is_open:
                self._idle.append(inbox)
            else:
                inbox.put(None)
            return None


def _settle(answer: asyncio.Future[_Result], tell: Callable[[], object]) -> None:
    if not answer.done():
        tell()
