"""Runs code that waits for a server in an event loop, which does something else meanwhile.

What reads is the same for all engines and knows of no event loop. A greenlet is left in the midst of a
statement and entered again when the server has answered, so that no thread has to be woken for it.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Generic, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

_Result = TypeVar("_Result")


class Suspended(greenlet, Generic[_Result]):
    """A function that runs in the running event loop, in pieces; `answer` is what it returns or raises.

    It begins at once. Wherever it waits by `wait_for` or `breathe`, the loop goes on.
    """

    def __init__(self, function: Callable[[], _Result]) -> None:
        super().__init__(self._run)
        self._function = function
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[_Result] = self._loop.create_future()
        self.switch()

    def abandon(self) -> None:
        """Leave the function for good where it waits, if it does; what it used may be in any state."""
        if not self.dead:
            self.throw()

    def wait_for(self, socket: int, events: int) -> None:
        """Leave, to be entered again once the socket is ready."""
        try:
            if events & select.POLLIN:
                self._loop.add_reader(socket, self.switch)
            if events & select.POLLOUT:
                self._loop.add_writer(socket, self.switch)
            self._leave()
        finally:
            self._loop.remove_reader(socket)
            self._loop.remove_writer(socket)

    def breathe(self) -> None:
        """Leave, to be entered again after what else is due."""
        entering = self._loop.call_soon(self.switch)
        try:
            self._leave()
        finally:
            entering.cancel()

    def _run(self) -> None:
        try:
            result = self._function()
        except GreenletExit:
            self.answer.cancel()
        except BaseException as error:
            if not self.answer.done():
                self.answer.set_exception(error)
        else:
            if not self.answer.done():
                self.answer.set_result(result)

    def _leave(self) -> None:
        assert self.parent is not None
        self.parent.switch()


def wait_for(socket: int, events: int) -> bool:
    """Wait until a socket is ready, if the caller is Suspended; if not, nothing is done, and it is False."""
    here = getcurrent()
    if not isinstance(here, Suspended):
        return False
    here.wait_for(socket, events)
    return True


def breathe() -> None:
    """Let an event loop in which the caller is Suspended do what else is due."""
    here = getcurrent()
    if isinstance(here, Suspended):
        here.breathe()
