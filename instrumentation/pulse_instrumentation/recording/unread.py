"""Recording an answer that the application reads itself, byte by byte, from a raw response.

`with_streaming_response`, and `with_raw_response` with a stream, hand out the response before its
body has been read. The bytes are looked at as they pass to whoever reads them.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol, cast

from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import field, text
from pulse_instrumentation.recording.body import watch_closing
from pulse_instrumentation.recording.calls import Call

# A JSON answer, or a single one of the server-sent events, that is longer is not kept for reading.
MAX_BODY_BYTES = 8 * 1024 * 1024


def record_response(response: object, call: Call) -> None:
    """Record the answer in an HTTP response: at once if it has been read, else while it is read."""
    tap = _Tap(call, _media_type(response))
    if field(response, "is_closed") is True:
        tap.take(_content(response))
        tap.end()
        return
    shadow_reading(response, tap)
    watch_closing(response, tap.close)


def _content(response: object) -> bytes:
    content = field(response, "content")
    return content if isinstance(content, bytes) else b""


def _media_type(response: object) -> str:
    """`json`, `events` or `other`."""
    headers = field(response, "headers")
    get = field(headers, "get")
    value = text(cast("Callable[[str], object]", get)("content-type")) if callable(get) else None
    kind = (value or "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return "events"
    return "json" if kind.endswith("json") else "other"


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class _Tap:
    """Sees the decoded bytes of one body go by."""

    def __init__(self, call: Call, media_type: str) -> None:
        self._call = call
        self._media_type = media_type
        self._pieces: list[bytes] = []
        self._size = 0
        self.reading = False
        if media_type == "events":
            call.start_stream()

    def take(self, data: bytes) -> None:
        """Look at a piece of the body. Never raises: it runs where the application reads."""
        try:
            self._take(data)
        except Exception as error:
            report_failure("reading a raw response", error)

    def _take(self, data: bytes) -> None:
        if self._media_type == "events" and b"\n" in data:
            *lines, data = (b"".join(self._pieces) + data).split(b"\n")
            self._pieces, self._size = [], 0
            for line in lines:
                self._event_line(line)
        if self._media_type != "other":
            self._size += len(data)
            if self._size <= MAX_BODY_BYTES:
                self._pieces.append(data)

    def end(self) -> None:
        """The body has been read to its end."""
        if self._media_type == "events":
            self.take(b"\n")
            self._call.end_stream()
        else:
            self._call.succeed(self._whole())

    def _whole(self) -> object:
        """The JSON document that was read; None when it was none, or too long to keep."""
        if self._media_type != "json" or self._size > MAX_BODY_BYTES:
            return None
        try:
            return _json(b"".join(self._pieces))
        except Exception as error:
            report_failure("reading a raw response", error)
            return None

    def leave(self) -> None:
        """Whoever read the body has gone before its end."""
        self._call.abandon()

    def close(self) -> None:
        """The response has been closed; when nobody is reading it, that is the end."""
        if self.reading:
            return
        if self._media_type == "events":
            self._call.close_stream()
        else:
            self.end()

    def fail(self, error: BaseException) -> None:
        if isinstance(error, GeneratorExit):
            self._call.abandon()
        else:
            self._call.fail(error)

    def _event_line(self, line: bytes) -> None:
        if not line.startswith(b"data:"):
            return
        event = _json(line[5:].strip())
        if event is not None:
            self._call.chunk(event)


def shadow_reading(response: object, tap: _Tap) -> None:
    """Pass what `iter_bytes` or `aiter_bytes` gives by the tap, once: all other ways to read use them."""
    reference = weakref.ref(response)
    attributes = vars(response)

    def readable() -> _Readable:
        for name in ("iter_bytes", "aiter_bytes"):
            attributes.pop(name, None)
        return cast("_Readable", reference())

    def iter_bytes(*args: object, **kwargs: object) -> Iterator[bytes]:
        return _tapped(readable().iter_bytes(*args, **kwargs), tap)

    def aiter_bytes(*args: object, **kwargs: object) -> AsyncIterator[bytes]:
        return _tapped_async(readable().aiter_bytes(*args, **kwargs), tap)

    attributes["iter_bytes"] = iter_bytes
    attributes["aiter_bytes"] = aiter_bytes


class _Readable(Protocol):
    """The two ways to read an HTTP response, as both HTTP libraries have them."""

    def iter_bytes(self, *args: object, **kwargs: object) -> Iterator[bytes]: ...

    def aiter_bytes(self, *args: object, **kwargs: object) -> AsyncIterator[bytes]: ...


def _tapped(chunks: Iterator[bytes], tap: _Tap) -> Iterator[bytes]:
    tap.reading = True
    try:
        for chunk in chunks:
            tap.take(chunk)
            try:
                yield chunk
            except BaseException:
                tap.leave()
                raise
    except BaseException as error:
        tap.fail(error)
        raise
    else:
        tap.end()
    finally:
        tap.reading = False


async def _tapped_async(chunks: AsyncIterator[bytes], tap: _Tap) -> AsyncIterator[bytes]:
    tap.reading = True
    try:
        async for chunk in chunks:
            tap.take(chunk)
            try:
                yield chunk
            except BaseException:
                tap.leave()
                raise
    except BaseException as error:
        tap.fail(error)
        raise
    else:
        tap.end()
    finally:
        tap.reading = False
