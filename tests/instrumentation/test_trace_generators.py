"""`trace()` and `tool()` around generators: the span is current only while the generator runs."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import logging
import threading
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry.trace import StatusCode
from tests.instrumentation.recorded import Recorded
from tests.instrumentation.work_spans import (
    CHAT,
    RESULT,
    client,
    decorated,
    tree,
    workflow,
)
from tests.support.llm_bodies import chat_chunks
from tests.support.llm_clients import openai_client
from tests.support.llm_http import FakeProvider, event_answer

import pulse_instrumentation as pulse


@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_reader_of_a_generator_is_outside_its_span(instrumented: Recorded, kind: str) -> None:
    @pulse.trace("generator")
    def generator() -> Generator[int]:
        with pulse.trace("within"):
            yield 1
            client().chat.completions.create(**CHAT)
            yield 2
        client().embeddings.create  # noqa: B018
        with pulse.trace("after"):
            yield 3

    @pulse.trace("generator")
    async def async_generator() -> AsyncGenerator[int]:
        with pulse.trace("within"):
            yield 1
            await client("async").chat.completions.create(**CHAT)
            yield 2
        with pulse.trace("after"):
            yield 3

    async def run() -> list[int]:
        seen: list[int] = []
        with pulse.trace("reader"):
            outside = otel_context.get_current()
            if kind == "generator":
                for item in generator():
                    assert otel_context.get_current() is outside
                    seen.append(item)
            else:
                async for item in async_generator():
                    assert otel_context.get_current() is outside
                    seen.append(item)
            assert otel_context.get_current() is outside
        return seen

    assert asyncio.run(run()) == [1, 2, 3]
    assert tree(instrumented) == {
        "chat gpt-4o": "within",
        "within": "generator",
        "after": "generator",
        "generator": "reader",
        "reader": None,
    }


def test_generator_forwards_send_throw_and_return(instrumented: Recorded) -> None:
    @pulse.trace("work")
    def work(start: int) -> Generator[int, int, str]:
        total = start
        while total < 10:
            try:
                total += yield total
            except KeyError:
                total += 100
        return "done"

    generator = work(1)
    assert inspect.isgenerator(generator)
    assert next(generator) == 1
    assert generator.send(2) == 3
    with pytest.raises(StopIteration) as stopped:
        generator.throw(KeyError("x"))
    assert stopped.value.value == "done"
    assert instrumented.spans == [workflow("work")]


def test_async_generator_forwards_asend_athrow_and_aclose(instrumented: Recorded) -> None:
    @pulse.trace("work")
    async def work() -> AsyncGenerator[Any, Any]:
        got = None
        while True:
            try:
                got = yield got
            except KeyError as error:
                got = error.args

    async def run() -> None:
        generator = work()
        assert await anext(generator) is None
        assert await generator.asend(5) == 5
        assert await generator.athrow(KeyError("x")) == ("x",)
        await generator.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(generator)

    asyncio.run(run())
    assert instrumented.spans == [workflow("work")]


@pytest.mark.parametrize("leave", ["closed", "dropped", "abandoned loop"])
@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_unfinished_generator_ends_its_span_and_cleans_up(
    instrumented: Recorded, kind: str, leave: str, caplog: pytest.LogCaptureFixture
) -> None:
    cleaned: list[bool] = []

    @pulse.tool("work")
    def generator() -> Generator[int]:
        try:
            with pulse.trace("within"):
                yield 1
                yield 2
        finally:
            cleaned.append(True)

    @pulse.tool("work")
    async def async_generator() -> AsyncGenerator[int]:
        try:
            with pulse.trace("within"):
                yield 1
                yield 2
        finally:
            cleaned.append(True)

    async def run() -> None:
        reader: Any = generator() if kind == "generator" else async_generator()
        assert (next(reader) if kind == "generator" else await anext(reader)) == 1
        if leave == "closed":
            if kind == "generator":
                reader.close()
            else:
                await reader.aclose()
        elif leave == "dropped":
            del reader
            gc.collect()
            await asyncio.sleep(0)

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
        gc.collect()
    assert cleaned == [True]
    assert caplog.records == []
    # A loop that ends cancels the tasks that close unfinished generators.
    cancelled = kind == "async generator" and leave == "abandoned loop"
    status = StatusCode.ERROR if cancelled else StatusCode.UNSET
    assert [span.status for span in instrumented.spans] == [status] * 2
    assert tree(instrumented) == {"within": "execute_tool work", "execute_tool work": None}
    assert {span.attributes.get(RESULT) for span in instrumented.spans} <= {None, "[1]"}


def test_generator_that_is_never_read_has_no_span(instrumented: Recorded) -> None:
    decorated("generator", pulse.trace("work"))()
    gc.collect()
    assert instrumented.spans == []


def test_generator_read_in_other_threads_and_contexts(
    instrumented: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    @pulse.trace("work")
    def work() -> Generator[int]:
        with pulse.trace("within"):
            yield 1
        client().chat.completions.create(**CHAT)
        yield 2

    reader = work()
    read: list[int] = []
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            thread = threading.Thread(target=lambda: read.append(next(reader)))
            thread.start()
            thread.join()
        assert contextvars.Context().run(list, reader) == []
    assert (read, caplog.records) == ([1, 2], [])
    assert tree(instrumented) == {"within": "work", "chat gpt-4o": "work", "work": None}


def test_stream_in_a_generator_is_a_child(instrumented: Recorded) -> None:
    @pulse.trace("answer")
    def answer() -> Generator[str]:
        streamed = openai_client(FakeProvider(event_answer(chat_chunks("Hel", "lo"), done=True)))
        for chunk in streamed.chat.completions.create(**CHAT, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    assert list(answer()) == ["Hel", "lo"]
    assert tree(instrumented) == {"chat gpt-4o": "answer", "answer": None}
