"""A raw stream in every way to read or close it: its span ends at once, with all that was read."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from dataclasses import replace

import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.raw_reading import (
    CLOSED,
    HOW,
    READERS,
    both_hows,
    ended,
    raw_response,
    read,
    reading,
    settled,
)
from tests.instrumentation.recorded import FIRST_CHUNK, Recorded
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
from tests.support.llm_http import Answer, Body, FakeProvider, http, json_answer


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
