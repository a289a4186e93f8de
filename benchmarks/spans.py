"""Export requests for benchmarks: model calls of small or mixed size, as current instrumentors write them."""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import dataclass
from typing import Literal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

Content = Literal["mixed", "small"]

_MODELS = (
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
)


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """An export request whose trace ids are replaced before each sending, so that no span is a duplicate."""

    body: bytes
    spans: int
    #: The offset of each span's 16 bytes of trace id in `body`.
    id_offsets: tuple[int, ...]
    #: The offset and value (Unix nanoseconds) of each start and end time in `body`.
    times: tuple[tuple[int, int], ...]
    made_ns: int

    def fresh(self) -> bytes:
        """Return the request with new trace ids, and with times as if it was made now."""
        body = bytearray(self.body)
        ids = os.urandom(16 * self.spans)
        for number, offset in enumerate(self.id_offsets):
            body[offset : offset + 16] = ids[16 * number : 16 * number + 16]
        later_ns = time.time_ns() - self.made_ns
        for offset, time_ns in self.times:
            body[offset : offset + 8] = (time_ns + later_ns).to_bytes(8, "little")
        return bytes(body)


def request_template(spans: int, content: Content, seed: int = 7) -> RequestTemplate:
    """Return a request of this many spans; `mixed` is 60 % of 1–2 KB, 30 % of 8 KB and 10 % of 50 KB."""
    rng = random.Random(seed)
    words = _vocabulary(rng)
    made_ns = time.time_ns()
    marks = [rng.randbytes(16) for _ in range(spans)]
    request = ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(
                    attributes=[
                        _text("service.name", "checkout-bot"),
                        _text("deployment.environment.name", "production"),
                        _text("telemetry.sdk.name", "opentelemetry"),
                    ]
                ),
                scope_spans=[
                    ScopeSpans(
                        scope=InstrumentationScope(
                            name="opentelemetry.instrumentation.genai.openai", version="1.3"
                        ),
                        spans=[_span(rng, words, mark, content, made_ns) for mark in marks],
                    )
                ],
            )
        ]
    )
    body = request.SerializeToString()
    sent = request.resource_spans[0].scope_spans[0].spans
    all_ns = [time_ns for span in sent for time_ns in (span.start_time_unix_nano, span.end_time_unix_nano)]
    times = tuple((body.index(time_ns.to_bytes(8, "little")), time_ns) for time_ns in all_ns)
    return RequestTemplate(body, spans, tuple(body.index(mark) for mark in marks), times, made_ns)


def _span(rng: random.Random, words: list[str], trace_id: bytes, content: Content, made_ns: int) -> Span:
    provider, requested, used = rng.choice(_MODELS)
    # Batch processors export every five seconds.
    end_ns = made_ns - rng.randrange(5_000_000_000)
    input_tokens = rng.randrange(20, 4000)
    attributes = [
        _text("gen_ai.operation.name", "chat"),
        _text("gen_ai.provider.name", provider),
        _text("gen_ai.request.model", requested),
        _text("gen_ai.response.model", used),
        _text("gen_ai.response.id", f"chatcmpl-{rng.getrandbits(96):024x}"),
        KeyValue(
            key="gen_ai.response.finish_reasons",
            value=AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="stop")])),
        ),
        _int("gen_ai.usage.input_tokens", input_tokens),
        _int("gen_ai.usage.output_tokens", rng.randrange(5, 800)),
        _int("gen_ai.usage.cache_read.input_tokens", rng.choice((0, input_tokens // 2))),
        _int("gen_ai.request.max_tokens", 1024),
        KeyValue(key="gen_ai.request.temperature", value=AnyValue(double_value=0.2)),
        _text("gen_ai.conversation.id", f"conv-{rng.randrange(5000)}"),
        _text("user.id", f"user-{rng.randrange(500)}"),
        _text("server.address", "api.openai.com"),
        _int("server.port", 443),
    ]
    if content == "mixed":
        size = rng.choices((rng.randrange(1000, 2000), 8000, 50_000), (60, 30, 10))[0]
        attributes += _messages(rng, words, size)
    return Span(
        trace_id=trace_id,
        span_id=rng.randbytes(8),
        name=f"chat {requested}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=end_ns - rng.randrange(200_000_000, 9_000_000_000),
        end_time_unix_nano=end_ns,
        attributes=attributes,
    )


def _messages(rng: random.Random, words: list[str], size: int) -> list[KeyValue]:
    """Return system, input and output messages of about `size` characters in total, a sixth of it output."""
    answer = _prose(rng, words, size // 6)
    history = [
        {
            "role": ("user", "assistant")[turn % 2],
            "parts": [{"type": "text", "content": _prose(rng, words, min(size, 2000))}],
        }
        for turn in range(max(1, size * 5 // 6 // 2000))
    ]
    output = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
    return [
        _text("gen_ai.system_instructions", json.dumps([{"type": "text", "content": "You are helpful."}])),
        _text("gen_ai.input.messages", json.dumps(history)),
        _text("gen_ai.output.messages", json.dumps(output)),
    ]


def _vocabulary(rng: random.Random) -> list[str]:
    letters = "etaoinshrdlucmfwypvbgk"
    return ["".join(rng.choices(letters, k=rng.randrange(2, 11))) for _ in range(3000)]


def _prose(rng: random.Random, words: list[str], size: int) -> str:
    """Return words with a skewed frequency, so that the text compresses about as well as prose."""
    picked = [words[int(rng.paretovariate(0.6)) % len(words)] for _ in range(size // 7 + 1)]
    return " ".join(picked)[:size]


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _int(key: str, value: int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(int_value=value))
