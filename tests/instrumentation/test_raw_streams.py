"""A raw stream in every way to read, close or drop it: its span ends at once, with all that was read."""

from __future__ import annotations

import asyncio
import gc
import gzip
import threading
import weakref
import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode
from tests.instrumentation.recorded import FIRST_CHUNK, Recorded, SpanValue, span_value
from tests.instrumentation.ways import (
    STREAM,
    WAYS,
    Way,
    both_kinds,
    event_stream,
    every_way,
    opened,
    streamed_ways,
    take,
)
from tests.support.llm_clients import openai_client
from tests.support.llm_http import Answer, Body, FakeProvider, http, json_answer

import pulse_instrumentation as pulse

CLOSED = "pulse.stream.closed_early"
HOW = ("with_raw_response", "with_streaming_response")
both_hows = pytest.mark.parametrize("how", HOW)


def ended(recorded: Recorded) -> list[SpanValue]:
    """The spans that have ended so far, without ending any."""
    return [span_value(span) for span in recorded.exporter.get_finished_spans()]


async def settled(value: Any) -> Any:
    return await value if hasattr(value, "__await__") else value


@asynccontextmanager
async def raw_response(
    way: Way, answer: Answer, kind: str, how: str, **arguments: Any
) -> AsyncGenerator[Any]:
    """The raw response that a client of either kind gives, open."""
    result = getattr(way.resource(FakeProvider(answer), kind), how).create(**way.arguments, **arguments)
    if hasattr(result, "__aenter__"):
        async with result as response:
            yield response
    elif hasattr(result, "__enter__"):
        with result as response:
            yield response
    else:
        yield await settled(result)


def reading(response: Any, kind: str, reader: str) -> Any:
    """An iterator over a raw response, by one of the ways to read it."""
    http_response = response.http_response
    if reader == "body":
        return http_response.stream
    name, *arguments = reader.split()
    return getattr(http_response, name if kind == "sync" else f"a{name}")(*map(int, arguments))


READERS = (
    "iter_raw",
    "iter_raw 7",
    "iter_bytes",
    "iter_bytes 7",
    "iter_text",
    "iter_lines",
    "read",
    "body",
    "parse",
)


async def read(response: Any, kind: str, reader: str) -> None:
    """Read a raw response to its end."""
    if reader == "parse":
        assert await take(await settled(response.parse()))
    elif reader == "read":
        assert await settled(reading(response, kind, reader))
    elif kind == "sync":
        assert list(reading(response, kind, reader))
    else:
        assert [piece async for piece in reading(response, kind, reader)]


@both_kinds
@both_hows
@pytest.mark.parametrize("reader", READERS)
@streamed_ways
def test_stream_that_is_read_to_its_end(
    instrumented: Recorded, way: Way, reader: str, how: str, kind: str
) -> None:
    async def run() -> None:
        async with raw_response(way, event_stream(way), kind, how, stream=True) as response:
            await read(response, kind, reader)
            # Before it is closed, and while the application still has it.
            assert ended(instrumented) == [way.span({STREAM: True, FIRST_CHUNK: True}, way.answered)]

    asyncio.run(run())
    assert len(ended(instrumented)) == 1


@both_kinds
@both_hows
@pytest.mark.parametrize("reader", ["iter_raw", "iter_lines"])
@streamed_ways
def test_stream_that_is_read_up_to_its_last_event(
    instrumented: Recorded, way: Way, reader: str, how: str, kind: str
) -> None:
    """The application leaves its loop at the event that it knows to be the last, and keeps the response."""

    async def run() -> None:
        async with raw_response(way, event_stream(way), kind, how, stream=True) as response:
            iterator = reading(response, kind, reader)
            last = ("[DONE]", "message_stop", "response.completed")
            pieces = ""
            while not any(word in pieces for word in last):
                pieces += str(await take(iterator, 1))
            if reader == "iter_lines" and way.name == "messages":
                await take(iterator, 1)
            assert ended(instrumented) == [way.span({STREAM: True, FIRST_CHUNK: True}, way.answered)]

    asyncio.run(run())
    assert len(ended(instrumented)) == 1


@both_kinds
@both_hows
@pytest.mark.parametrize("reader", ["iter_raw", "iter_bytes", "body", "parse"])
@streamed_ways
def test_stream_that_is_closed_early(
    instrumented: Recorded, way: Way, reader: str, how: str, kind: str
) -> None:
    async def run() -> None:
        async with raw_response(way, event_stream(way), kind, how, stream=True) as response:
            if reader == "parse":
                iterator = await settled(response.parse())
            else:
                iterator = reading(response, kind, reader)
                iterator = aiter(iterator) if kind == "async" else iter(iterator)
            assert len(await take(iterator, way.read)) == way.read
            await settled(
                response.http_response.close() if kind == "sync" else response.http_response.aclose()
            )
            # While the application still has the iterator.
            assert instrumented.spans == [way.span(way.partial, {CLOSED: True})]
            del iterator

    asyncio.run(run())


@both_kinds
@both_hows
@streamed_ways
def test_stream_that_breaks_off(instrumented: Recorded, way: Way, how: str, kind: str) -> None:
    cut = replace(way, events=way.events[: way.read])
    answer = event_stream(cut, breaks_with=http.ReadError("cut"))
    answer.body.pieces = [piece for piece in answer.body.pieces if b"[DONE]" not in piece]

    async def run() -> None:
        async with raw_response(way, answer, kind, how, stream=True) as response:
            with pytest.raises(http.ReadError):
                await read(response, kind, "iter_raw")

    asyncio.run(run())
    facts = {**way.partial, "error.type": "ReadError"}
    assert ended(instrumented) == [way.span(facts, status=StatusCode.ERROR, message="cut")]


@both_kinds
@pytest.mark.parametrize("reader", ["iter_raw", "iter_bytes", "read", "body"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, deflate", "identity"])
@every_way
def test_plain_answer_in_any_encoding(
    instrumented: Recorded, way: Way, encoding: str, reader: str, kind: str
) -> None:
    answer = json_answer(way.plain)
    data = b"".join(answer.body.pieces)
    for name in encoding.split(", "):
        data = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}[name](data)
    encoded = Answer(Body([data[:9], data[9:]]), 200, {**answer.headers, "content-encoding": encoding})

    async def run() -> None:
        async with raw_response(way, encoded, kind, "with_streaming_response") as response:
            await read(response, kind, reader)
            assert ended(instrumented) == [way.span(way.answered)]

    asyncio.run(run())


@both_kinds
def test_stream_in_an_encoding(instrumented: Recorded, kind: str) -> None:
    (way,) = (way for way in WAYS if way.name == "chat")
    answer = event_stream(way)
    compressor = zlib.compressobj(wbits=31)
    pieces = [
        compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH) for piece in answer.body.pieces
    ]
    encoded = Answer(Body([*pieces, compressor.flush()]), 200, {**answer.headers, "content-encoding": "gzip"})

    async def run() -> None:
        async with raw_response(way, encoded, kind, HOW[0], stream=True) as response:
            await read(response, kind, "iter_raw")

    asyncio.run(run())
    assert ended(instrumented) == [way.span({STREAM: True, FIRST_CHUNK: True}, way.answered)]


def test_answer_in_a_broken_encoding_is_an_error(instrumented: Recorded) -> None:
    way = WAYS[0]
    answer = json_answer(way.plain)
    broken = Answer(Body([b"no gzip"]), 200, {**answer.headers, "content-encoding": "gzip"})

    async def run() -> None:
        async with raw_response(way, broken, "sync", "with_streaming_response") as response:
            with pytest.raises(http.DecodingError):
                response.read()

    asyncio.run(run())
    span = instrumented.only
    assert (span.status, span.attributes["error.type"]) == (StatusCode.ERROR, "DecodingError")


@pytest.mark.parametrize("content_type", [None, "text/plain; charset=utf-8"])
@streamed_ways
def test_stream_without_the_media_type_of_one(
    instrumented: Recorded, way: Way, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = replace(event_stream(way), headers=headers)

    async def run() -> None:
        async with raw_response(way, answer, "sync", HOW[1], stream=True) as response:
            await read(response, "sync", "iter_lines")

    asyncio.run(run())
    assert ended(instrumented) == [way.span({STREAM: True, FIRST_CHUNK: True}, way.answered)]


@both_kinds
@pytest.mark.parametrize("reader", ["iter_raw", "iter_lines", "body"])
@streamed_ways
def test_response_of_a_stream_that_is_read_itself(
    instrumented: Recorded, way: Way, reader: str, kind: str
) -> None:
    """`stream.response` is a raw response as well."""

    async def run() -> None:
        stream = await opened(way, FakeProvider(event_stream(way)), kind)
        holder = type("Holder", (), {"http_response": stream.response})
        await read(holder, kind, reader)
        assert ended(instrumented) == [way.span({STREAM: True, FIRST_CHUNK: True}, way.answered)]

    asyncio.run(run())


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


@both_kinds
@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("how", ["create", *HOW])
@streamed_ways
def test_dropped_stream_ends_by_itself(way: Way, how: str, reads: bool, kind: str) -> None:
    """No call follows, no flush and no interval of Pulse's exporter, which there need not be."""
    provider = TracerProvider(shutdown_on_exit=False)
    processor = Waiting()
    provider.add_span_processor(processor)

    async def run() -> None:
        resource = way.resource(FakeProvider(event_stream(way)), kind)
        pulse.observe(resource._client, tracer_provider=provider)
        create = resource.create if how == "create" else getattr(resource, how).create
        result = create(**way.arguments, stream=True)
        if how == "with_streaming_response":
            entered = result.__enter__() if kind == "sync" else await result.__aenter__()
            stream = await settled(entered.parse())
            del entered
        else:
            stream = await settled(result)
            stream = stream if how == "create" else await settled(stream.parse())
        if reads:
            await take(stream, 1)
        del stream, result
        # The clients' own streams refer to themselves.
        gc.collect()
        await asyncio.to_thread(processor.arrived.wait, 10)

    asyncio.run(run())
    (span,) = processor.spans
    assert (span.attributes or {})[CLOSED] is True
    assert processor.thread is not threading.main_thread()


@both_kinds
@pytest.mark.parametrize("read", [0, 1])
@streamed_ways
def test_dropped_stream_is_freed_without_the_garbage_collector(
    instrumented: Recorded, way: Way, read: int, kind: str
) -> None:
    async def run() -> None:
        stream = await opened(way, FakeProvider(event_stream(way)), kind)
        freed = weakref.ref(stream)
        await take(stream, read)
        del stream
        assert freed() is None
        await asyncio.sleep(0)

    gc.collect()
    gc.disable()
    try:
        asyncio.run(run())
        # Responses of the older HTTP library refer to themselves, and have the call until they are read.
        if read or http.__name__ == "httpx2":
            assert instrumented.attributes[CLOSED] is True
    finally:
        gc.enable()


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
