"""A collector on loopback that keeps requests and sends scripted answers, or none."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Delivery:
    """One received request."""

    path: str
    headers: dict[str, str]
    request: ExportTraceServiceRequest

    @property
    def names(self) -> list[str]:
        """The names of its spans."""
        return [
            span.name
            for resource_spans in self.request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]

    @property
    def resource(self) -> dict[str, str]:
        """The attributes of its first resource."""
        attributes = self.request.resource_spans[0].resource.attributes
        return {attribute.key: attribute.value.string_value for attribute in attributes}


@dataclass
class Sink:
    """The script and the received requests of a collector. It accepts requests without a scripted answer."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [])
    headers: dict[str, str] = field(default_factory=lambda: {})
    rejected: int = 0
    accepts_at_most: int | None = None
    accepts_bytes: int | None = None
    deliveries: list[Delivery] = field(default_factory=lambda: [])
    refused: int = 0
    hang: threading.Event | None = None

    @property
    def names(self) -> list[str]:
        """The names of all spans that were accepted."""
        return [name for delivery in self.deliveries for name in delivery.names]


@contextmanager
def sink(port: int = 0) -> Generator[Sink]:
    """Run a collector during the block."""
    state = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if state.hang is not None:
                state.hang.wait(30)
            delivery = Delivery(
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                ExportTraceServiceRequest.FromString(gzip.decompress(data)),
            )
            status = state.statuses.pop(0) if state.statuses else 200
            most = state.accepts_at_most
            if most is not None and len(delivery.names) > most:
                status = 413
            if state.accepts_bytes is not None and delivery.request.ByteSize() > state.accepts_bytes:
                status = 413
            self.send_response(status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            answer = b""
            if status == 200:
                state.deliveries.append(delivery)
                reply = ExportTraceServiceResponse()
                reply.partial_success.rejected_spans = state.rejected
                answer = reply.SerializeToString()
            else:
                state.refused += 1
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{cast('tuple[str, int]', server.server_address)[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        if state.hang is not None:
            state.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()
