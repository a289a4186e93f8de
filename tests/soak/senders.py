"""Clients that send: stock OTLP exporters, batches, and both as they are cancelled or delivered twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import grpc
import orjson
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as ProtobufExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from tests.soak.ledger import Ledger, SentSpan
from tests.soak.server import Http, Target, send_and_leave
from tests.soak.traces import Recorded, Recorder, batch

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_REPEATED = 0.1
#: Cancelled deliveries that wait to be repeated.
_UNFINISHED = 20


def exporters(target: Target) -> dict[str, Callable[[], SpanExporter]]:
    """The stock exporters by transport, as an application sets them up."""
    url = f"http://127.0.0.1:{target.otlp_http_port}/v1/traces"
    grpc_url = f"http://127.0.0.1:{target.otlp_grpc_port}"
    return {
        "protobuf": partial(ProtobufExporter, url, headers=target.headers),
        "json": partial(JsonExporter, url, headers=target.headers),
        "grpc": partial(GrpcExporter, grpc_url, insecure=True, headers=target.headers),
    }


class Exporting:
    """Exports traces, whole or the parent after its children, and some of them twice."""

    def __init__(self, name: str, exporter: SpanExporter, ledger: Ledger, dice: random.Random) -> None:
        self.name = f"export {name}"
        self._exporter = exporter
        self._ledger = ledger
        self._dice = dice
        self._recorder = Recorder(dice)

    def step(self) -> None:
        """Send one request, or two."""
        recorded = self._recorder.trace()
        cut = len(recorded.spans) - 1 if self._dice.random() < 0.3 else 0
        for part in (slice(None, cut), slice(cut, None)):
            if recorded.spans[part]:
                self._deliver(Recorded(recorded.spans[part], recorded.sent[part]))
        if self._dice.random() < _REPEATED:
            self._deliver(recorded)

    def close(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def _deliver(self, recorded: Recorded) -> None:
        result = self._exporter.export(recorded.spans)
        self._ledger.answered(f"{self.name} {result.name}")
        if result is SpanExportResult.SUCCESS:
            self._ledger.acknowledge(recorded.sent)
        else:
            self._ledger.postpone(partial(self._deliver, recorded))


class Batching:
    """Posts batches, and some of them twice."""

    def __init__(self, target: Target, ledger: Ledger, dice: random.Random, *, kept: bool) -> None:
        self.name = f"batch {'kept' if kept else 'fresh'}"
        self._http = Http(target, kept=kept)
        self._ledger = ledger
        self._dice = dice

    def step(self) -> None:
        """Send one batch."""
        traces, sent = batch(self._dice, self._dice.choice((1, 5, 100)))
        self._deliver(traces, sent)
        if self._dice.random() < _REPEATED:
            self._deliver(traces, sent)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _deliver(self, traces: list[dict[str, object]], sent: list[SentSpan]) -> None:
        answer = self._http.post("/v1/traces/batch", traces)
        self._ledger.answered(f"{self.name} {answer.status_code}")
        if answer.status_code == 202:
            if [row["trace_id"] for row in answer.json()["traces"]] != [row["trace_id"] for row in traces]:
                self._ledger.fault(f"{self.name}: the rows of the answer are not those of the batch")
            self._ledger.acknowledge(sent)
        elif answer.status_code in (429, 503):
            self._ledger.postpone(partial(self._deliver, traces, sent))
        else:
            self._ledger.fault(f"{self.name}: {answer.status_code} {answer.text[:200]}")


class SendingAndLeaving:
    """Sends requests and leaves before the answer; a later delivery of the same must store each span once."""

    name = "cancelled sends"

    def __init__(self, target: Target, ledger: Ledger, dice: random.Random) -> None:
        self._target = target
        self._ledger = ledger
        self._dice = dice
        self._recorder = Recorder(dice)
        self._again = Exporting("of cancelled", exporters(target)["protobuf"](), ledger, dice)
        self._batches = Batching(target, ledger, dice, kept=False)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{target.otlp_grpc_port}")
        self._export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(_EXPORT)

    def step(self) -> None:
        """Send one request in one of three ways, and deliver an older one in full."""
        self._dice.choice((self._leave_http, self._leave_batch, self._leave_grpc))()
        self._ledger.answered(self.name)
        if (deliver := self._ledger.take_oldest(_UNFINISHED)) is not None:
            deliver()

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()
        self._batches.close()

    def _leave_http(self) -> None:
        recorded = self._recorder.trace()
        body = encode_spans(recorded.spans).SerializeToString()
        self._leave("/v1/traces", b"application/x-protobuf", body)
        self._ledger.postpone(partial(self._again._deliver, recorded))  # pyright: ignore[reportPrivateUsage]

    def _leave_batch(self) -> None:
        traces, sent = batch(self._dice, 20)
        self._leave("/v1/traces/batch", b"application/json", orjson.dumps(traces))
        self._ledger.postpone(partial(self._batches._deliver, traces, sent))  # pyright: ignore[reportPrivateUsage]

    def _leave_grpc(self) -> None:
        recorded = self._recorder.trace()
        body = encode_spans(recorded.spans).SerializeToString()
        call = self._export.future(body, timeout=10, metadata=tuple(self._target.headers.items()))
        if self._dice.random() < 0.5:
            call.cancel()
        self._ledger.postpone(partial(self._again._deliver, recorded))  # pyright: ignore[reportPrivateUsage]

    def _leave(self, path: str, content_type: bytes, body: bytes) -> None:
        head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (
            path.encode(), content_type, len(body),
        )  # fmt: skip
        request = head + f"Authorization: Bearer {self._target.key}\r\n\r\n".encode() + body
        end = self._dice.choice((len(request), self._dice.randrange(1, len(request))))
        send_and_leave(self._target, request[:end], read_bytes=0, reset=self._dice.random() < 0.5)
