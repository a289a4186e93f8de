"""Wrap the body of an HTTP response, to learn when it is closed and to see its bytes when they are read.

Every way to close a response ends in the `close` of its body, and every way to read one iterates over
it. The wrapper refers to the body only, never to the response, so it keeps nothing alive and works
within the garbage collector as well.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from functools import lru_cache
from typing import Protocol, cast

from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import field

# What both HTTP libraries call the base classes of bodies, and check with isinstance.
_BASES = ("SyncByteStream", "AsyncByteStream")


class Tap(Protocol):
    """Sees the bytes of one body as they were sent. Its methods never raise."""

    def begin(self, reader: object) -> None:
        """Take note of the generator through which the body is read."""
        ...

    def take(self, data: bytes) -> None:
        """Take the next bytes."""
        ...

    def end(self) -> None:
        """The body has been read to its end."""
        ...

    def leave(self) -> None:
        """The reader has stopped before the end."""
        ...

    def fail(self, error: BaseException) -> None:
        """Reading has raised."""
        ...


def watch_body(
    response: object, closed: Callable[[], None], open_tap: Callable[[], Tap | None] | None = None
) -> None:
    """Call `closed` after each closing of the response's body, and `open_tap` when it begins to be read.

    Raises:
        LookupError: the response has no body of httpx or httpx2.
    """
    body = field(response, "stream")
    vars(response)["stream"] = _wrapper_class(type(body))(cast("_Body", body), closed, open_tap)


def refers_to_itself(response: object) -> bool:
    """Whether only the cyclic garbage collector frees an unread response: `httpx` binds the body to it."""
    return type(response).__module__.partition(".")[0] == "httpx"


def is_running(reader: object) -> bool:
    """Whether a generator is at work, and not waiting to be asked for more."""
    return bool(getattr(reader, "gi_running", False) or getattr(reader, "ag_running", False))


class _Body(Protocol):
    def __iter__(self) -> Iterator[bytes]: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def close(self) -> None: ...

    async def aclose(self) -> None: ...


class _WatchedBody:
    """The body of a response, watched."""

    def __init__(
        self, body: _Body, closed: Callable[[], None], open_tap: Callable[[], Tap | None] | None
    ) -> None:
        self._body = body
        self._closed = closed
        self._open_tap = open_tap
        # The anthropic client asks for it at every event; finding it here is quicker than there.
        self.stream_observer: object = getattr(body, "stream_observer", None)

    def __getattr__(self, name: str) -> object:
        # What other code looks for on a body is on the body itself.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._body, name)

    def __iter__(self) -> Iterator[bytes]:
        inner = iter(self._body)
        if (tap := self._tap()) is None:
            return inner
        reader = _read(inner, tap)
        tap.begin(reader)
        return reader

    def __aiter__(self) -> AsyncIterator[bytes]:
        inner = self._body.__aiter__()
        if (tap := self._tap()) is None:
            return inner
        reader = _read_async(inner, tap)
        tap.begin(reader)
        return reader

    def close(self) -> None:
        try:
            self._body.close()
        finally:
            self._closed()

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            self._closed()

    def _tap(self) -> Tap | None:
        """Return the tap of the first reading, if it shall have one."""
        open_tap, self._open_tap = self._open_tap, None
        try:
            return None if open_tap is None else open_tap()
        except Exception as error:
            report_failure("reading a raw response", error)
            return None


def _read(chunks: Iterator[bytes], tap: Tap) -> Generator[bytes, None, None]:
    try:
        for chunk in chunks:
            tap.take(chunk)
            try:
                yield chunk
            except BaseException:
                # Thrown in from outside, not met while reading.
                tap.leave()
                raise
    except GeneratorExit:
        tap.leave()
        raise
    except BaseException as error:
        tap.fail(error)
        raise
    else:
        tap.end()
    finally:
        if isinstance(chunks, Generator):
            chunks.close()


async def _read_async(chunks: AsyncIterator[bytes], tap: Tap) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in chunks:
            tap.take(chunk)
            try:
                yield chunk
            except BaseException:
                # Thrown in from outside, not met while reading.
                tap.leave()
                raise
    except GeneratorExit:
        tap.leave()
        raise
    except BaseException as error:
        tap.fail(error)
        raise
    else:
        tap.end()
    finally:
        if isinstance(chunks, AsyncGenerator):
            await cast("AsyncGenerator[bytes, None]", chunks).aclose()


@lru_cache(maxsize=32)
def _wrapper_class(body_class: type) -> type[_WatchedBody]:
    """Return the wrapper for bodies of a class: it derives from the same of the two base classes."""
    bases = tuple(base for base in body_class.__mro__ if base.__name__ in _BASES)
    if not bases:
        raise LookupError(f"{body_class.__name__} is no body of an HTTP response")
    return type("WatchedBody", (_WatchedBody, *bases), {})
