"""Streams that the application drops: their spans end within a second, without the garbage collector."""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any, cast

import anthropic
import openai
import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from tests.instrumentation.api_cases import (
    API_CASES,
    STREAM,
    ApiCase,
    both_kinds,
    event_stream,
    opened,
    streamed_apis,
    take,
)
from tests.instrumentation.raw_reading import CLOSED, RAW_METHODS, ended, read, settled
from tests.instrumentation.recorded import FIRST_CHUNK, Recorded
from tests.support.llm_clients import anthropic_client, openai_client
from tests.support.llm_http import FakeProvider, json_answer

import pulse_instrumentation as pulse
from pulse_instrumentation.recording.stream_cycle import ITERATOR, break_cycle


class Waiting(SpanProcessor):
    """A span processor of the application with an event for the first ended span."""

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


async def open_stream(api: ApiCase, kind: str, how: str, provider: TracerProvider) -> Any:
    """Return the stream of a recorded call, of which the caller has the only reference."""
    resource = api.resource(FakeProvider(event_stream(api)), kind)
    pulse.observe(resource._client, tracer_provider=provider)
    if how == "create":
        return await settled(resource.create(**api.arguments, stream=True))
    result = getattr(resource, how).create(**api.arguments, stream=True)
    if how == "with_raw_response":
        response = await settled(result)
    else:
        response = result.__enter__() if kind == "sync" else await result.__aenter__()
    return await settled(response.parse())


@both_kinds
@pytest.mark.parametrize("chunks", [0, 1])
@pytest.mark.parametrize("how", ["create", *RAW_METHODS])
@streamed_apis
@pytest.mark.usefixtures("without_collector")
def test_dropped_stream_ends_by_itself(api: ApiCase, how: str, chunks: int, kind: str) -> None:
    """No call follows, no flush and no export by Pulse: the tracer provider is the application's."""
    provider = TracerProvider(shutdown_on_exit=False)
    processor = Waiting()
    provider.add_span_processor(processor)

    async def run() -> None:
        stream = await open_stream(api, kind, how, provider)
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
    api = API_CASES[0]

    async def run() -> None:
        stream = await open_stream(api, kind, "with_raw_response", instrumented.provider)
        assert ended(instrumented) == []
        assert len(await take(stream)) == 5

    asyncio.run(run())
    assert ended(instrumented) == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]


@both_kinds
@streamed_apis
def test_reading_leaves_the_attributes_of_a_clients_stream_unchanged(api: ApiCase, kind: str) -> None:
    """Pulse lets a stream iterate over a copy of itself, which would hide a change from the application."""

    async def run() -> None:
        stream = await opened(api, FakeProvider(event_stream(api)), kind)
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
    api = API_CASES[0]

    async def run() -> None:
        resource = api.resource(FakeProvider(event_stream(api)), kind)
        pulse.observe(resource._client, tracer_provider=provider)
        response = await settled(resource.with_raw_response.create(**api.arguments, stream=True))
        del response
        await asyncio.to_thread(processor.arrived.wait, 10)

    asyncio.run(run())
    (span,) = processor.spans
    assert (span.attributes or {})[CLOSED] is True


@both_kinds
def test_response_outlives_its_stream(instrumented: Recorded, kind: str) -> None:
    async def run() -> None:
        stream = await opened(API_CASES[0], FakeProvider(event_stream(API_CASES[0])), kind)
        holder = type("Holder", (), {"http_response": stream.response})
        del stream
        await read(holder, kind, "iter_lines")

    asyncio.run(run())
    assert ended(instrumented) == [
        API_CASES[0].span({STREAM: True, FIRST_CHUNK: True}, API_CASES[0].answered)
    ]


def test_stream_of_an_application_class_keeps_its_generator(
    instrumented: Recorded,
) -> None:
    class Counting(openai.Stream[Any]):
        count = 0

        def __stream__(self) -> Any:
            for chunk in super().__stream__():
                self.count += 1
                yield chunk

    client = openai_client(FakeProvider(event_stream(API_CASES[0])))
    body = {**API_CASES[0].arguments, "stream": True}
    stream = client.post("/chat/completions", cast_to=object, body=body, stream=True, stream_cls=Counting)
    assert len(list(stream)) == stream.count == 5
    assert len(ended(instrumented)) == 1


def stream_class(api: ApiCase, kind: str) -> type[Any]:
    """Return the client's class of streams."""
    module = anthropic if api.client is anthropic_client else openai
    return module.Stream if kind == "sync" else module.AsyncStream


def counting(inner: Any, seen: list[Any], kind: str) -> Any:
    """Return a generator of the items of `inner` that adds each to `seen`."""

    def count() -> Any:
        for item in inner:
            seen.append(item)
            yield item

    async def count_async() -> Any:
        async for item in inner:
            seen.append(item)
            yield item

    return count() if kind == "sync" else count_async()


@both_kinds
@streamed_apis
def test_iterator_of_a_patched_stream_class_is_kept(
    instrumented: Recorded, monkeypatch: pytest.MonkeyPatch, api: ApiCase, kind: str
) -> None:
    patched, seen = stream_class(api, kind), list[Any]()
    original = patched.__init__

    def init(self: Any, **arguments: Any) -> None:
        original(self, **arguments)
        self._iterator = counting(self._iterator, seen, kind)

    monkeypatch.setattr(patched, "__init__", init)

    async def run() -> None:
        stream = await opened(api, FakeProvider(event_stream(api)), kind)
        assert await take(stream) == seen != []

    asyncio.run(run())
    assert ended(instrumented) == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]


@both_kinds
@streamed_apis
def test_patched_stream_method_is_called_once(
    instrumented: Recorded, monkeypatch: pytest.MonkeyPatch, api: ApiCase, kind: str
) -> None:
    patched, seen = stream_class(api, kind), list[Any]()
    original = patched.__stream__

    @functools.wraps(original)
    def patch(self: Any) -> Any:
        seen.append(self)
        return original(self)

    monkeypatch.setattr(patched, "__stream__", patch)

    async def run() -> None:
        stream = await opened(api, FakeProvider(event_stream(api)), kind)
        assert await take(stream)

    asyncio.run(run())
    assert len(seen) == 1
    assert ended(instrumented) == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]


class CountingDecoder:
    """A decoder that the application sets on a stream: counts the events of the client's decoder."""

    def __init__(self, decoder: Any) -> None:
        self._decoder, self.count = decoder, 0

    def iter_bytes(self, pieces: Any) -> Any:
        for event in self._decoder.iter_bytes(pieces):
            self.count += 1
            yield event

    async def aiter_bytes(self, pieces: Any) -> Any:
        async for event in self._decoder.aiter_bytes(pieces):
            self.count += 1
            yield event


@both_kinds
@streamed_apis
@pytest.mark.usefixtures("without_collector")
def test_attribute_set_before_the_first_chunk_is_used(
    instrumented: Recorded, api: ApiCase, kind: str
) -> None:
    async def run() -> None:
        stream = await opened(api, FakeProvider(event_stream(api)), kind)
        decoder = stream._decoder = CountingDecoder(stream._decoder)
        chunks = await take(stream)
        assert 0 < len(chunks) <= decoder.count
        freed = weakref.ref(stream)
        del stream
        assert freed() is None

    asyncio.run(run())
    assert ended(instrumented) == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]


@both_kinds
@streamed_apis
def test_copy_of_a_dropped_stream_has_all_chunks(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    async def run() -> None:
        stream = await opened(api, FakeProvider(event_stream(api)), kind)
        same = copy.copy(stream)
        del stream
        assert await take(same)

    asyncio.run(run())
    assert ended(instrumented) == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]


@both_kinds
def test_started_iterator_of_a_stream_is_kept(kind: str) -> None:
    api = API_CASES[0]

    async def run() -> None:
        stream = await opened(api, FakeProvider(event_stream(api)), kind)
        await take(stream, 1)
        before = getattr(stream, ITERATOR)
        assert break_cycle(stream) is stream
        assert getattr(stream, ITERATOR) is before
        assert len(await take(stream)) == 4

    asyncio.run(run())


@both_kinds
@pytest.mark.parametrize("how", ["create", *RAW_METHODS])
@streamed_apis
def test_recorded_stream_has_only_the_attributes_of_the_client(
    recorded: Recorded, api: ApiCase, how: str, kind: str
) -> None:
    async def run() -> None:
        found: list[set[str]] = []
        for stream in (
            await opened(api, FakeProvider(event_stream(api)), kind),
            await open_stream(api, kind, how, recorded.provider),
        ):
            getattr(stream, ITERATOR)
            found.append({*vars(stream), *dir(stream)})
        assert found[0] == found[1]

    asyncio.run(run())


def test_many_streams_dropped_together_all_end(recorded: Recorded) -> None:
    api = API_CASES[0]
    provider = FakeProvider(*(event_stream(api) for _ in range(50)))
    resource = api.resource(provider, "sync")
    pulse.observe(resource._client, tracer_provider=recorded.provider)
    streams = [resource.create(**api.arguments, stream=True) for _ in range(50)]
    streams.clear()
    gc.collect()
    assert len(recorded.spans) == 50


def test_process_without_threads_ends_dropped_streams_at_the_next_call(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(*_arguments: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", no_thread)
    api = API_CASES[0]
    resource = api.resource(FakeProvider(event_stream(api), json_answer(api.plain)), "sync")
    pulse.observe(resource._client, tracer_provider=recorded.provider)
    stream = resource.create(**api.arguments, stream=True)
    del stream
    gc.collect()
    assert ended(recorded) == []
    resource.create(**api.arguments)
    assert len(ended(recorded)) == 2
