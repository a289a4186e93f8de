from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from pulse_storage import StoreUnavailable
from pulse_storage.runtime.thread_pool import LifoThreadPool

pytestmark = pytest.mark.anyio


@pytest.fixture
def threads() -> Iterator[LifoThreadPool]:
    threads = LifoThreadPool(2, "test")
    yield threads
    threads.close()


async def test_run_returns_or_raises_what_the_function_does(threads: LifoThreadPool) -> None:
    answers = await asyncio.gather(*(threads.run(lambda number=number: number * 2) for number in range(100)))
    assert answers == [number * 2 for number in range(100)]
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert (await threads.run(threading.current_thread)).name in ("test_0", "test_1")


async def test_threads_run_in_parallel(threads: LifoThreadPool) -> None:
    meeting = threading.Barrier(2, timeout=30)
    await asyncio.gather(threads.run(meeting.wait), threads.run(meeting.wait))


async def test_idle_threads_are_used_last_in_first_out(threads: LifoThreadPool) -> None:
    names: list[str] = []
    for _ in range(5):
        names.append((await threads.run(threading.current_thread)).name)
        while len(threads._idle) < 2:  # noqa: ASYNC110  # pyright: ignore[reportPrivateUsage]
            await asyncio.sleep(0)
    assert len(set(names)) == 1


async def test_cancelled_call_is_not_run(threads: LifoThreadPool) -> None:
    gate, ran = threading.Event(), list[str]()
    asked = [asyncio.create_task(threads.run(lambda: gate.wait(30))) for _ in range(2)]
    given_up = asyncio.create_task(threads.run(lambda: ran.append("given up")))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    gate.set()
    await asyncio.gather(*asked)
    await threads.run(lambda: ran.append("after"))
    assert ran == ["after"]


async def test_close_runs_the_queue_and_refuses_new_calls(threads: LifoThreadPool) -> None:
    gate = threading.Event()
    asked = [asyncio.create_task(threads.run(lambda: gate.wait(30))) for _ in range(5)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(threads.close))
    gate.set()
    await closing
    assert await asyncio.gather(*asked) == [True] * 5
    with pytest.raises(StoreUnavailable, match="closed"):
        await threads.run(lambda: None)


def test_several_event_loops_share_the_pool(threads: LifoThreadPool) -> None:
    assert [asyncio.run(threads.run(lambda: "answer")) for _ in range(2)] == ["answer"] * 2
