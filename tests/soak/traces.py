"""Traces of an application with sessions, users, tags and several models, by the OpenTelemetry SDK."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode
from tests.soak.ledger import SentSpan

SESSIONS = [f"session-{number}" for number in range(20)]
USERS = [f"user-{number}" for number in range(7)]
TAGS = ["beta", "paid", "nightly"]
SERVICES = ["shop", "search"]
ENVIRONMENTS = ["prod", "staging"]
MODELS = [("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet-4-5"), ("openai", "text-embedding-3-small")]
TOPICS = ["apples", "Zürich", "refunds"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One trace: its spans, parents last as they end, and what must be found of each."""

    spans: list[ReadableSpan]
    sent: list[SentSpan]


class Recorder:
    """One instrumented process of an application: one service in one environment."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._service = dice.choice(SERVICES)
        self._environment = dice.choice(ENVIRONMENTS)
        resource = Resource({"service.name": self._service, "deployment.environment.name": self._environment})
        self._memory = InMemorySpanExporter()
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(SimpleSpanProcessor(self._memory))
        self._tracer = self._provider.get_tracer("opentelemetry.instrumentation.soak")

    def trace(self) -> Recorded:
        """Record an agent's run with a few model calls and tools, or, as often, a single call."""
        dice = self._dice
        who = dice.choice(SESSIONS), dice.choice(USERS), dice.choice(TAGS)
        attributes = {"session.id": who[0], "user.id": who[1], "pulse.tags": [who[2]]}
        sent: list[SentSpan] = []
        if dice.random() < 0.5:
            sent.append(self._call(who, attributes))
        else:
            agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper", **attributes}
            with self._tracer.start_as_current_span("invoke_agent helper", attributes=agent) as span:
                for _ in range(dice.randint(1, 4)):
                    # Session, user and tags come from the agent's span.
                    sent.append(self._call(who, {}))
                    with self._tracer.start_as_current_span(
                        "execute_tool lookup", attributes={"gen_ai.operation.name": "execute_tool"}
                    ) as tool:
                        sent.append(SentSpan(_key(tool.get_span_context())))
                sent.append(SentSpan(_key(span.get_span_context())))
        spans = [*self._memory.get_finished_spans()]
        self._memory.clear()
        return Recorded(spans, sent)

    def _call(self, who: tuple[str, str, str], attributes: dict[str, Any]) -> SentSpan:
        dice = self._dice
        provider, model = dice.choice(MODELS)
        operation = "embeddings" if "embedding" in model else "chat"
        input_tokens, output_tokens = dice.randint(1, 5000), dice.randint(0, 800)
        failed = dice.random() < 0.1
        call = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.id": f"resp_{dice.getrandbits(96):024x}",
            "gen_ai.usage.input_tokens": input_tokens,
            "gen_ai.usage.output_tokens": output_tokens,
            "gen_ai.input.messages": _messages(dice.choice(TOPICS), dice.randrange(2000)),
        }
        with self._tracer.start_as_current_span(
            f"{operation} {model}", attributes={**call, **attributes}
        ) as span:
            if failed:
                span.set_attribute("error.type", "timeout")
                span.set_status(Status(StatusCode.ERROR, "timed out"))
        facts = {
            **dict(zip(("session_id", "user_id", "tag"), who, strict=True)),
            "service": self._service,
            "environment": self._environment,
            "provider": provider,
            "model": model,
            "operation": operation,
            "status": "error" if failed else "success",
        }
        return SentSpan(_key(span.get_span_context()), tuple(facts.items()), input_tokens + output_tokens)


def batch(dice: random.Random, size: int) -> tuple[list[dict[str, object]], list[SentSpan]]:
    """A batch of the seed's traces, and what must be found of each."""
    traces: list[dict[str, object]] = []
    sent: list[SentSpan] = []
    for _ in range(size):
        trace_id = uuid.UUID(int=dice.getrandbits(128), version=4)
        session_id, (provider, model) = dice.choice(SESSIONS), dice.choice(MODELS[:2])
        tokens = dice.randint(1, 5000), dice.randint(0, 800)
        traces.append(
            {
                "trace_id": str(trace_id),
                "timestamp": datetime.now(UTC).isoformat(),
                "provider": provider,
                "model_requested": model,
                "request_body": {"messages": [{"role": "user", "content": dice.choice(TOPICS)}]},
                "status": "success",
                "latency_ms": dice.randrange(5000),
                "input_tokens": tokens[0],
                "output_tokens": tokens[1],
                "session_id": session_id,
            }
        )
        facts = {"session_id": session_id, "provider": provider, "model": model, "status": "success"}
        key = trace_id.hex, trace_id.bytes[8:].hex()
        sent.append(SentSpan(key, tuple({**facts, "operation": "chat"}.items()), sum(tokens)))
    return traces, sent


def _messages(topic: str, padding: int) -> str:
    return f'[{{"role":"user","parts":[{{"type":"text","content":"About {topic}: {"x" * padding}"}}]}}]'


def _key(context: Any) -> tuple[str, str]:
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"
