"""Record a stream while the application reads it.

The application gets the client's stream object, with its type and methods. Only its inner iterator, which
every helper reads, is replaced by one that passes each chunk to the call; and its HTTP response reports when
it is closed before the last chunk.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import TypeVar, cast

from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import field
from pulse_instrumentation.recording.body import Tap, is_running, refers_to_itself, watch_body
from pulse_instrumentation.recording.calls import Call
from pulse_instrumentation.recording.raw_responses import tap_of_stream
from pulse_instrumentation.recording.stream_cycle import ITERATOR, copied_generator

Chunks = Generator[object, None, None]
AsyncChunks = AsyncGenerator[object, None]
_Iterator = TypeVar("_Iterator", bound=Iterator[object] | AsyncIterator[object])


def record_stream(stream: object, call: Call) -> None:
    """Pass each chunk that the application reads from the stream to the call, and end it with the stream."""
    inner = getattr(stream, ITERATOR)
    call.start_stream()
    reference = weakref.ref(stream)
    reader: Chunks | AsyncChunks
    if hasattr(inner, "__anext__"):
        reader = _read_async(cast("AsyncIterator[object]", inner), reference, call)
    else:
        reader = _read(cast("Iterator[object]", inner), reference, call)
    setattr(stream, ITERATOR, reader)
    try:
        watch_reading(field(stream, "response"), reader, call)
    except Exception as error:
        # The response is not of an HTTP library. The chunks of the stream are still recorded.
        report_failure("watching a stream", error)


def _with_current_attributes(iterator: _Iterator, stream: weakref.ref[object]) -> _Iterator:
    """Return an iterator that uses the attributes that the stream has at its first chunk.

    The iterator may use a copy of the stream from before the application set an attribute.
    """
    try:
        target = stream()
        generator = None if target is None else copied_generator(target, iterator)
    except Exception as error:
        report_failure("copying a stream", error)
        return iterator
    return iterator if generator is None else cast("_Iterator", generator)


def _read(inner: Iterator[object], stream: weakref.ref[object], call: Call) -> Chunks:
    inner = _with_current_attributes(inner, stream)
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


async def _read_async(inner: AsyncIterator[object], stream: weakref.ref[object], call: Call) -> AsyncChunks:
    inner = _with_current_attributes(inner, stream)
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
