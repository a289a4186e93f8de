"""Load of many spans over HTTP and gRPC, and the record of the spans that were acknowledged."""

from __future__ import annotations

import http.client
import random
import threading
import time
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from tests.server.serving import Ports
from tests.support.waiting import wait_until

SpanKey = tuple[str, str]

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_TIMEOUT_S = 10


@dataclass(slots=True)
class Sent:
    """The requests and their answers. A request without an answer may or may not be stored."""

    requests: list[tuple[list[SpanKey], bytes]] = field(default_factory=list[tuple[list[SpanKey], bytes]])
    acknowledged: set[SpanKey] = field(default_factory=set[SpanKey])
    refused: list[str] = field(default_factory=list[str])


def export_request(dice: random.Random, spans: int) -> tuple[list[SpanKey], bytes]:
    """Return a request with this many chat spans with new ids: the ids in hex, and the body."""
    now_ns = time.time_ns()
    made = [
        Span(
            trace_id=dice.randbytes(16),
            span_id=dice.randbytes(8),
            name="chat gpt-4o-mini",
            start_time_unix_nano=now_ns,
            end_time_unix_nano=now_ns + dice.randrange(1_000_000_000),
            attributes=[
                _text("gen_ai.operation.name", "chat"),
                _text("gen_ai.provider.name", "openai"),
                _text("gen_ai.request.model", "gpt-4o-mini"),
                KeyValue(key="gen_ai.usage.input_tokens", value=AnyValue(int_value=100)),
                KeyValue(key="gen_ai.usage.output_tokens", value=AnyValue(int_value=10)),
            ],
        )
        for _ in range(spans)
    ]
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=made)])])
    return [(span.trace_id.hex(), span.span_id.hex()) for span in made], request.SerializeToString()


class Load:
    """Threads that send requests until `stop` is called or the server closes the connection."""

    def __init__(self, ports: Ports, key: str, seed: int) -> None:
        self.sent = Sent()
        self._ports = ports
        self._key = key
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=send, args=(random.Random(f"{seed}/{number}"),))
            for number, send in enumerate((self._send_http, self._send_http, self._send_grpc))
        ]
        for thread in self._threads:
            thread.start()

    def wait_until_acknowledged(self, spans: int = 50) -> None:
        """Return once the server has acknowledged this many spans."""
        wait_until(lambda: len(self.sent.acknowledged) >= spans)

    def stop(self) -> Sent:
        """End the threads; return what was sent and what was acknowledged."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.sent

    def _send_http(self, dice: random.Random) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports.otlp_http, timeout=_TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/x-protobuf"}
        try:
            while not self._stop.is_set():
                keys, body = self._next(dice)
                connection.request("POST", "/v1/traces", body, headers)
                answer = connection.getresponse()
                self._answered(keys, f"HTTP {answer.status}", ok=answer.status == 200, said=answer.read())
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def _send_grpc(self, dice: random.Random) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{self._ports.otlp_grpc}") as channel:
            export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_EXPORT)
            while not self._stop.is_set():
                keys, body = self._next(dice)
                try:
                    said = export(
                        body, timeout=_TIMEOUT_S, metadata=(("authorization", f"Bearer {self._key}"),)
                    )
                except grpc.RpcError:
                    return
                self._answered(keys, "gRPC OK", ok=True, said=said)

    def _next(self, dice: random.Random) -> tuple[list[SpanKey], bytes]:
        keys, body = export_request(dice, dice.randint(1, 20))
        with self._lock:
            self.sent.requests.append((keys, body))
        return keys, body

    def _answered(self, keys: list[SpanKey], answer: str, *, ok: bool, said: bytes) -> None:
        with self._lock:
            if ok and ExportTraceServiceResponse.FromString(said).partial_success.rejected_spans == 0:
                self.sent.acknowledged.update(keys)
            else:
                self.sent.refused.append(answer)


def send_again(ports: Ports, key: str, sent: Sent) -> None:
    """Send every request again, as exporters do without an answer; check that each is accepted."""
    connection = http.client.HTTPConnection("127.0.0.1", ports.otlp_http, timeout=_TIMEOUT_S)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-protobuf"}
    for _, body in sent.requests:
        connection.request("POST", "/v1/traces", body, headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
    connection.close()


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
