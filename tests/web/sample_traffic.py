"""Invented traffic of a shop's assistant over several days, as OTLP requests: the same for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

_SECOND_NS = 1_000_000_000
_HOUR_NS = 3600 * _SECOND_NS
#: A busy hour has this many times the conversations of a quiet one, by hour of the day (UTC).
_BUSY = (1, 1, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 7, 8, 9, 9, 8, 6, 5, 4, 3, 2, 2, 1)
_PER_REQUEST = 40


@dataclass(frozen=True, slots=True)
class _Model:
    """A model, how fast it answers, and how often it is chosen."""

    provider: str
    name: str
    used: str
    weight: int
    tokens_per_s: float


_MODELS = (
    _Model("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07", 50, 110),
    _Model("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 26, 70),
    _Model("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 14, 130),
    _Model("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash", 8, 180),
    # No list has a price for it.
    _Model("vllm", "barista-ft-2", "barista-ft-2", 6, 60),
)
_QUESTIONS = (
    ("Where is my order {order}?", "Order {order} left our warehouse this morning and arrives on Thursday."),
    ("Can I still change the address of order {order}?", "Yes, until it ships. Which address should I use?"),
    ("The machine blinks twice and does nothing.", "Two blinks mean that the tank is empty or not in place."),
    ("How do I descale it?", "Fill the tank with a litre of water and the agent, and hold both buttons."),
    ("Which grinder fits the Barista 2?", "Any with a 54 mm collar; most customers choose the G-40."),
    ("I would like to return order {order}.", "Of course. I have sent you a label; it is valid for 14 days."),
)
_TOOLS = ("find_order", "ask_courier", "search_manual")
_ERRORS = (
    ("RateLimitError", "429: rate limit reached for requests of organisation org-{number}"),
    ("OverloadedError", "529: overloaded, request req_{number}"),
    ("APITimeoutError", "Request timed out after {number} ms"),
)


def sample_requests(
    until_ns: int, *, days: int, seed: int = 7, scale: float = 1.0
) -> Iterator[ExportTraceServiceRequest]:
    """Yield requests with the conversations of `days` days before `until_ns`, oldest first.

    `scale` multiplies the number of conversations; at 1.0 a day has about 110 of them, with 600 model calls.
    """
    rng = random.Random(seed)
    spans: list[Span] = []
    first_ns = until_ns - days * 24 * _HOUR_NS
    for hour in range(days * 24):
        hour_ns = first_ns + hour * _HOUR_NS
        busy = _BUSY[hour_ns // _HOUR_NS % 24] * scale
        for _ in range(int(busy) + (rng.random() < busy % 1)):
            spans += _conversation(rng, hour_ns + rng.randrange(_HOUR_NS - 600 * _SECOND_NS), until_ns)
            if len(spans) >= _PER_REQUEST * 10:
                yield _request(spans)
                spans = []
    if spans:
        yield _request(spans)


def _conversation(rng: random.Random, start_ns: int, until_ns: int) -> list[Span]:
    """Return the spans of a session: one trace for each question of the user."""
    order, user = rng.randrange(1000, 9999), f"user-{int(rng.paretovariate(0.9)) % 400:03}"
    session = f"support-{order}-{rng.randrange(10_000):04}"
    model = rng.choices(_MODELS, [model.weight for model in _MODELS])[0]
    history: list[dict[str, object]] = [
        {"role": "system", "parts": [{"type": "text", "content": "You answer customers of a coffee shop."}]}
    ]
    spans: list[Span] = []
    now_ns = start_ns
    for question, answer in rng.sample(_QUESTIONS, rng.randint(1, 3)):
        history.append(_message("user", question.format(order=order)))
        trace = _Trace(rng, user, session, model, now_ns)
        spans += trace.run(history, answer.format(order=order))
        now_ns = trace.end_ns + rng.randrange(5 * _SECOND_NS, 90 * _SECOND_NS)
    return [span for span in spans if span.end_time_unix_nano < until_ns]


class _Trace:
    """Builds the spans of one run of the assistant: the agent, its model calls and its tools."""

    def __init__(self, rng: random.Random, user: str, session: str, model: _Model, start_ns: int) -> None:
        self._rng = rng
        self._model = model
        self._common = {"gen_ai.conversation.id": session, "user.id": user}
        self._trace_id = rng.randbytes(16)
        self._agent_id = rng.randbytes(8)
        self._start_ns = self.end_ns = start_ns
        self._spans: list[Span] = []

    def run(self, history: list[dict[str, object]], answer: str) -> list[Span]:
        """Return the spans of one answer, and add its messages to the history."""
        self.end_ns += 40_000_000
        failed = False
        for tool in self._rng.sample(_TOOLS, self._rng.choice((0, 1, 1, 2))):
            call: dict[str, object] = {
                "type": "tool_call",
                "id": f"call_{self._rng.randrange(10**6)}",
                "name": tool,
                "arguments": {"query": answer.split()[1]},
            }
            asked: dict[str, object] = {"role": "assistant", "parts": [call]}
            failed = self._chat(history, asked, "tool_call") or failed
            history += [asked, self._tool(tool, call["id"])]
        said = _message("assistant", answer)
        failed = self._chat(history, said, "stop") or failed
        history.append(said)
        agent = self._span("invoke_agent shop-assistant", self._start_ns, self._agent_id, None)
        _add(agent, {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "shop-assistant"})
        self._spans.append(agent)
        return self._spans

    def _chat(self, history: list[dict[str, object]], said: dict[str, object], finish_reason: str) -> bool:
        """Add a model call; after a failure also the attempt that follows. Return whether one failed."""
        failed = self._rng.random() < 0.025
        start_ns = self.end_ns
        input_tokens = 380 + sum(len(json.dumps(message)) for message in history) // 3
        cached = input_tokens // 128 * 128 if len(history) > 3 and self._rng.random() < 0.7 else 0
        output_tokens = 20 + len(json.dumps(said)) // 3 + int(self._rng.expovariate(1 / 90))
        first_s = self._rng.lognormvariate(-0.6, 0.45)
        took_s = first_s + output_tokens / self._model.tokens_per_s
        self.end_ns += int(took_s * _SECOND_NS)
        span = self._span(f"chat {self._model.name}", start_ns, self._rng.randbytes(8), self._agent_id)
        span.kind = Span.SPAN_KIND_CLIENT
        _add(
            span,
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": self._model.provider,
                "gen_ai.request.model": self._model.name,
                "gen_ai.request.temperature": 0.2,
                "gen_ai.input.messages": json.dumps(history),
            },
        )
        if failed:
            self._fail(span)
            self._spans.append(span)
            self.end_ns += _SECOND_NS
            self._chat(history, said, finish_reason)
            return True
        _add(
            span,
            {
                "gen_ai.response.model": self._model.used,
                "gen_ai.response.id": f"resp_{self._rng.randrange(10**12)}",
                "gen_ai.response.finish_reasons": (finish_reason,),
                "gen_ai.response.time_to_first_chunk": first_s,
                "gen_ai.output.messages": json.dumps([{**said, "finish_reason": finish_reason}]),
            },
        )
        # Some streams end without their usage.
        if self._rng.random() >= 0.004:
            _add(
                span,
                {
                    "gen_ai.usage.input_tokens": input_tokens,
                    "gen_ai.usage.output_tokens": output_tokens,
                    "gen_ai.usage.cache_read.input_tokens": cached,
                },
            )
        self._spans.append(span)
        return False

    def _fail(self, span: Span) -> None:
        kind, text = self._rng.choice(_ERRORS)
        span.status.CopyFrom(
            Status(code=Status.STATUS_CODE_ERROR, message=text.format(number=self._rng.randrange(10**5)))
        )
        _add(span, {"error.type": kind})

    def _tool(self, name: str, call_id: object) -> dict[str, object]:
        """Add the execution of a tool, and return the message with its result."""
        start_ns = self.end_ns
        self.end_ns += int(self._rng.lognormvariate(-2.2, 0.8) * _SECOND_NS)
        span = self._span(f"execute_tool {name}", start_ns, self._rng.randbytes(8), self._agent_id)
        _add(span, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name})
        self._spans.append(span)
        result = {"type": "tool_call_response", "id": call_id, "response": {"status": "shipped"}}
        return {"role": "tool", "parts": [result]}

    def _span(self, name: str, start_ns: int, span_id: bytes, parent_id: bytes | None) -> Span:
        span = Span(
            trace_id=self._trace_id,
            span_id=span_id,
            parent_span_id=parent_id or b"",
            name=name,
            start_time_unix_nano=start_ns,
            end_time_unix_nano=self.end_ns,
        )
        _add(span, self._common)
        return span


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _add(span: Span, attributes: Mapping[str, object]) -> None:
    span.attributes.extend(KeyValue(key=key, value=_value(value)) for key, value in attributes.items())


def _value(value: object) -> AnyValue:
    match value:
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case (str() as only,):
            return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=only)]))
        case _:
            raise TypeError(type(value))


def _request(spans: list[Span]) -> ExportTraceServiceRequest:
    attributes = {"service.name": "shop-assistant", "deployment.environment.name": "production"}
    resource = Resource(
        attributes=[KeyValue(key=key, value=_value(text)) for key, text in attributes.items()]
    )
    scope = ScopeSpans(scope=InstrumentationScope(name="shop.assistant"), spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])])
