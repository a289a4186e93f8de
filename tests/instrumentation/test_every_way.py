"""Every API in every way to call it: plain, streamed, raw, failed, cancelled, left; whole spans compared."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.recorded import FIRST_CHUNK, Recorded
from tests.instrumentation.ways import (
    STREAM,
    Way,
    both_kinds,
    call,
    event_stream,
    every_way,
    opened,
    streamed_ways,
    take,
)
from tests.support.llm_http import FakeProvider, http, json_answer

CLOSED = "pulse.stream.closed_early"


@both_kinds
@every_way
def test_plain(instrumented: Recorded, way: Way, kind: str) -> None:
    call(kind, way.resource(FakeProvider(json_answer(way.plain)), kind).create, **way.arguments)
    assert instrumented.spans == [way.span(way.answered)]


@both_kinds
@streamed_ways
def test_streamed(instrumented: Recorded, way: Way, kind: str) -> None:
    async def run() -> int:
        return len(await take(await opened(way, FakeProvider(event_stream(way)), kind)))

    assert asyncio.run(run()) == len(way.events)
    assert instrumented.spans == [way.span({STREAM: True, FIRST_CHUNK: True}, way.answered)]


@both_kinds
@every_way
def test_raw_response(instrumented: Recorded, way: Way, kind: str) -> None:
    resource = way.resource(FakeProvider(json_answer(way.plain)), kind)
    raw = call(kind, resource.with_raw_response.create, **way.arguments)
    assert raw.http_response.json() == way.plain
    assert instrumented.spans == [way.span(way.answered)]


@both_kinds
@streamed_ways
def test_raw_response_with_a_stream(instrumented: Recorded, way: Way, kind: str) -> None:
    async def run() -> int:
        resource = way.resource(FakeProvider(event_stream(way)), kind)
        raw = resource.with_raw_response.create(**way.arguments, stream=True)
        parsed = (raw if kind == "sync" else await raw).parse()
        return len(await take(await parsed if asyncio.iscoroutine(parsed) else parsed))

    assert asyncio.run(run()) == len(way.events)
    assert instrumented.spans == [way.span({STREAM: True, FIRST_CHUNK: True}, way.answered)]


@both_kinds
@every_way
def test_streaming_response(instrumented: Recorded, way: Way, kind: str) -> None:
    create = way.resource(FakeProvider(json_answer(way.plain)), kind).with_streaming_response.create

    async def run() -> Any:
        if kind == "sync":
            with create(**way.arguments) as answer:
                return answer.json()
        async with create(**way.arguments) as answer:
            return await answer.json()

    assert asyncio.run(run()) == way.plain
    assert instrumented.spans == [way.span(way.answered)]


@both_kinds
@every_way
def test_refused_by_the_provider(instrumented: Recorded, way: Way, kind: str) -> None:
    refusal = json_answer({"error": {"message": "slow down"}}, status=429, x_request_id="r-1")
    refusal.headers["request-id"] = "r-1"  # pyright: ignore[reportIndexIssue]
    resource = way.resource(FakeProvider(refusal), kind)
    with pytest.raises(Exception, match="slow down") as raised:
        call(kind, resource.create, **way.arguments)
    facts = {
        "error.type": "RateLimitError",
        "http.response.status_code": 429,
        "pulse.request_id": "r-1",
    }
    assert instrumented.spans == [way.span(facts, status=StatusCode.ERROR, message=str(raised.value))]


@both_kinds
@every_way
def test_not_reached(instrumented: Recorded, way: Way, kind: str) -> None:
    resource = way.resource(FakeProvider(http.ConnectError("nobody there")), kind)
    with pytest.raises(Exception, match="Connection error") as raised:
        call(kind, resource.create, **way.arguments)
    facts = {"error.type": "APIConnectionError"}
    assert instrumented.spans == [way.span(facts, status=StatusCode.ERROR, message=str(raised.value))]


@both_kinds
@every_way
def test_interrupted(instrumented: Recorded, way: Way, kind: str) -> None:
    interruption = KeyboardInterrupt if kind == "sync" else asyncio.CancelledError
    resource = way.resource(FakeProvider(interruption("enough")), kind)
    with pytest.raises(interruption):
        call(kind, resource.create, **way.arguments)
    facts = {"error.type": interruption.__name__}
    assert instrumented.spans == [way.span(facts, status=StatusCode.ERROR, message="enough")]


@both_kinds
@streamed_ways
def test_stream_that_breaks_off(instrumented: Recorded, way: Way, kind: str) -> None:
    cut = replace(way, events=way.events[: way.read])
    answer = event_stream(cut, breaks_with=http.ReadError("cut"))
    # Without the sentinel, which would end the stream in good order.
    answer.body.pieces = [piece for piece in answer.body.pieces if b"[DONE]" not in piece]

    async def run() -> None:
        await take(await opened(way, FakeProvider(answer), kind))

    # Newer clients wrap the HTTP library's exception.
    with pytest.raises(Exception, match=r"cut|Connection error") as raised:
        asyncio.run(run())
    facts = {**way.partial, "error.type": type(raised.value).__name__}
    expected = way.span(facts, status=StatusCode.ERROR, message=str(raised.value))
    assert instrumented.only == expected


@both_kinds
@streamed_ways
@pytest.mark.parametrize("leave", ["closed", "dropped"])
def test_stream_that_is_left(instrumented: Recorded, way: Way, kind: str, leave: str) -> None:
    async def run() -> None:
        stream = await opened(way, FakeProvider(event_stream(way)), kind)
        assert len(await take(stream, way.read)) == way.read
        if leave == "closed":
            closing = stream.close()
            if kind == "async":
                await closing
        del stream
        gc.collect()

    asyncio.run(run())
    assert instrumented.only == way.span(way.partial, {CLOSED: True})
