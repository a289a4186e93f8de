"""Waiting, on the event loop, for what the writer's thread commits."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

ResultT = TypeVar("ResultT")


async def committed(future: Future[ResultT], deadline_s: float) -> ResultT:
    """The future's result. Raises what it raises, or TimeoutError once `deadline_s` has passed.

    Whoever stops waiting, because of the deadline or because its client left, stops nothing: the writer may
    have begun. (`asyncio.wrap_future`, shielded and with a timeout, does the same for more.)
    """
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def wake() -> None:
        if not done.done():
            done.set_result(True)

    def wake_loop(_: Future[ResultT]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(wake)

    deadline = loop.call_later(deadline_s, wake)
    future.add_done_callback(wake_loop)
    try:
        await done
    finally:
        deadline.cancel()
    if not future.done():
        raise TimeoutError("it takes too long")
    return future.result()
