"""uvicorn's HTTP/1.1 protocol, hardened against slow, silent and endless clients, and deaf to upgrades."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

#: From the connection, or from the first byte of a further request, to the end of the headers.
HEADER_TIMEOUT_S = 10.0
#: How long a client may leave a full write buffer unread.
WRITE_TIMEOUT_S = 30.0
MAX_HEADER_BYTES = 64 * 1024
#: Past `limit_concurrency` connections uvicorn answers 503; past so many times that, none is read.
_MAX_OVERLOAD = 2

_HEADERS_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)


class _At(Enum):
    """Where in a message the parser stands."""

    BETWEEN = auto()
    HEADERS = auto()
    BODY = auto()


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn bounds neither the time nor the size of headers, nor how long an answer lies unread.

    It also hands a request that asks for an upgrade (Java's HttpClient asks each POST for h2c) to the
    application with an empty body: an export would be answered with success and its spans lost. RFC 9110
    section 7.8 lets a server ignore the wish, so such a request is read once more without it.
    """

    _at = _At.BETWEEN
    _upgrade_asked = False
    _headers_deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        #: What has come since the parser stood between messages, and how many messages began in it.
        self._raw: list[bytes] = []
        self._begun = 0
        #: The request that is answered, and those that were pipelined behind it.
        self._unanswered: list[RequestResponseCycle] = []
        super().connection_made(transport)
        if self.limit_concurrency and len(self.connections) > _MAX_OVERLOAD * self.limit_concurrency:
            transport.abort()
            return
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_headers_deadline()
        self.resume_writing()
        super().connection_lost(exc)
        # uvicorn does so for the last one only; the one that is answered would write to a closed transport.
        for cycle in self._unanswered:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        if self._at is _At.BETWEEN:
            self._raw.clear()
            self._begun = 0
        if self._at is not _At.BODY:
            self._raw.append(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._upgrade_asked:
            self._read_without_upgrade()
        elif self._at is _At.HEADERS and sum(map(len, self._raw)) > MAX_HEADER_BYTES:
            self.transport.write(_HEADERS_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._at = _At.HEADERS
        self._begun += 1
        self._await_headers()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            self._upgrade_asked = True
            return
        self._at = _At.BODY
        self._cancel_headers_deadline()
        super().on_headers_complete()
        self._unanswered = [cycle for cycle in self._unanswered if not cycle.response_complete]
        self._unanswered.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        if not self._upgrade_asked:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._upgrade_asked:
            self._at = _At.BETWEEN
            super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None
        super().resume_writing()

    def _unsupported_upgrade_warning(self) -> None:
        """uvicorn would log an advice on WebSocket libraries, once for every such request."""

    def _read_without_upgrade(self) -> None:
        """Give a new parser what the message has sent so far, less the header that stopped the old one."""
        head, _, rest = b"".join(self._raw).lstrip(b"\r\n").partition(b"\r\n\r\n")
        if self._begun != 1 or head.startswith(b"CONNECT "):
            # It began behind another message, whose end we would have to know; or it is a tunnel.
            self.send_400_response("This server does not change protocols.")
            return
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"upgrade:")]
        self._upgrade_asked = False
        self._at = _At.BETWEEN
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _await_headers(self) -> None:
        if self._headers_deadline is None:
            self._headers_deadline = self.loop.call_later(HEADER_TIMEOUT_S, self.transport.close)

    def _cancel_headers_deadline(self) -> None:
        if self._headers_deadline is not None:
            self._headers_deadline.cancel()
            self._headers_deadline = None
