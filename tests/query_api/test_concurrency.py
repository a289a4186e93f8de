from __future__ import annotations

import asyncio

import pytest

from pulse_query_api.concurrency import ProjectConcurrency
from pulse_query_api.errors import ApiError


async def _run_request(
    concurrency: ProjectConcurrency, project_id: str, log: list[str], may_end: asyncio.Event
) -> None:
    async with concurrency.limit(project_id):
        log.append(project_id)
        await may_end.wait()


async def _run_pending_tasks() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_requests_over_the_limit_wait_without_blocking_another_project() -> None:
    async def scenario() -> None:
        concurrency, log, may_end = ProjectConcurrency(max_running=2), list[str](), asyncio.Event()
        running = [asyncio.create_task(_run_request(concurrency, "busy", log, may_end)) for _ in range(5)]
        await _run_pending_tasks()
        running.append(asyncio.create_task(_run_request(concurrency, "quiet", log, may_end)))
        await _run_pending_tasks()
        assert log == ["busy", "busy", "quiet"]
        may_end.set()
        await asyncio.gather(*running)
        assert log == ["busy", "busy", "quiet", "busy", "busy", "busy"]

    asyncio.run(scenario())


def test_too_many_waiting_requests_are_refused_until_some_finish() -> None:
    async def scenario() -> None:
        concurrency = ProjectConcurrency(max_running=1, max_waiting=1)
        log, may_end = list[str](), asyncio.Event()
        running = [asyncio.create_task(_run_request(concurrency, "busy", log, may_end)) for _ in range(2)]
        await _run_pending_tasks()
        with pytest.raises(ApiError, match="This project has 2 requests in progress") as refused:
            await _run_request(concurrency, "busy", log, may_end)
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        may_end.set()
        await asyncio.gather(*running)
        await _run_request(concurrency, "busy", log, may_end)
        assert log == ["busy"] * 3

    asyncio.run(scenario())


def test_a_cancelled_waiting_request_frees_its_place() -> None:
    async def scenario() -> None:
        concurrency = ProjectConcurrency(max_running=1, max_waiting=1)
        log, may_end = list[str](), asyncio.Event()
        first = asyncio.create_task(_run_request(concurrency, "busy", log, may_end))
        second = asyncio.create_task(_run_request(concurrency, "busy", log, may_end))
        await _run_pending_tasks()
        second.cancel()
        await _run_pending_tasks()
        third = asyncio.create_task(_run_request(concurrency, "busy", log, may_end))
        await _run_pending_tasks()
        may_end.set()
        await asyncio.gather(first, third)
        assert log == ["busy", "busy"]

    asyncio.run(scenario())
