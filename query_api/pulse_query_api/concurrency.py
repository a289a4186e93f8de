"""Limit concurrent requests per project, so that one project cannot occupy the whole store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pulse_query_api.errors import RETRY_SOON, ApiError


class _Queue:
    """The running and waiting requests of one project."""

    __slots__ = ("running", "size")

    def __init__(self, max_running: int) -> None:
        #: Running and waiting requests.
        self.size = 0
        self.running = asyncio.Semaphore(max_running)


class ProjectConcurrency:
    """Run at most `max_running` requests of a project; `max_waiting` more wait in arrival order.

    Not thread-safe: use it from one event loop.
    """

    def __init__(self, *, max_running: int = 2, max_waiting: int = 100) -> None:
        self._max_running = max_running
        self._max_requests = max_running + max_waiting
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def limit(self, project_id: str) -> AsyncGenerator[None]:
        """Wait until the project may run another request; its place is released after the `async with` block.

        Raises ApiError 429 if too many requests of the project wait already.
        """
        queue = self._queues.get(project_id)
        if queue is None:
            queue = self._queues[project_id] = _Queue(self._max_running)
        if queue.size >= self._max_requests:
            raise ApiError(
                429,
                f"This project has {self._max_requests} requests in progress; wait until some have finished.",
                headers=RETRY_SOON,
            )
        queue.size += 1
        try:
            async with queue.running:
                yield
        finally:
            queue.size -= 1
            if not queue.size:
                del self._queues[project_id]
