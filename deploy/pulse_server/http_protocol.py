"""uvicorn's HTTP/1.1 protocol with limits on time, bytes and connections, and without upgrades."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any, cast

import httptools
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from pulse_server.connections import Connections, peer_of

#: Maximum time from the connection, or from the first byte of a later request, to the end of the headers.
HEADER_TIMEOUT_S = 10.0
#: Maximum time for which the write buffer may stay full because the client does not read.
WRITE_TIMEOUT_S = 30.0
#: Maximum time from the end of the headers to the end of the body. Routes time out earlier, with a response.
MESSAGE_TIMEOUT_S = 40.0
#: Maximum size of the headers, and of chunk extensions and trailers without body bytes in between.
MAX_HEADER_BYTES = 64 * 1024
#: Maximum number of requests that wait for earlier requests of their connection.
_MAX_PIPELINED = 32
#: Above the limit of connections, requests get 503; above this multiple of it, connections are aborted.
_MAX_OVERLOAD = 2

_HEADERS_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)


class _At(Enum):
    """Position of the parser in a message."""

    BETWEEN = auto()
    HEADERS = auto()
    BODY = auto()


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits that it does not have, and with requests for an upgrade ignored.

    uvicorn limits neither the time nor the size of a message, nor the time of an unread response. It treats
    trailers as headers, and responds 503 to all clients when one client has many idle connections.

    uvicorn passes a request with an Upgrade header (Java's HttpClient sends one for h2c with each POST) to
    the application with an empty body: an export would succeed and its spans would be lost. A server may
    ignore the header (RFC 9110, section 7.8), so such a request is parsed again without it.
    """

    #: Class attributes that `limited_protocol` sets for one listener.
    table: Connections
    max_connections: int

    _at = _At.BETWEEN
    _peer: str | None = None
    _has_room = True
    _upgrade_asked = False
    #: Bytes received since the headers or since the last body bytes: chunk extensions and trailers.
    _non_body_bytes = 0
    _body_seen = False
    _headers_deadline: asyncio.TimerHandle | None = None
    _message_deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        #: Data received since the parser was between messages, and the number of messages begun in it.
        self._raw: list[bytes] = []
        self._begun = 0
        #: The request being handled, and the pipelined requests after it.
        self._unanswered: list[RequestResponseCycle] = []
        super().connection_made(transport)
        if len(self.connections) > _MAX_OVERLOAD * self.max_connections:
            transport.abort()
            return
        peer = peer_of(self.client)
        if peer is not None:
            self._has_room = self.table.add(peer, self)
            self._peer = peer if self._has_room else None
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_headers_deadline()
        self._cancel_message_deadline()
        self._leave_table()
        self.resume_writing()
        super().connection_lost(exc)
        # uvicorn does this for the last request only; an earlier one would write to the closed transport.
        for cycle in self._unanswered:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def close_idle(self) -> None:
        """Abort this idle connection so that another one can be accepted."""
        self._leave_table()
        # connection_lost() would do this too, but the event loop runs it later.
        self.connections.discard(self)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._at is _At.BETWEEN:
            self._raw.clear()
            self._begun = 0
        if self._at is not _At.BODY:
            self._raw.append(data)
        self._body_seen = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._upgrade_asked:
            self._read_without_upgrade()
        elif self._at is _At.HEADERS and sum(map(len, self._raw)) > MAX_HEADER_BYTES:
            self._refuse_headers()
        elif self._at is _At.BODY:
            self._non_body_bytes = 0 if self._body_seen else self._non_body_bytes + len(data)
            if self._non_body_bytes > MAX_HEADER_BYTES:
                self._refuse_headers()
            elif self._message_deadline is None:
                self._message_deadline = self.loop.call_later(MESSAGE_TIMEOUT_S, self.transport.abort)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._at = _At.HEADERS
        self._non_body_bytes = 0
        self._begun += 1
        self._await_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._at is _At.HEADERS:
            super().on_header(name, value)
        # Otherwise it is a trailer; no route reads trailers.

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            self._upgrade_asked = True
            return
        self._at = _At.BODY
        self._cancel_headers_deadline()
        if self.transport.is_closing():
            return  # pipelined in the same read as a message that closed the connection
        if len(self.pipeline) >= _MAX_PIPELINED or (
            # A cheap check first: only a read of this size can contain headers over the limit.
            sum(map(len, self._raw)) > MAX_HEADER_BYTES and self._header_bytes() > MAX_HEADER_BYTES
        ):
            self._refuse_headers()
            return
        if self._peer is not None:
            self.table.set_busy(self._peer, self)
        if not self._has_room or len(self.tasks) >= self.max_connections:
            this = cast("Any", self)
            app, this.app = this.app, _respond_busy
            super().on_headers_complete()
            this.app = app
        else:
            super().on_headers_complete()
        self._unanswered = [cycle for cycle in self._unanswered if not cycle.response_complete]
        self._unanswered.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        self._body_seen = True
        if not self._upgrade_asked and not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._upgrade_asked:
            return
        self._at = _At.BETWEEN
        self._cancel_message_deadline()
        if self.transport.is_closing():
            return
        super().on_message_complete()
        if self.cycle.response_complete and self.timeout_keep_alive_task is None and not self.pipeline:
            # The response was complete before the request, whose last bytes have cancelled the timeout.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._peer is not None and self.cycle.response_complete:
            self.table.set_idle(self._peer, self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None
        super().resume_writing()

    def _unsupported_upgrade_warning(self) -> None:
        """Do nothing; uvicorn's method would log a hint about WebSocket libraries for every such request."""

    def _refuse_headers(self) -> None:
        if not self.cycle or self.cycle.response_complete:
            self.transport.write(_HEADERS_TOO_LARGE)
            self.transport.close()
        else:
            # A response to this or an earlier request may be partly written: abort instead of writing 431.
            self.transport.abort()

    def _header_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _leave_table(self) -> None:
        if self._peer is not None:
            self.table.remove(self._peer, self)
            self._peer = None

    def _read_without_upgrade(self) -> None:
        """Parse the received data of the request again with a new parser, without its Upgrade header.

        Respond 400 if it is pipelined after another message, whose end is not known here, or if it is a
        CONNECT request, which needs a tunnel.
        """
        head, _, rest = b"".join(self._raw).lstrip(b"\r\n").partition(b"\r\n\r\n")
        if self._begun != 1 or head.startswith(b"CONNECT "):
            self.send_400_response("This server does not support protocol upgrades.")
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

    def _cancel_message_deadline(self) -> None:
        if self._message_deadline is not None:
            self._message_deadline.cancel()
            self._message_deadline = None


def limited_protocol(max_connections: int) -> type[GuardedHttpProtocol]:
    """Return the protocol class of one listener, whose connections share a table of `max_connections`."""
    shared = {"table": Connections(max_connections), "max_connections": max_connections}
    return type("LimitedHttpProtocol", (GuardedHttpProtocol,), shared)


async def _respond_busy(scope: Scope, receive: Receive, send: Send) -> None:
    body = b"Too many connections; try again."
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"1"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
