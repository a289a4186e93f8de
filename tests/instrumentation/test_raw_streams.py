"""A raw stream read or closed by every method: its span ends at once, with all chunks that were read."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from dataclasses import replace

import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.api_cases import (
    API_CASES,
    STREAM,
    ApiCase,
    both_kinds,
    event_stream,
    every_api,
    opened,
    streamed_apis,
    take,
)
from tests.instrumentation.raw_reading import (
    CLOSED,
    RAW_METHODS,
    READERS,
    both_raw_methods,
    ended,
    raw_response,
    read,
    reading,
    settled,
)
from tests.instrumentation.recorded import FIRST_CHUNK, Recorded
from tests.support.llm_http import Answer, Body, FakeProvider, http, json_answer


@both_kinds
@both_raw_methods
@pytest.mark.parametrize("reader", READERS)
@streamed_apis
def test_stream_read_to_its_end(
    instrumented: Recorded, api: ApiCase, reader: str, how: str, kind: str
) -> None:
    async def run() -> None:
        async with raw_response(api, event_stream(api), kind, how, stream=True) as response:
            await read(response, kind, reader)
            # Before it is closed, and while the application still has it.
            assert ended(instrumented) == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]

    asyncio.run(run())
    assert len(ended(instrumented)) == 1


@both_kinds
@both_raw_methods
@pytest.mark.parametrize("reader", ["iter_raw", "iter_lines"])
@streamed_apis
def test_stream_read_up_to_its_last_event(
    instrumented: Recorded, api: ApiCase, reader: str, how: str, kind: str
) -> None:
    """The application stops reading after the last event, and keeps the response open."""

    async def run() -> None:
        async with raw_response(api, event_stream(api), kind, how, stream=True) as response:
            iterator = reading(response, kind, reader)
            last = ("[DONE]", "message_stop", "response.completed")
            pieces = ""
            while not any(word in pieces for word in last):
                pieces += str(await take(iterator, 1))
            if reader == "iter_lines" and api.name == "messages":
                await take(iterator, 1)
            assert ended(instrumented) == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]

    asyncio.run(run())
    assert len(ended(instrumented)) == 1


@both_kinds
@both_raw_methods
@pytest.mark.parametrize("reader", ["iter_raw", "iter_bytes", "body", "parse"])
@streamed_apis
def test_stream_closed_early(instrumented: Recorded, api: ApiCase, reader: str, how: str, kind: str) -> None:
    async def run() -> None:
        async with raw_response(api, event_stream(api), kind, how, stream=True) as response:
            if reader == "parse":
                iterator = await settled(response.parse())
            else:
                iterator = reading(response, kind, reader)
                iterator = aiter(iterator) if kind == "async" else iter(iterator)
            assert len(await take(iterator, api.read)) == api.read
            await settled(
                response.http_response.close() if kind == "sync" else response.http_response.aclose()
            )
            # While the application still has the iterator.
            assert instrumented.spans == [api.span(api.partial, {CLOSED: True})]
            del iterator

    asyncio.run(run())


@both_kinds
@both_raw_methods
@streamed_apis
def test_stream_that_ends_with_an_exception(
    instrumented: Recorded, api: ApiCase, how: str, kind: str
) -> None:
    cut = replace(api, events=api.events[: api.read])
    answer = event_stream(cut, breaks_with=http.ReadError("cut"))
    answer.body.pieces = [piece for piece in answer.body.pieces if b"[DONE]" not in piece]

    async def run() -> None:
        async with raw_response(api, answer, kind, how, stream=True) as response:
            with pytest.raises(http.ReadError):
                await read(response, kind, "iter_raw")

    asyncio.run(run())
    facts = {**api.partial, "error.type": "ReadError"}
    assert ended(instrumented) == [api.span(facts, status=StatusCode.ERROR, message="cut")]


@both_kinds
@pytest.mark.parametrize("reader", ["iter_raw", "iter_bytes", "read", "body"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, deflate", "identity"])
@every_api
def test_plain_answer_in_any_encoding(
    instrumented: Recorded, api: ApiCase, encoding: str, reader: str, kind: str
) -> None:
    answer = json_answer(api.plain)
    data = b"".join(answer.body.pieces)
    for name in encoding.split(", "):
        data = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}[name](data)
    encoded = Answer(Body([data[:9], data[9:]]), 200, {**answer.headers, "content-encoding": encoding})

    async def run() -> None:
        async with raw_response(api, encoded, kind, "with_streaming_response") as response:
            await read(response, kind, reader)
            assert ended(instrumented) == [api.span(api.answered)]

    asyncio.run(run())


@both_kinds
def test_stream_in_an_encoding(instrumented: Recorded, kind: str) -> None:
    (api,) = (api for api in API_CASES if api.name == "chat")
    answer = event_stream(api)
    compressor = zlib.compressobj(wbits=31)
    pieces = [
        compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH) for piece in answer.body.pieces
    ]
    encoded = Answer(Body([*pieces, compressor.flush()]), 200, {**answer.headers, "content-encoding": "gzip"})

    async def run() -> None:
        async with raw_response(api, encoded, kind, RAW_METHODS[0], stream=True) as response:
            await read(response, kind, "iter_raw")

    asyncio.run(run())
    assert ended(instrumented) == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]


def test_answer_with_invalid_encoding_is_an_error(instrumented: Recorded) -> None:
    api = API_CASES[0]
    answer = json_answer(api.plain)
    broken = Answer(Body([b"no gzip"]), 200, {**answer.headers, "content-encoding": "gzip"})

    async def run() -> None:
        async with raw_response(api, broken, "sync", "with_streaming_response") as response:
            with pytest.raises(http.DecodingError):
                response.read()

    asyncio.run(run())
    span = instrumented.only
    assert (span.status, span.attributes["error.type"]) == (StatusCode.ERROR, "DecodingError")


@pytest.mark.parametrize("content_type", [None, "text/plain; charset=utf-8"])
@streamed_apis
def test_stream_without_an_event_stream_media_type(
    instrumented: Recorded, api: ApiCase, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = replace(event_stream(api), headers=headers)

    async def run() -> None:
        async with raw_response(api, answer, "sync", RAW_METHODS[1], stream=True) as response:
            await read(response, "sync", "iter_lines")

    asyncio.run(run())
    assert ended(instrumented) == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]


@both_kinds
@pytest.mark.parametrize("reader", ["iter_raw", "iter_lines", "body"])
@streamed_apis
def test_response_of_a_stream_read_without_the_stream(
    instrumented: Recorded, api: ApiCase, reader: str, kind: str
) -> None:
    """`stream.response` is a raw response too."""

    async def run() -> None:
        stream = await opened(api, FakeProvider(event_stream(api)), kind)
        holder = type("Holder", (), {"http_response": stream.response})
        await read(holder, kind, reader)
        assert ended(instrumented) == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]

    asyncio.run(run())
