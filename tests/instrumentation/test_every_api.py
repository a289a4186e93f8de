"""Every API plain, streamed, raw, failed, cancelled and closed early; complete spans are compared."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.api_cases import (
    STREAM,
    ApiCase,
    both_kinds,
    call,
    event_stream,
    every_api,
    opened,
    streamed_apis,
    take,
)
from tests.instrumentation.recorded import FIRST_CHUNK, Recorded
from tests.support.llm_http import FakeProvider, http, json_answer

CLOSED = "pulse.stream.closed_early"


@both_kinds
@every_api
def test_plain(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    call(kind, api.resource(FakeProvider(json_answer(api.plain)), kind).create, **api.arguments)
    assert instrumented.spans == [api.span(api.answered)]


@both_kinds
@streamed_apis
def test_streamed(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    async def run() -> int:
        return len(await take(await opened(api, FakeProvider(event_stream(api)), kind)))

    assert asyncio.run(run()) == len(api.events)
    assert instrumented.spans == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]


@both_kinds
@every_api
def test_raw_response(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    resource = api.resource(FakeProvider(json_answer(api.plain)), kind)
    raw = call(kind, resource.with_raw_response.create, **api.arguments)
    assert raw.http_response.json() == api.plain
    assert instrumented.spans == [api.span(api.answered)]


@both_kinds
@streamed_apis
def test_raw_response_with_a_stream(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    async def run() -> int:
        resource = api.resource(FakeProvider(event_stream(api)), kind)
        raw = resource.with_raw_response.create(**api.arguments, stream=True)
        parsed = (raw if kind == "sync" else await raw).parse()
        return len(await take(await parsed if asyncio.iscoroutine(parsed) else parsed))

    assert asyncio.run(run()) == len(api.events)
    assert instrumented.spans == [api.span({STREAM: True, FIRST_CHUNK: True}, api.answered)]


@both_kinds
@every_api
def test_streaming_response(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    create = api.resource(FakeProvider(json_answer(api.plain)), kind).with_streaming_response.create

    async def run() -> Any:
        if kind == "sync":
            with create(**api.arguments) as answer:
                return answer.json()
        async with create(**api.arguments) as answer:
            return await answer.json()

    assert asyncio.run(run()) == api.plain
    assert instrumented.spans == [api.span(api.answered)]


@both_kinds
@every_api
def test_request_rejected_by_the_provider(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    refusal = json_answer({"error": {"message": "slow down"}}, status=429, x_request_id="r-1")
    refusal.headers["request-id"] = "r-1"  # pyright: ignore[reportIndexIssue]
    resource = api.resource(FakeProvider(refusal), kind)
    with pytest.raises(Exception, match="slow down") as raised:
        call(kind, resource.create, **api.arguments)
    facts = {
        "error.type": "RateLimitError",
        "http.response.status_code": 429,
        "pulse.request_id": "r-1",
    }
    assert instrumented.spans == [api.span(facts, status=StatusCode.ERROR, message=str(raised.value))]


@both_kinds
@every_api
def test_provider_not_reachable(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    resource = api.resource(FakeProvider(http.ConnectError("not reachable")), kind)
    with pytest.raises(Exception, match="Connection error") as raised:
        call(kind, resource.create, **api.arguments)
    facts = {"error.type": "APIConnectionError"}
    assert instrumented.spans == [api.span(facts, status=StatusCode.ERROR, message=str(raised.value))]


@both_kinds
@every_api
def test_call_interrupted(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    interruption = KeyboardInterrupt if kind == "sync" else asyncio.CancelledError
    resource = api.resource(FakeProvider(interruption("enough")), kind)
    with pytest.raises(interruption):
        call(kind, resource.create, **api.arguments)
    facts = {"error.type": interruption.__name__}
    assert instrumented.spans == [api.span(facts, status=StatusCode.ERROR, message="enough")]


@both_kinds
@streamed_apis
def test_stream_that_ends_with_an_exception(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    cut = replace(api, events=api.events[: api.read])
    answer = event_stream(cut, breaks_with=http.ReadError("cut"))
    # Without `[DONE]`, which would end the stream regularly.
    answer.body.pieces = [piece for piece in answer.body.pieces if b"[DONE]" not in piece]

    async def run() -> None:
        await take(await opened(api, FakeProvider(answer), kind))

    # Newer clients wrap the HTTP library's exception.
    with pytest.raises(Exception, match=r"cut|Connection error") as raised:
        asyncio.run(run())
    facts = {**api.partial, "error.type": type(raised.value).__name__}
    expected = api.span(facts, status=StatusCode.ERROR, message=str(raised.value))
    assert instrumented.only == expected


@both_kinds
@streamed_apis
@pytest.mark.parametrize("leave", ["closed", "dropped"])
def test_stream_closed_or_dropped_early(instrumented: Recorded, api: ApiCase, kind: str, leave: str) -> None:
    async def run() -> None:
        stream = await opened(api, FakeProvider(event_stream(api)), kind)
        assert len(await take(stream, api.read)) == api.read
        if leave == "closed":
            closing = stream.close()
            if kind == "async":
                await closing
        del stream
        gc.collect()

    asyncio.run(run())
    assert instrumented.only == api.span(api.partial, {CLOSED: True})
