"""Learning that an HTTP response is closed, from a wrapper around its body.

Every way to close a response ends in the `close` of its body. The wrapper refers to the body only,
never to the response, so it keeps nothing alive and works within the garbage collector as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from typing import Protocol, cast

from pulse_instrumentation.fields import field

# What both HTTP libraries call the base classes of bodies, and check with isinstance.
_BASES = ("SyncByteStream", "AsyncByteStream")


def watch_closing(response: object, closed: Callable[[], None]) -> None:
    """Call `closed` after the response's body is closed, each time that it is.

    Raises:
        LookupError: the response has no body of httpx or httpx2.
    """
    body = field(response, "stream")
    vars(response)["stream"] = _wrapper_class(type(body))(cast("_Body", body), closed)


class _Body(Protocol):
    def __iter__(self) -> Iterator[bytes]: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def close(self) -> None: ...

    async def aclose(self) -> None: ...


class _WatchedBody:
    """The body, telling that it has been closed."""

    def __init__(self, body: _Body, closed: Callable[[], None]) -> None:
        self._body = body
        self._closed = closed
        # The anthropic client asks for it at every event; finding it here is quicker than there.
        self.stream_observer: object = getattr(body, "stream_observer", None)

    def __getattr__(self, name: str) -> object:
        # Whoever looks for more on a body finds what the body has.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._body, name)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.__aiter__()

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


@lru_cache(maxsize=32)
def _wrapper_class(body_class: type) -> type[_WatchedBody]:
    """The wrapper for bodies of a class: it derives from the same of the two base classes."""
    bases = tuple(base for base in body_class.__mro__ if base.__name__ in _BASES)
    if not bases:
        raise LookupError(f"{body_class.__name__} is no body of an HTTP response")
    return type("WatchedBody", (_WatchedBody, *bases), {})
