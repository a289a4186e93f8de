"""Record a stream while the application reads it.

The application gets the client's stream object, with its type and methods. Only its inner iterator, which
every helper reads, is replaced by one that passes each chunk to the call; and its HTTP response reports when
it is closed before the last chunk.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import cast

from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import field
from pulse_instrumentation.recording.body import Tap, is_running, refers_to_itself, watch_body
from pulse_instrumentation.recording.calls import Call
from pulse_instrumentation.recording.raw_responses import tap_of_stream
from pulse_instrumentation.recording.stream_cycle import ITERATOR

Chunks = Generator[object, None, None]
AsyncChunks = AsyncGenerator[object, None]


def record_stream(stream: object, call: Call) -> None:
    """Pass each chunk that the application reads from the stream to the call, and end it with the stream."""
    inner = getattr(stream, ITERATOR)
    call.start_stream()
    reader: Chunks | AsyncChunks
    if hasattr(inner, "__anext__"):
        reader = _read_async(cast("AsyncIterator[object]", inner), call)
    else:
        reader = _read(cast("Iterator[object]", inner), call)
    setattr(stream, ITERATOR, reader)
    try:
        watch_reading(field(stream, "response"), reader, call)
    except Exception as error:
        # The response is not of an HTTP library. The chunks of the stream are still recorded.
        report_failure("watching a stream", error)


def _read(inner: Iterator[object], call: Call) -> Chunks:
    try:
        for chunk in inner:
            call.chunk(chunk)
            try:
                yield chunk
            except BaseException:
                # Raised at the `yield` by the caller (`throw`, `close`), not while reading.
                call.abandon()
                raise
            # Without this reference the chunk is freed as early as without Pulse.
            del chunk
    except GeneratorExit:
        call.abandon()
        raise
    except BaseException as error:
        call.fail(error)
        raise
    else:
        call.end_stream()
    finally:
        if isinstance(inner, Generator):
            inner.close()


async def _read_async(inner: AsyncIterator[object], call: Call) -> AsyncChunks:
    try:
        async for chunk in inner:
            call.chunk(chunk)
            try:
                yield chunk
            except BaseException:
                # Raised at the `yield` by the caller (`throw`, `close`), not while reading.
                call.abandon()
                raise
            # Without this reference the chunk is freed as early as without Pulse.
            del chunk
    except GeneratorExit:
        call.abandon()
        raise
    except BaseException as error:
        call.fail(error)
        raise
    else:
        call.end_stream()
    finally:
        if isinstance(inner, AsyncGenerator):
            await cast("AsyncGenerator[object, None]", inner).aclose()


def watch_reading(response: object, reader: object, call: Call) -> None:
    """End the call when the application closes the response, and observe bytes read without the stream.

    The HTTP library closes a response itself after its last byte; then the reader, which may have further
    chunks, ends the call. The references are weak, so that a dropped stream is freed as early as without
    Pulse.
    """
    reference = weakref.ref(reader)
    response_reference = weakref.ref(response)

    def closed() -> None:
        alive = reference()
        if alive is None:
            # Closed while the stream is being freed. No span should end in a destructor.
            call.abandon()
        elif not is_running(alive):
            call.close_stream()

    def open_tap() -> Tap | None:
        # If the reader is not running, the application reads `stream.response` itself.
        return None if is_running(reference()) else tap_of_stream(response_reference(), call)

    watch_body(response, closed, open_tap)
    call.awaits_reader = refers_to_itself(response)
