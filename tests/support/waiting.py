"""Waits for a condition that another thread, task, process or server makes true."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

ResultT = TypeVar("ResultT")

_CHECK_EVERY_S = 0.01


def wait_until(condition: Callable[[], object], timeout_s: float = 60) -> None:
    """Return once `condition()` is true. Raises TimeoutError if it is false for `timeout_s` seconds."""
    give_up_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"the condition is still false after {timeout_s:g} s")
        time.sleep(_CHECK_EVERY_S)


async def retry_while(
    error: type[Exception], operation: Callable[[], Awaitable[ResultT]], timeout_s: float = 60
) -> ResultT:
    """Await `operation()` repeatedly while it raises `error`; return its first result.

    Raises the error itself if it is still raised after `timeout_s` seconds.
    """
    give_up_s = time.monotonic() + timeout_s
    while True:
        try:
            return await operation()
        except error:
            if time.monotonic() > give_up_s:
                raise
        await asyncio.sleep(_CHECK_EVERY_S)
