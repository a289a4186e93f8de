"""Recording a stream while the application reads it.

The client's own stream object stays in place, with its type and all its methods. Only the iterator
inside it, through which every helper reads, passes each chunk by the call on its way; and the HTTP
response says when it is closed before the last chunk.
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
    """Let the call see what the application reads from the stream."""
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
        # A stream over a response that is not an HTTP library's: it is recorded when it is read.
        report_failure("watching a stream", error)


def _read(inner: Iterator[object], call: Call) -> Chunks:
    try:
        for chunk in inner:
            call.chunk(chunk)
            try:
                yield chunk
            except BaseException:
                # Thrown in by whoever tears the reader down, not met while reading.
                call.abandon()
                raise
            # The application's alone from here on: the next chunk takes its memory, as without Pulse.
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
                # Thrown in by whoever tears the reader down, not met while reading.
                call.abandon()
                raise
            # The application's alone from here on: the next chunk takes its memory, as without Pulse.
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
    """End the call when the response is closed while the stream is not being read, and see other readers.

    A response is also closed from within, when its last byte has been read; then the reader, which
    still has chunks to give, ends the call. The references are weak, so that a dropped stream is freed
    as soon as without Pulse.
    """
    reference = weakref.ref(reader)
    response_reference = weakref.ref(response)

    def closed() -> None:
        alive = reference()
        if alive is None:
            # Closed by the garbage collector, in which no span should end.
            call.abandon()
        elif not is_running(alive):
            call.close_stream()

    def open_tap() -> Tap | None:
        # The application reads the response itself, by `stream.response`.
        return None if is_running(reference()) else tap_of_stream(response_reference(), call)

    watch_body(response, closed, open_tap)
    call.awaits_reader = refers_to_itself(response)
