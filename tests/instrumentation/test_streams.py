"""Streams that are read, closed, dropped, broken or cancelled; their objects stay the client's."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import anthropic
import openai
import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.recorded import FIRST_CHUNK, Recorded
from tests.support.llm_bodies import chat_chunks, message_events
from tests.support.llm_clients import (
    ANTHROPIC_TRACES_ITSELF,
    KINDS,
    anthropic_client,
    openai_client,
    result_of,
)
from tests.support.llm_http import FakeProvider, event_answer, http

import pulse_instrumentation as pulse

MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES, "stream": True}
CLOSED = "pulse.stream.closed_early"


def chat_stream(kind: str = "sync", **answer: Any) -> Any:
    client = openai_client(FakeProvider(event_answer(chat_chunks("Hel", "lo"), **answer)), kind)
    return client.chat.completions.create(**CHAT)


def test_stream_objects_keep_their_exact_types(instrumented: Recorded) -> None:
    assert type(chat_stream()) is openai.Stream
    client = anthropic_client(FakeProvider(event_answer(message_events("Hi"))))
    stream = client.messages.create(model="m", max_tokens=1, messages=MESSAGES, stream=True)
    assert type(stream) is anthropic.Stream


def test_stream_closed_early_ends_its_span_at_once(instrumented: Recorded) -> None:
    stream = chat_stream()
    assert next(stream).id == next(stream).id
    stream.close()
    attributes = instrumented.attributes
    assert attributes[CLOSED] is True
    assert attributes["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Hel"}]
    assert stream.response.is_closed


def test_stream_closed_by_its_with_block_ends_its_span(instrumented: Recorded) -> None:
    with chat_stream() as stream:
        for _ in stream:
            break
    assert instrumented.attributes[CLOSED] is True


def test_async_stream_closed_by_its_with_block_ends_its_span(instrumented: Recorded) -> None:
    async def run() -> None:
        async with await chat_stream("async") as stream:
            async for _ in stream:
                break

    asyncio.run(run())
    assert instrumented.attributes[CLOSED] is True


def test_stream_closed_after_its_finish_reason_is_not_early(instrumented: Recorded) -> None:
    stream = chat_stream()
    for chunk in stream:
        if chunk.choices[0].finish_reason:
            break
    stream.close()
    assert CLOSED not in instrumented.attributes


@pytest.mark.parametrize("read", [0, 2])
def test_dropped_stream_ends_its_span(instrumented: Recorded, read: int) -> None:
    stream = chat_stream()
    for _ in range(read):
        next(stream)
    del stream
    gc.collect()
    assert instrumented.attributes[CLOSED] is True


@pytest.mark.skipif(not ANTHROPIC_TRACES_ITSELF, reason="older clients need the garbage collector")
def test_dropped_anthropic_stream_is_freed_without_the_garbage_collector(
    instrumented: Recorded,
) -> None:
    client = anthropic_client(FakeProvider(event_answer(message_events("Hel", "lo"))))
    stream = client.messages.create(model="m", max_tokens=1, messages=MESSAGES, stream=True)
    next(stream)
    gone = weakref.ref(stream.response)
    gc.disable()
    try:
        del stream
        assert gone() is None
    finally:
        gc.enable()
    assert instrumented.attributes[CLOSED] is True


def test_dropped_async_stream_ends_its_span(instrumented: Recorded) -> None:
    async def run() -> None:
        stream = await chat_stream("async")
        await stream.__anext__()
        del stream
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert instrumented.attributes[CLOSED] is True


@pytest.mark.parametrize("kind", KINDS)
def test_connection_lost_during_a_stream_is_raised_and_recorded(instrumented: Recorded, kind: str) -> None:
    lost = http.ReadError("connection lost")
    # The oldest clients raise the HTTP library's exception.
    with pytest.raises((openai.APIConnectionError, http.ReadError)) as raised:
        result_of(chat_stream(kind, breaks_with=lost))
    span = instrumented.only
    assert (span.status, span.attributes["error.type"]) == (StatusCode.ERROR, raised.type.__name__)
    assert span.attributes["gen_ai.response.id"] == "chatcmpl-1"


def test_stream_read_to_its_end_stays_exhausted(instrumented: Recorded) -> None:
    stream = chat_stream(done=True)
    assert len(list(stream)) == 5
    assert list(stream) == []
    stream.close()
    assert CLOSED not in instrumented.attributes


def test_cancelled_call_is_an_error_of_its_kind(instrumented: Recorded) -> None:
    async def run() -> None:
        provider = FakeProvider()
        client = openai_client(provider, "async")
        started = asyncio.Event()

        async def never(request: Any) -> Any:
            started.set()
            await asyncio.Event().wait()

        client._client = http.AsyncClient(transport=http.MockTransport(never))
        task = asyncio.create_task(client.chat.completions.create(model="m", messages=MESSAGES))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    span = instrumented.only
    assert (span.status, span.attributes["error.type"]) == (StatusCode.ERROR, "CancelledError")


def test_cancelled_reader_of_a_stream_ends_the_span(instrumented: Recorded) -> None:
    async def run() -> None:
        stream = await chat_stream("async", breaks_with=asyncio.CancelledError())
        with pytest.raises(asyncio.CancelledError):
            async for _ in stream:
                pass

    asyncio.run(run())
    assert instrumented.attributes["error.type"] == "CancelledError"


def test_time_to_first_chunk_ignores_chunks_without_output(instrumented: Recorded) -> None:
    stream = chat_stream()
    next(stream)
    stream.close()
    assert FIRST_CHUNK not in instrumented.attributes


def test_stream_read_in_another_thread_keeps_its_session_and_parent(
    instrumented: Recorded,
) -> None:
    import threading

    tracer = instrumented.provider.get_tracer("app")
    with tracer.start_as_current_span("work") as work, pulse.session("s-1"):
        stream = chat_stream(done=True)
    thread = threading.Thread(target=list, args=(stream,))
    thread.start()
    thread.join()
    span = next(span for span in instrumented.spans if span.name == "chat gpt-4o")
    assert span.parent == work.get_span_context().span_id
    assert span.attributes["session.id"] == "s-1"
