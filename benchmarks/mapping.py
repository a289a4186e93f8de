"""CPU time of mapping a span to a row, beside the parts of it that are not ours to save.

    python -m benchmarks.mapping

Two kinds of spans, as usual for this project: `small` has 18 attributes of the conventions and no content;
`mixed` is 60 % spans of 1.5 KB, 30 % of 8 KB and 10 % of 50 KB of messages. Reading is what it costs merely
to visit every attribute of the decoded message, packing is zstd; mapping is what is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.spans import chat_span, trace_request

from pulse_collector.mapping.attributes import read_attributes
from pulse_collector.mapping.spans import map_spans
from pulse_collector.pricing import warm_up
from pulse_storage.bodies import pack, unpack

_SPANS = 200
_ROUNDS = 15
_RECEIVED_NS = 1_795_400_000_000_000_000
_MIX_CHARS = (1_500, 1_500, 8_000, 1_500, 1_500, 8_000, 1_500, 50_000, 1_500, 8_000)


def main() -> None:
    """Print a table of CPU microseconds per span."""
    warm_up()
    print(f"{'us of CPU per span':<20}{'all':>8}{'reading':>9}{'packing':>9}{'mapping':>9}")
    for name, request in (("small", _request(())), ("mixed", _request(_MIX_CHARS))):
        whole = _cpu_us(lambda request=request: map_spans("p", request, _RECEIVED_NS))
        reading = _cpu_us(lambda request=request: _read(request))
        packing = _packing_us(request)
        print(f"{name:<20}{whole:>8.1f}{reading:>9.1f}{packing:>9.1f}{whole - reading - packing:>9.1f}")


def _request(chars: tuple[int, ...]) -> ExportTraceServiceRequest:
    """Spans whose contents have these many characters, in turn."""
    spans = [
        chat_span(span_id=index + 1, **(_content(chars[index % len(chars)]) if chars else {}))
        for index in range(_SPANS)
    ]
    request = trace_request(*spans)
    # Decoded, as it comes from the wire.
    return ExportTraceServiceRequest.FromString(request.SerializeToString())


def _content(chars: int) -> dict[str, str]:
    words = "Tell me about the weather in Paris, and what to wear tomorrow. "
    question = (words * (chars // len(words) + 1))[:chars]
    asked = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
    told = [{"role": "assistant", "parts": [{"type": "text", "content": words}], "finish_reason": "stop"}]
    return {
        "gen_ai.input.messages": orjson.dumps(asked).decode(),
        "gen_ai.output.messages": orjson.dumps(told).decode(),
    }


def _read(request: ExportTraceServiceRequest) -> None:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                read_attributes(span.attributes)


def _packing_us(request: ExportTraceServiceRequest) -> float:
    """What it costs to pack the bodies again."""
    bodies = [
        unpack(body)
        for row in map_spans("p", request, _RECEIVED_NS).rows
        for body in (row.request_body, row.response_body, row.output_text)
        if body is not None
    ]
    return _cpu_us(lambda: [pack(body) for body in bodies])


def _cpu_us(work: Callable[[], object]) -> float:
    """The least CPU time of several rounds, per span."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best / _SPANS * 1e6


if __name__ == "__main__":
    main()
