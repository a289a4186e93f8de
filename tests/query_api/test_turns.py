from __future__ import annotations

import asyncio

import pytest

from pulse_query_api.errors import ApiError
from pulse_query_api.turns import Turns


async def _take_turn(turns: Turns, project_id: str, log: list[str], may_end: asyncio.Event) -> None:
    async with turns.turn(project_id):
        log.append(project_id)
        await may_end.wait()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_busy_project_waits_while_others_go_ahead() -> None:
    async def scenario() -> None:
        turns, log, may_end = Turns(at_once=2), list[str](), asyncio.Event()
        running = [asyncio.create_task(_take_turn(turns, "busy", log, may_end)) for _ in range(5)]
        await _settle()
        running.append(asyncio.create_task(_take_turn(turns, "quiet", log, may_end)))
        await _settle()
        assert log == ["busy", "busy", "quiet"]
        may_end.set()
        await asyncio.gather(*running)
        assert log == ["busy", "busy", "quiet", "busy", "busy", "busy"]

    asyncio.run(scenario())


def test_too_many_waiting_requests_are_refused_until_some_end() -> None:
    async def scenario() -> None:
        turns, log, may_end = Turns(at_once=1, waiting=1), list[str](), asyncio.Event()
        running = [asyncio.create_task(_take_turn(turns, "busy", log, may_end)) for _ in range(2)]
        await _settle()
        with pytest.raises(ApiError, match="This project has 2 requests under way already") as refused:
            await _take_turn(turns, "busy", log, may_end)
        assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
        may_end.set()
        await asyncio.gather(*running)
        await _take_turn(turns, "busy", log, may_end)
        assert log == ["busy"] * 3

    asyncio.run(scenario())


def test_a_request_that_is_cancelled_gives_up_its_place() -> None:
    async def scenario() -> None:
        turns, log, may_end = Turns(at_once=1, waiting=1), list[str](), asyncio.Event()
        first = asyncio.create_task(_take_turn(turns, "busy", log, may_end))
        second = asyncio.create_task(_take_turn(turns, "busy", log, may_end))
        await _settle()
        second.cancel()
        await _settle()
        third = asyncio.create_task(_take_turn(turns, "busy", log, may_end))
        await _settle()
        may_end.set()
        await asyncio.gather(first, third)
        assert log == ["busy", "busy"]

    asyncio.run(scenario())
