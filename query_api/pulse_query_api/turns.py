"""Taking turns: no project's questions crowd out another's.

A store answers few questions at once. Whoever asks many has them answered a few at a time, in order, while
other projects' questions go ahead; whoever keeps too many waiting is told to slow down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pulse_query_api.errors import RETRY_SOON, ApiError


class _Line:
    """The requests of one project: how many there are, and who may go."""

    __slots__ = ("may_go", "requests")

    def __init__(self, at_once: int) -> None:
        self.requests = 0
        self.may_go = asyncio.Semaphore(at_once)


class Turns:
    """At most `at_once` requests of a project run and `waiting` wait. Used from one event loop."""

    def __init__(self, *, at_once: int = 2, waiting: int = 100) -> None:
        self._at_once = at_once
        self._most = at_once + waiting
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def turn(self, project_id: str) -> AsyncGenerator[None]:
        """Wait for the project's turn and keep it for the block. Raises ApiError 429."""
        line = self._lines.get(project_id)
        if line is None:
            line = self._lines[project_id] = _Line(self._at_once)
        if line.requests >= self._most:
            raise ApiError(
                429,
                f"This project has {self._most} requests under way already; wait for some of them.",
                headers=RETRY_SOON,
            )
        line.requests += 1
        try:
            async with line.may_go:
                yield
        finally:
            line.requests -= 1
            if not line.requests:
                del self._lines[project_id]
