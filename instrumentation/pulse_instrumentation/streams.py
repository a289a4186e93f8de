"""Recording a stream while the application reads it.

The client's own stream object stays in place, with its type and all its methods. Only the iterator
inside it, through which every helper reads, passes each chunk by the call on its way; and the HTTP
response says when it is closed before the last chunk.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Protocol, cast

from pulse_instrumentation.calls import Call
from pulse_instrumentation.fields import field

# The name under which the streams of both clients hold their iterator, since their first versions.
ITERATOR = "_iterator"

Chunks = Generator[object, None, None]
AsyncChunks = AsyncGenerator[object, None]


def is_stream(result: object) -> bool:
    """Whether a result is a stream of one of the clients."""
    return hasattr(type(result), "__stream__")


def record_stream(stream: object, call: Call) -> None:
    """Let the call see what the application reads from the stream."""
    inner = getattr(stream, ITERATOR)
    call.start_stream()
    reader: Chunks | AsyncChunks
    if hasattr(inner, "__anext__"):
        reader = _read_async(cast("AsyncIterator[object]", inner), call)
    else:
        reader = _read(cast("Iterator[object]", inner), call)
    watch_close(field(stream, "response"), reader, call)
    setattr(stream, ITERATOR, reader)


def _read(inner: Iterator[object], call: Call) -> Chunks:
    try:
        for chunk in inner:
            call.chunk(chunk)
            yield chunk
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
            yield chunk
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


def watch_close(response: object, reader: object, call: Call) -> None:
    """End the call when the HTTP response is closed while nobody reads from it.

    A response is also closed from within, when its last byte has been read; then the reader, which
    still has chunks to give, ends the call. Only weak references, so that a dropped stream is
    freed as soon as without Pulse.
    """
    reader_reference = weakref.ref(reader)

    def closed() -> None:
        if not _is_running(reader_reference()):
            call.close_stream()

    shadow_close(response, closed)


def shadow_close(response: object, closed: Callable[[], None]) -> None:
    """Call `closed` after the response's `close` or `aclose`, once and on this one response only."""
    reference = weakref.ref(response)
    attributes = vars(response)
    # What stood there before, if somebody else shadowed the methods too.
    previous = {name: attributes[name] for name in ("close", "aclose") if name in attributes}

    def restore() -> None:
        for name in ("close", "aclose"):
            attributes.pop(name, None)
        attributes.update(previous)

    def close() -> None:
        restore()
        try:
            cast("_Response", reference()).close()
        finally:
            closed()

    async def aclose() -> None:
        restore()
        try:
            await cast("_Response", reference()).aclose()
        finally:
            closed()

    attributes["close"] = close
    attributes["aclose"] = aclose


class _Response(Protocol):
    """The two ways to close an HTTP response, as both HTTP libraries have them."""

    def close(self) -> None: ...

    async def aclose(self) -> None: ...


def _is_running(reader: object) -> bool:
    return bool(getattr(reader, "gi_running", False) or getattr(reader, "ag_running", False))
