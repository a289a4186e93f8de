"""SignInAttempts: slows down guesses of sign-in credentials."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from pulse_query_api.errors import RETRY_SOON, ApiError


class SignInAttempts:
    """Delays the answers to failed attempts by `delay_s`, for at most `max_waiting` of a peer at a time.

    Further failed attempts of the peer are answered 429 at once. An attempt with a valid credential is never
    refused or delayed: another program at the same address, such as a proxy's, cannot lock a person out.
    Only waiting attempts take memory. Not thread-safe: use it from one event loop.
    """

    def __init__(
        self,
        *,
        delay_s: float = 1.0,
        max_waiting: int = 5,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._delay_s = delay_s
        self._max_waiting = max_waiting
        self._sleep = sleep
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def attempt(self, peer: str) -> AsyncGenerator[None]:
        """Run the block; if it raises ApiError, raise the error after the delay.

        Raises ApiError 429 instead, without a delay, if too many failed attempts of the peer are waiting.
        """
        try:
            yield
        except ApiError:
            await self._wait(peer)
            raise

    async def _wait(self, peer: str) -> None:
        if self._waiting[peer] >= self._max_waiting:
            raise ApiError(429, "Too many failed sign-ins; wait a second.", headers=RETRY_SOON)
        self._waiting[peer] += 1
        try:
            await self._sleep(self._delay_s)
        finally:
            self._waiting[peer] -= 1
            if not self._waiting[peer]:
                del self._waiting[peer]
