"""SignInAttempts: slows down guesses of sign-in credentials."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from pulse_query_api.errors import RETRY_SOON, ApiError


class SignInAttempts:
    """Delays failed attempts by `delay_s`, and admits at most `max_running` attempts of a peer at a time.

    So a peer has at most `max_running` wrong guesses per `delay_s`, and successful attempts have no delay.
    Only running attempts take memory. Not thread-safe: use it from one event loop.
    """

    def __init__(
        self,
        *,
        delay_s: float = 1.0,
        max_running: int = 5,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._delay_s = delay_s
        self._max_running = max_running
        self._sleep = sleep
        self._running: Counter[str] = Counter()

    @asynccontextmanager
    async def attempt(self, peer: str) -> AsyncGenerator[None]:
        """Run the block; if it raises ApiError, raise the error after the delay.

        Raises ApiError 429 before the block if too many attempts of the peer are running.
        """
        if self._running[peer] >= self._max_running:
            raise ApiError(429, "Too many failed sign-ins; wait a second.", headers=RETRY_SOON)
        self._running[peer] += 1
        try:
            yield
        except ApiError:
            await self._sleep(self._delay_s)
            raise
        finally:
            self._running[peer] -= 1
            if not self._running[peer]:
                del self._running[peer]
