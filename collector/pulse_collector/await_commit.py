"""Waits on the event loop for a result of the writer thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

ResultT = TypeVar("ResultT")


async def await_commit(future: Future[ResultT], within_s: float) -> ResultT:
    """Return the future's result. Raises its exception, or TimeoutError once `within_s` has passed.

    Neither the timeout nor a cancellation cancels the future: the writer may have begun the commit.
    (`asyncio.wrap_future`, shielded and with a timeout, does the same but takes longer.)
    """
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def wake() -> None:
        if not done.done():
            done.set_result(True)

    def wake_loop(_: Future[ResultT]) -> None:
        with suppress(RuntimeError):  # the event loop is closed, so no coroutine waits
            loop.call_soon_threadsafe(wake)

    deadline = loop.call_later(within_s, wake)
    future.add_done_callback(wake_loop)
    try:
        await done
    finally:
        deadline.cancel()
    if not future.done():
        raise TimeoutError("it takes too long")
    return future.result()
