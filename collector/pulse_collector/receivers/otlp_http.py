"""OTLP over HTTP: POST /v1/traces, /v1/logs and /v1/metrics, in protobuf and JSON.

Plain ASGI below the routes: an exporter that sends one span a request pays for this path on each.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pulse_collector import compression
from pulse_collector.admission import Reservation
from pulse_collector.ingest import Collector
from pulse_collector.refusals import Refusal, out_of_memory, too_large, too_slow, unreadable, unsupported
from pulse_proto.otlp import LOGS, METRICS, TRACES, Encoding, Signal, encode_response, encoding_of
from pulse_proto.status import INTERNAL, encode_status, status

#: The time in which a body must arrive; clients' own deadline is 10 s.
BODY_DEADLINE_S = 30.0

_log = logging.getLogger(__name__)

_Headers = list[tuple[bytes, bytes]]


def otlp_routes(collector: Collector) -> list[Route]:
    """Return the routes of the three signals, with and without a trailing slash."""
    return [
        Route(f"/v1/{signal.name}{slash}", _Export(collector, signal), methods=["POST"])
        for signal in (TRACES, LOGS, METRICS)
        for slash in ("", "/")
    ]


class ClientGone(Exception):
    """The client disconnected before its request was complete, so no answer is sent."""


class _Export:
    """The endpoint of one signal."""

    def __init__(self, collector: Collector, signal: Signal[Any]) -> None:
        self._collector = collector
        self._signal = signal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        encoding = encoding_of(_text(headers.get(b"content-type")))
        code = 200
        answer_headers: _Headers = []
        try:
            body = await self._export(headers, encoding, receive)
        except ClientGone:
            return
        except Refusal as refusal:
            code = refusal.http_status
            body, answer_headers = _error(refusal, encoding)
        except MemoryError:
            refusal = out_of_memory()
            code = refusal.http_status
            body, answer_headers = _error(refusal, encoding)
        except Exception:
            _log.exception("an export request failed")
            code = 500
            body = encode_status(status(INTERNAL, "Pulse failed to handle this request."), _or_json(encoding))
        self._collector.metrics.request("http", self._signal.name, code)
        answer_headers += [
            (b"content-type", _or_json(encoding).value.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": code, "headers": answer_headers})
        await send({"type": "http.response.body", "body": body})

    async def _export(
        self, headers: dict[bytes, bytes], encoding: Encoding | None, receive: Receive
    ) -> bytes:
        """Answer an export. All checks of headers come before the first byte of the body is read."""
        key = await self._collector.admit(_text(headers.get(b"authorization")))
        if encoding is None:
            raise unsupported("Content-Type must be application/x-protobuf or application/json.")
        content_encoding = _text(headers.get(b"content-encoding"))
        compression.codec(content_encoding)
        limit_bytes = self._collector.max_body_bytes
        with self._collector.budget.reservation() as reservation:
            body = await read_body(headers, receive, limit_bytes, reservation)
            outcome = await self._collector.export(
                self._signal, key.project_id, body, encoding, content_encoding, reservation
            )
        return encode_response(self._signal, encoding, rejected=outcome.rejected, message=outcome.message)


async def read_body(
    headers: dict[bytes, bytes], receive: Receive, limit_bytes: int, reservation: Reservation
) -> bytes:
    """Return the whole body, charged to the reservation as it arrives.

    Raises Refusal (408, 413, 503) or ClientGone.
    """
    announced = headers.get(b"content-length")
    if announced is not None:
        if not announced.isdigit():
            raise unreadable("Content-Length must be a number.")
        if int(announced) > limit_bytes:
            raise too_large(limit_bytes)
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                chunk: bytes = message.get("body", b"")
                size_bytes += len(chunk)
                if size_bytes > limit_bytes:
                    raise too_large(limit_bytes)
                reservation.take(len(chunk))
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TimeoutError:
        raise too_slow() from None


def _error(refusal: Refusal, encoding: Encoding | None) -> tuple[bytes, _Headers]:
    headers: _Headers = []
    if refusal.http_status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", str(refusal.retry_after_s).encode()))
    if refusal.http_status == 408:
        # For other refusals the remaining body is read and discarded: a closed connection would hide the
        # answer from the client.
        headers.append((b"connection", b"close"))
    result = status(refusal.grpc_code, refusal.message, retry_after_s=refusal.retry_after_s)
    return encode_status(result, _or_json(encoding)), headers


def _or_json(encoding: Encoding | None) -> Encoding:
    """Return the encoding, or JSON if the request has none that is supported."""
    return encoding or Encoding.JSON


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")
