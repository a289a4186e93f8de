"""Record an answer while the application reads its bytes from a raw response.

`with_streaming_response`, `with_raw_response` with a stream, and the `response` of a stream return a response
whose body has not been read. Its bytes are observed by whatever method they are read: `iter_raw`,
`iter_bytes`, `iter_lines`, `read` or `parse`.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal, Protocol, cast

from pulse_instrumentation.failures import report_failure
from pulse_instrumentation.fields import field, own_fields, text
from pulse_instrumentation.recording.body import is_running, refers_to_itself, watch_body
from pulse_instrumentation.recording.calls import Call

# A longer JSON answer, or a longer server-sent event, is not recorded.
MAX_BODY_BYTES = 8 * 1024 * 1024

MediaType = Literal["json", "events", "unknown", "other"]
# The types of the last event of a stream.
_LAST_EVENTS = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed"})


def record_response(response: object, call: Call) -> None:
    """Record the answer in an HTTP response: now if its body has been read, else while it is read."""
    tap = BodyTap(call, _media_type(response), None)
    if field(response, "is_closed") is True:
        tap.take(_content(response))
        tap.end()
        return
    tap.decoder = _decoder(response)
    watch_body(response, tap.close, lambda: tap)
    call.awaits_reader = refers_to_itself(response)


def tap_of_stream(response: object, call: Call) -> BodyTap:
    """Return the tap for a stream's response that the application reads without the stream."""
    return BodyTap(call, "events", _decoder(response))


def _content(response: object) -> bytes:
    content = field(response, "content")
    return content if isinstance(content, bytes) else b""


def _header(response: object, name: str) -> str:
    get = field(field(response, "headers"), "get")
    return (text(cast("Callable[[str], object]", get)(name)) if callable(get) else None) or ""


def _media_type(response: object) -> MediaType:
    kind = _header(response, "content-type").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return "events"
    # Some servers stream events with another media type, or without one.
    if kind in {"", "text/plain"}:
        return "unknown"
    return "json" if kind.endswith("json") else "other"


class _Decoder(Protocol):
    """Decodes the content encoding of a body: to bytes in httpx, to an iterable of bytes in httpx2."""

    def decode(self, data: bytes) -> bytes | Iterable[bytes]: ...

    def flush(self) -> bytes | Iterable[bytes]: ...


def _decoder(response: object) -> _Decoder | None:
    """Return a new decoder, from its HTTP library, for the content encoding of a response; None for none."""
    encoding = _header(response, "content-encoding")
    if encoding.strip().lower() in {"", "identity"}:
        return None
    # From a new response, because a decoder has a state and the application's response uses its decoder.
    other = type(response)(200, headers={"content-encoding": encoding})  # pyright: ignore[reportCallIssue]
    return cast("_Decoder", cast("Callable[[], object]", getattr(other, "_get_content_decoder"))())  # noqa: B009


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class BodyTap:
    """Reads the bytes of one body while the application does, and ends the call with the answer in them."""

    def __init__(self, call: Call, media_type: MediaType, decoder: _Decoder | None) -> None:
        self._call = call
        self._media_type: MediaType = media_type
        self.decoder = decoder
        self._pieces: list[bytes] = []
        self._size = 0
        self._reader: weakref.ref[object] | None = None
        self._broken: Exception | None = None
        if media_type == "events" and not call.streams:
            call.start_stream()

    def begin(self, reader: object) -> None:
        self._reader = weakref.ref(reader)
        self._call.awaits_reader = False

    def take(self, data: bytes) -> None:
        try:
            if self.decoder is None:
                self._take(data)
            else:
                self._take_decoded(partial(self.decoder.decode, data))
        except Exception as error:
            report_failure("reading a raw response", error)

    def _take_decoded(self, decode: Callable[[], bytes | Iterable[bytes]]) -> None:
        if self._broken is not None:
            return
        try:
            decoded = decode()
            for piece in (decoded,) if isinstance(decoded, bytes) else decoded:
                self._take(piece)
        except Exception as error:
            # The application's decoder is about to raise the same exception.
            self._broken = error

    def _take(self, data: bytes) -> None:
        if self._media_type == "unknown" and data:
            self._media_type = _sniff_media_type(data)
            if self._media_type == "events" and not self._call.streams:
                self._call.start_stream()
        if self._media_type == "events" and b"\n" in data:
            *lines, data = (b"".join(self._pieces) + data).split(b"\n")
            self._pieces, self._size = [], 0
            for line in lines:
                self._event_line(line)
        if self._media_type in {"json", "events"}:
            self._size += len(data)
            if self._size <= MAX_BODY_BYTES:
                self._pieces.append(data)

    def end(self) -> None:
        if self.decoder is not None:
            self._take_decoded(self.decoder.flush)
            self.decoder = None
        if self._broken is not None:
            self._call.fail(self._broken)
        elif self._media_type == "events":
            self.take(b"\n")
            self._call.end_stream()
        else:
            self._call.succeed(self._whole())

    def _whole(self) -> object:
        """Return the JSON document that was read; None if the body was no JSON or exceeds the limit."""
        if self._media_type != "json" or self._size > MAX_BODY_BYTES:
            return None
        try:
            return _json(b"".join(self._pieces))
        except Exception as error:
            report_failure("reading a raw response", error)
            return None

    def abandon(self) -> None:
        self._call.abandon(self._broken)

    def close(self) -> None:
        """End the call because the response was closed, unless the body is being read at this moment.

        The HTTP library closes a response itself after its last byte; then `end` follows. The client's stream
        closes its response when it is freed; then the end is queued, as no span should end in a destructor.
        """
        reader = None if self._reader is None else self._reader()
        if self._reader is not None and not is_running(reader):
            self._call.abandon(self._broken)
        elif self._reader is None and self._media_type == "events":
            self._call.close_stream()
        elif self._reader is None:
            self.end()

    def fail(self, error: BaseException) -> None:
        self._call.fail(error)

    def _event_line(self, line: bytes) -> None:
        if not line.startswith(b"data:"):
            return
        data = line[5:].strip()
        if data.startswith(b"[DONE]"):
            self._call.end_stream()
        elif (event := _json(data)) is not None:
            self._call.chunk(event)
            if own_fields(event).get("type") in _LAST_EVENTS:
                # The last event. The application may never read the end of the body.
                self._call.end_stream()


def _sniff_media_type(data: bytes) -> MediaType:
    beginning = data.lstrip()
    if beginning.startswith((b"data:", b"event:", b"id:", b":")):
        return "events"
    return "json" if beginning.startswith((b"{", b"[")) else "other"
