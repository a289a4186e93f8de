"""Streams that the application drops: their spans end within a second, without the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any, cast

import openai
import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from tests.instrumentation.raw_reading import CLOSED, HOW, ended, read, settled
from tests.instrumentation.recorded import FIRST_CHUNK, Recorded
from tests.instrumentation.ways import (
    STREAM,
    WAYS,
    Way,
    both_kinds,
    event_stream,
    opened,
    streamed_ways,
    take,
)
from tests.support.llm_clients import openai_client
from tests.support.llm_http import FakeProvider, json_answer

import pulse_instrumentation as pulse
from pulse_instrumentation.recording.stream_cycle import ITERATOR


class Waiting(SpanProcessor):
    """A span processor of the application's own, which waits for spans, not for calls of Pulse."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.arrived = threading.Event()
        self.thread: threading.Thread | None = None

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)
        self.thread = threading.current_thread()
        self.arrived.set()


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Keep the cyclic garbage collector from running."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def open_stream(way: Way, kind: str, how: str, provider: TracerProvider) -> Any:
    """Return the stream of a recorded call, of which the caller has the only reference."""
    resource = way.resource(FakeProvider(event_stream(way)), kind)
    pulse.observe(resource._client, tracer_provider=provider)
    if how == "create":
        return await settled(resource.create(**way.arguments, stream=True))
    result = getattr(resource, how).create(**way.arguments, stream=True)
    if how == "with_raw_response":
        response = await settled(result)
    else:
        response = result.__enter__() if kind == "sync" else await result.__aenter__()
    return await settled(response.parse())


@both_kinds
@pytest.mark.parametrize("chunks", [0, 1])
@pytest.mark.parametrize("how", ["create", *HOW])
@streamed_ways
@pytest.mark.usefixtures("without_collector")
def test_dropped_stream_ends_by_itself(way: Way, how: str, chunks: int, kind: str) -> None:
    """No call follows, no flush and no export by Pulse: the tracer provider is the application's."""
    provider = TracerProvider(shutdown_on_exit=False)
    processor = Waiting()
    provider.add_span_processor(processor)

    async def run() -> None:
        stream = await open_stream(way, kind, how, provider)
        await take(stream, chunks)
        freed = weakref.ref(stream)
        del stream
        assert freed() is None
        await asyncio.to_thread(processor.arrived.wait, 10)

    asyncio.run(run())
    (span,) = processor.spans
    assert (span.attributes or {})[CLOSED] is True
    assert processor.thread is not threading.main_thread()


@both_kinds
@pytest.mark.usefixtures("without_collector")
def test_raw_response_dropped_without_its_stream_keeps_the_call_open(
    instrumented: Recorded, kind: str
) -> None:
    way = WAYS[0]

    async def run() -> None:
        stream = await open_stream(way, kind, "with_raw_response", instrumented.provider)
        assert ended(instrumented) == []
        assert len(await take(stream)) == 5

    asyncio.run(run())
    assert ended(instrumented) == [way.span({STREAM: True, FIRST_CHUNK: True}, way.answered)]


@both_kinds
@streamed_ways
def test_reading_leaves_the_attributes_of_a_clients_stream_unchanged(way: Way, kind: str) -> None:
    """Pulse lets a stream iterate over a copy of itself, which would hide a change from the application."""

    async def run() -> None:
        stream = await opened(way, FakeProvider(event_stream(way)), kind)
        getattr(stream, ITERATOR)
        attributes = cast("dict[str, Any]", vars(stream))
        before = dict(attributes)
        assert await take(stream)
        assert attributes == before

    asyncio.run(run())


@both_kinds
@pytest.mark.usefixtures("without_collector")
def test_dropped_raw_response_ends_by_itself(kind: str) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    processor = Waiting()
    provider.add_span_processor(processor)
    way = WAYS[0]

    async def run() -> None:
        resource = way.resource(FakeProvider(event_stream(way)), kind)
        pulse.observe(resource._client, tracer_provider=provider)
        response = await settled(resource.with_raw_response.create(**way.arguments, stream=True))
        del response
        await asyncio.to_thread(processor.arrived.wait, 10)

    asyncio.run(run())
    (span,) = processor.spans
    assert (span.attributes or {})[CLOSED] is True


@both_kinds
def test_response_outlives_its_stream(instrumented: Recorded, kind: str) -> None:
    async def run() -> None:
        stream = await opened(WAYS[0], FakeProvider(event_stream(WAYS[0])), kind)
        holder = type("Holder", (), {"http_response": stream.response})
        del stream
        await read(holder, kind, "iter_lines")

    asyncio.run(run())
    assert ended(instrumented) == [WAYS[0].span({STREAM: True, FIRST_CHUNK: True}, WAYS[0].answered)]


def test_stream_of_the_applications_own_class_is_iterated_by_its_own_generator(
    instrumented: Recorded,
) -> None:
    class Counting(openai.Stream[Any]):
        count = 0

        def __stream__(self) -> Any:
            for chunk in super().__stream__():
                self.count += 1
                yield chunk

    client = openai_client(FakeProvider(event_stream(WAYS[0])))
    body = {**WAYS[0].arguments, "stream": True}
    stream = client.post("/chat/completions", cast_to=object, body=body, stream=True, stream_cls=Counting)
    assert len(list(stream)) == stream.count == 5
    assert len(ended(instrumented)) == 1


def test_streams_dropped_at_once_all_end(recorded: Recorded) -> None:
    way = WAYS[0]
    provider = FakeProvider(*(event_stream(way) for _ in range(50)))
    resource = way.resource(provider, "sync")
    pulse.observe(resource._client, tracer_provider=recorded.provider)
    streams = [resource.create(**way.arguments, stream=True) for _ in range(50)]
    streams.clear()
    gc.collect()
    assert len(recorded.spans) == 50


def test_process_without_threads_ends_dropped_streams_at_the_next_call(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(*_arguments: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", no_thread)
    way = WAYS[0]
    resource = way.resource(FakeProvider(event_stream(way), json_answer(way.plain)), "sync")
    pulse.observe(resource._client, tracer_provider=recorded.provider)
    stream = resource.create(**way.arguments, stream=True)
    del stream
    gc.collect()
    assert ended(recorded) == []
    resource.create(**way.arguments)
    assert len(ended(recorded)) == 2
