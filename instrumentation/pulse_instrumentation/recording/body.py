"""Wrap the body of an HTTP response, to observe when it is closed and which bytes are read.

Every way to close a response calls `close` of its body, and every way to read it iterates over the body. The
wrapper refers to the body and not to the response, so it does not keep the response alive.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from functools import lru_cache
from typing import Protocol, cast

from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import field

# The names of the base classes of bodies in both HTTP libraries, which check them with isinstance.
_BASES = ("SyncByteStream", "AsyncByteStream")


class Tap(Protocol):
    """Observes the bytes of one body as they were sent, before decoding. Its methods never raise."""

    def begin(self, reader: object) -> None:
        """Observe the first iteration over the body; `reader` is its generator."""
        ...

    def take(self, data: bytes) -> None:
        """Observe the next bytes."""
        ...

    def end(self) -> None:
        """Observe that the body was read to its end."""
        ...

    def abandon(self) -> None:
        """Observe that the application stopped reading before the end."""
        ...

    def fail(self, error: BaseException) -> None:
        """Observe that reading raised this exception."""
        ...


def watch_body(
    response: object, closed: Callable[[], None], open_tap: Callable[[], Tap | None] | None = None
) -> None:
    """Call `closed` after each `close` of the response's body, and `open_tap` at its first iteration.

    Raises:
        LookupError: the response has no body of httpx or httpx2.
    """
    body = field(response, "stream")
    vars(response)["stream"] = _wrapper_class(type(body))(cast("_Body", body), closed, open_tap)


def refers_to_itself(response: object) -> bool:
    """Return whether an unread response is part of a reference cycle: its body refers to it in `httpx`."""
    return type(response).__module__.partition(".")[0] == "httpx"


def is_running(reader: object) -> bool:
    """Return whether a generator, synchronous or asynchronous, is executing, not suspended or finished."""
    return bool(getattr(reader, "gi_running", False) or getattr(reader, "ag_running", False))


class _Body(Protocol):
    def __iter__(self) -> Iterator[bytes]: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def close(self) -> None: ...

    async def aclose(self) -> None: ...


class _WatchedBody:
    """The body of a response, which reports when it is read and closed."""

    def __init__(
        self, body: _Body, closed: Callable[[], None], open_tap: Callable[[], Tap | None] | None
    ) -> None:
        self._body = body
        self._closed = closed
        self._open_tap = open_tap
        # The anthropic client reads this attribute at every event; here it needs no `__getattr__`.
        self.stream_observer: object = getattr(body, "stream_observer", None)

    def __getattr__(self, name: str) -> object:
        # Other code may use attributes of the wrapped body.
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
        """Return the tap at the first iteration; None at later ones, or if the body is not observed."""
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
                # Raised at the `yield` by the caller (`throw`, `close`), not while reading.
                tap.abandon()
                raise
    except GeneratorExit:
        tap.abandon()
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
                # Raised at the `yield` by the caller (`throw`, `close`), not while reading.
                tap.abandon()
                raise
    except GeneratorExit:
        tap.abandon()
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
    """Return the wrapper class for bodies of a class, with the same HTTP base classes."""
    bases = tuple(base for base in body_class.__mro__ if base.__name__ in _BASES)
    if not bases:
        raise LookupError(f"{body_class.__name__} is no body of an HTTP response")
    return type("WatchedBody", (_WatchedBody, *bases), {})
