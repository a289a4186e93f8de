"""One model call is one counted row, for all combinations of spans, traces, services and orders."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import permutations
from random import Random
from typing import NamedTuple
from uuid import UUID

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.storage.backends import lasting_store
from tests.storage.model import new_project, snapshot
from tests.storage.sql_backends import BACKENDS
from tests.support.spans import RECEIVED_NS, START_NS, Value, as_json, span, trace_request

from pulse_collector.mapping.spans import map_spans
from pulse_storage import Store, TraceRecord

OPENAI_V2, OPENAI, ANTHROPIC = (
    "opentelemetry.instrumentation.openai_v2",
    "pulse.instrumentation.openai",
    "pulse.instrumentation.anthropic",
)
SDK, OPENLLMETRY = "com.anthropic.sdk.python", "opentelemetry.instrumentation.anthropic"
LANGCHAIN, LLAMA_INDEX = (
    "openinference.instrumentation.langchain",
    "openinference.instrumentation.llama_index",
)
ENVOY, LANGSMITH = "envoyproxy/ai-gateway", "langsmith"
QUESTION: Value = as_json([{"role": "user", "parts": [{"type": "text", "content": "Which pier?"}]}])


class Sent(NamedTuple):
    """A span with its scope and service."""

    span: Span
    scope: str
    service: str | None


class Case(NamedTuple):
    """Spans, and the expected number of calls and tokens."""

    sent: list[Sent]
    calls: int
    tokens: int


def sent(
    scope: str,
    number: int,
    attributes: dict[str, Value],
    *,
    ms: tuple[float, float] = (0, 1000),
    trace: int | None = None,
    parent: int = 0,
    service: str | None = None,
    failed: bool = False,
) -> Sent:
    """Return a span between two times after START_NS, in its own trace unless one is given."""
    item = span(
        attributes,
        trace_id=(trace or number).to_bytes(16, "big"),
        span_id=number,
        parent_id=parent,
        start_ns=START_NS + round(ms[0] * 1e6),
        duration_ms=ms[1] - ms[0],
        status=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET,
    )
    return Sent(item, scope, service)


def chat(
    model: str = "gpt-4o-mini",
    id: str | None = None,
    tokens: tuple[int, int] | None = (900, 60),
    *,
    provider: str = "openai",
    answered: str | None = None,
) -> dict[str, Value]:
    """Return the attributes of a call by the conventions."""
    found: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.response.model": answered or model,
    }
    if id is not None:
        found["gen_ai.response.id"] = id
    if tokens is not None:
        found |= {"gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1]}
    return found


def openinference(
    model: str, id: str | None = None, tokens: tuple[int, int] | None = (900, 60)
) -> dict[str, Value]:
    """Return the attributes of a call by OpenInference."""
    found: dict[str, Value] = {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": model,
        "llm.invocation_parameters": as_json({"model": "gpt-4o-mini"}),
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Which pier?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Pier four.",
    }
    if id is not None:
        found |= {"output.value": as_json({"id": id}), "output.mime_type": "application/json"}
    if tokens is not None:
        found |= {"llm.token_count.prompt": tokens[0], "llm.token_count.completion": tokens[1]}
    return found


SERVER: dict[str, Value] = {"http.route": "/v1/chat/completions"}
CLAUDE, CLAUDE_DATED = "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"
STREAM: dict[str, Value] = {"gen_ai.request.stream": True}
FAILED: dict[str, Value] = {**chat("gpt-4o", tokens=None), "error.type": "429"}

CASES: dict[str, Case] = {
    "gateway in another trace": Case(
        [
            sent(OPENAI_V2, 1, chat(id="chatcmpl-eg1"), service="app"),
            sent(ENVOY, 2, openinference("gpt-4o-mini-2024-07-18", "chatcmpl-eg1"), ms=(30, 950)),
        ],
        1,
        960,
    ),
    "gateway in another trace, both below spans of their own": Case(
        [
            sent(OPENAI_V2, 1, SERVER, trace=1, ms=(-10, 1010), service="app"),
            sent(OPENAI_V2, 2, chat(id="chatcmpl-eg1"), trace=1, parent=1, service="app"),
            sent(ENVOY, 3, SERVER, trace=3, ms=(20, 960), service="gateway"),
            sent(ENVOY, 4, chat(id="chatcmpl-eg1"), trace=3, parent=3, ms=(30, 950), service="gateway"),
        ],
        1,
        960,
    ),
    "gateway with the same instrumentation in another trace": Case(
        [
            sent(OPENAI_V2, 1, chat(id="chatcmpl-eg1"), service="app"),
            sent(OPENAI_V2, 2, chat(id="chatcmpl-eg1"), ms=(30, 950), service="gateway"),
        ],
        1,
        960,
    ),
    "equal ids of one instrumentation": Case(
        [
            sent(OPENAI_V2, 1, chat(id="chatcmpl-0"), service="app"),
            sent(OPENAI_V2, 2, chat(id="chatcmpl-0"), ms=(30, 950), service="app"),
        ],
        2,
        1920,
    ),
    "equal ids, not within in time": Case(
        [
            sent(OPENAI_V2, 1, chat(id="chatcmpl-0"), service="app"),
            sent(ENVOY, 2, chat(id="chatcmpl-0"), ms=(500, 1500), service="gateway"),
        ],
        2,
        1920,
    ),
    "equal ids, other tokens": Case(
        [
            sent(OPENAI_V2, 1, chat(id="chatcmpl-0"), service="app"),
            sent(ENVOY, 2, chat(id="chatcmpl-0", tokens=(70, 8)), ms=(30, 950), service="gateway"),
        ],
        2,
        1038,
    ),
    "equal ids, other models": Case(
        [
            sent(OPENAI_V2, 1, chat(id="chatcmpl-0"), service="app"),
            sent(ENVOY, 2, chat("gpt-4o", "chatcmpl-0"), ms=(30, 950), service="gateway"),
        ],
        2,
        1920,
    ),
    "gateway with ids of its own": Case(
        [
            sent(OPENAI_V2, 1, chat(CLAUDE, "chatcmpl-own"), trace=1, service="app"),
            sent(OPENAI_V2, 2, SERVER, trace=1, parent=1, ms=(10, 960), service="gateway"),
            sent(
                ANTHROPIC,
                3,
                chat(CLAUDE_DATED, "msg_up", provider="anthropic"),
                trace=1,
                parent=2,
                ms=(50, 900),
                service="gateway",
            ),
        ],
        1,
        960,
    ),
    "agent that is served as a model": Case(
        [
            sent(OPENAI_V2, 1, chat("support-agent", "chatcmpl-own", (300, 30)), trace=1, service="app"),
            sent(OPENAI_V2, 2, SERVER, trace=1, parent=1, ms=(10, 960), service="agent"),
            sent(
                OPENAI_V2, 3, chat(id="a", tokens=(100, 10)), trace=1, parent=2, ms=(50, 400), service="agent"
            ),
            sent(
                OPENAI_V2,
                4,
                chat(id="b", tokens=(200, 20)),
                trace=1,
                parent=2,
                ms=(450, 900),
                service="agent",
            ),
        ],
        2,
        330,
    ),
    "agent with one call that is served as a model": Case(
        [
            sent(OPENAI_V2, 1, chat("support-agent", "chatcmpl-own", (90, 9)), trace=1, service="app"),
            sent(OPENAI_V2, 2, chat(id="a"), trace=1, parent=1, ms=(50, 900), service="agent"),
        ],
        1,
        960,
    ),
    "failed and answered attempt": Case(
        [
            sent(OPENAI_V2, 1, chat(), trace=1, service="app"),
            sent(ENVOY, 2, FAILED, trace=1, parent=1, ms=(20, 120), service="app", failed=True),
            sent(ENVOY, 3, chat(id="chatcmpl-1"), trace=1, parent=1, ms=(150, 900), service="app"),
        ],
        2,
        960,
    ),
    "failed attempts, and an answer that no other span records": Case(
        [
            sent(OPENAI_V2, 1, chat(), trace=1),
            sent(ENVOY, 2, FAILED, trace=1, parent=1, ms=(20, 120), failed=True),
        ],
        2,
        960,
    ),
    "span above two models": Case(
        [
            sent(OPENAI_V2, 1, chat("gpt-4o"), trace=1),
            sent(ENVOY, 2, chat("gpt-4o-mini", "chatcmpl-1"), trace=1, parent=1, ms=(20, 900)),
        ],
        2,
        1920,
    ),
    "siblings with different response models": Case(
        [
            sent(OPENAI_V2, 1, chat("gpt-4o", "x"), trace=1, parent=9),
            sent(ENVOY, 2, chat("gpt-4o", "x", answered="gpt-4o-mini"), trace=1, parent=9, ms=(20, 900)),
        ],
        2,
        1920,
    ),
    "LangChain with the client": Case(
        [
            sent(LANGCHAIN, 1, openinference("gpt-4o-mini", "chatcmpl-1")),
            sent(OPENAI, 2, chat(id="chatcmpl-1", answered="gpt-4o-mini-2024-07-18"), ms=(10, 990)),
        ],
        1,
        960,
    ),
    "LangChain's stream with the client": Case(
        [
            sent(LANGCHAIN, 1, openinference("gpt-4o-mini")),
            sent(OPENAI, 2, {**chat(id="chatcmpl-1"), **STREAM}, ms=(10, 990)),
        ],
        1,
        960,
    ),
    "LangSmith's stream without usage with the client": Case(
        [
            sent(
                LANGSMITH,
                1,
                {
                    "langsmith.span.kind": "llm",
                    "gen_ai.operation.name": "chat",
                    "gen_ai.system": "openai",
                    "gen_ai.request.model": "gpt-4o-mini",
                    "gen_ai.prompt": as_json({"messages": [{"role": "user", "content": "Which pier?"}]}),
                },
            ),
            sent(
                OPENAI,
                2,
                {**chat(id="chatcmpl-1", tokens=None), **STREAM, "gen_ai.input.messages": QUESTION},
                ms=(10, 990),
            ),
        ],
        1,
        0,
    ),
    "LangSmith's stream without usage with the client without content": Case(
        [
            sent(
                LANGSMITH,
                1,
                {
                    "langsmith.span.kind": "llm",
                    "gen_ai.system": "openai",
                    "gen_ai.request.model": "gpt-4o-mini",
                    "gen_ai.prompt": as_json({"messages": [{"role": "user", "content": "Which pier?"}]}),
                },
            ),
            sent(OPENAI, 2, {**chat(id="chatcmpl-1", tokens=None), **STREAM}, ms=(10, 990)),
            sent(OPENAI, 3, {**chat("gpt-4o", "chatcmpl-2", None), **STREAM}, ms=(20, 980)),
        ],
        2,
        0,
    ),
    "LangChain's stream of Anthropic with the client's own span": Case(
        [
            sent(LANGCHAIN, 1, {**openinference(CLAUDE, None, (0, 60)), "llm.system": "anthropic"}),
            sent(SDK, 2, chat(CLAUDE, "msg_1", provider="anthropic", answered=CLAUDE_DATED), ms=(10, 990)),
        ],
        1,
        960,
    ),
    "an instrumentor without id and model with the client's own span": Case(
        [
            sent(
                OPENLLMETRY,
                1,
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": "anthropic",
                    "gen_ai.usage.input_tokens": 900,
                    "gen_ai.usage.output_tokens": 60,
                },
            ),
            sent(SDK, 2, chat(CLAUDE, "msg_1", provider="anthropic", answered=CLAUDE_DATED), ms=(1, 999)),
        ],
        1,
        960,
    ),
    "LlamaIndex's stream, which ends before the client's sibling begins": Case(
        [
            sent(LLAMA_INDEX, 1, openinference("gpt-4o-mini"), trace=1, parent=9, ms=(0, 70)),
            sent(OPENAI, 2, chat(id="chatcmpl-1"), trace=1, parent=9, ms=(300, 900)),
        ],
        1,
        960,
    ),
    "LlamaIndex's stream, which ends before the client's trace begins": Case(
        [
            sent(LLAMA_INDEX, 1, openinference("gpt-4o-mini"), ms=(0, 70)),
            sent(OPENAI, 2, {**chat(id="chatcmpl-1"), **STREAM}, ms=(300, 900)),
        ],
        1,
        960,
    ),
    "calls of other tokens with LlamaIndex": Case(
        [
            sent(LLAMA_INDEX, 1, openinference("gpt-4o-mini"), trace=1, parent=9, ms=(0, 70)),
            sent(OPENAI, 2, chat(id="chatcmpl-1", tokens=(901, 61)), trace=1, parent=9, ms=(300, 900)),
        ],
        2,
        1922,
    ),
    "two calls in turn by two instrumentations, one without ids": Case(
        [
            sent(
                "langfuse-sdk",
                1,
                {
                    "langfuse.observation.type": "generation",
                    "langfuse.observation.model.name": "gpt-4o-mini",
                    "langfuse.observation.usage_details": as_json({"input": 900, "output": 60}),
                },
                trace=1,
                parent=9,
                ms=(0, 250),
            ),
            sent(OPENAI, 2, chat(id="chatcmpl-1"), trace=1, parent=9, ms=(1000, 1250)),
        ],
        2,
        1920,
    ),
    "LlamaIndex's stream and a call of another question": Case(
        [
            sent(LLAMA_INDEX, 1, openinference("gpt-4o-mini"), trace=1, parent=9, ms=(0, 70)),
            sent(
                OPENAI,
                2,
                {
                    **chat(id="chatcmpl-1"),
                    "gen_ai.input.messages": as_json([{"role": "user", "content": "Which berth?"}]),
                },
                trace=1,
                parent=9,
                ms=(300, 900),
            ),
        ],
        2,
        1920,
    ),
    "retried below LangChain's stream": Case(
        [
            sent(LANGCHAIN, 1, openinference("gpt-4o-mini")),
            sent(OPENAI, 2, {**FAILED, "gen_ai.input.messages": QUESTION}, ms=(10, 90), failed=True),
            sent(OPENAI, 3, {**chat(id="chatcmpl-1"), **STREAM}, ms=(100, 990)),
        ],
        2,
        960,
    ),
}


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name, scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Open one store for all cases, each in its own project; its sums are recounted after the last."""
    yield from lasting_store(request.param, tmp_path_factory.mktemp("one_call"))


@pytest.mark.parametrize("name", CASES)
def test_calls_and_tokens_are_counted_once(store: Store, name: str) -> None:
    sent, calls, tokens = CASES[name]
    states: list[list[TraceRecord]] = []
    for order in _orders(sent):
        rows = _stored(store, [[one] for one in order])
        counted = [row for row in rows if row.counted]
        assert len(counted) == calls, order
        assert sum((row.input_tokens or 0) + (row.output_tokens or 0) for row in counted) == tokens, order
        states.append(rows)
    states.append(_stored(store, [sent]))
    states.append(_stored(store, [sent, sent]))
    assert all(rows == states[0] for rows in states)


def test_content_of_a_span_above_attempts_completes_the_successful_one(store: Store) -> None:
    attempts = CASES["failed and answered attempt"].sent[1:]
    above = sent(OPENAI_V2, 1, {**chat(), "gen_ai.input.messages": QUESTION}, trace=1, service="app")
    for order in permutations((above, *attempts)):
        rows = _stored(store, [[one] for one in order])
        [answered] = [row for row in rows if row.counted and row.status == "success"]
        assert (answered.input_preview, answered.provider_request_id) == ("Which pier?", "chatcmpl-1")
        [failed] = [row for row in rows if row.counted and row.status == "error"]
        assert failed.input_preview is None


def test_session_from_a_partners_trace_remains_after_later_spans(store: Store) -> None:
    client = sent(OPENAI_V2, 1, {**chat(id="chatcmpl-eg1"), "session.id": "s1"}, service="app")
    gateway = sent(ENVOY, 2, chat(id="chatcmpl-eg1"), trace=2, parent=3, ms=(30, 950), service="gateway")
    server = sent(ENVOY, 3, SERVER, trace=2, ms=(20, 960), service="gateway")
    for order in permutations((client, gateway, server)):
        rows = _stored(store, [[one] for one in order])
        assert {row.session_id for row in rows if row.counted} == {"s1"}, order


def _orders(sent: Sequence[Sent]) -> list[Sequence[Sent]]:
    """Return all orders of few spans, some orders of more."""
    if len(sent) < 4:
        return list(permutations(sent))
    random = Random(len(sent))
    return [sent, sent[::-1], *(random.sample(sent, len(sent)) for _ in range(4))]


def _stored(storage: Store, batches: Sequence[Sequence[Sent]]) -> list[TraceRecord]:
    async def deliver() -> list[TraceRecord]:
        id = await new_project(storage)
        for batch in batches:
            for item, scope, service in batch:
                resource: dict[str, Value] = {} if service is None else {"service.name": service}
                mapped = map_spans(id, trace_request(item, scope=scope, resource=resource), RECEIVED_NS)
                assert not mapped.rejected
                await storage.ingest(mapped.rows, keep_all=True)
        rows = [row for row in await snapshot(storage, id) if row is not None]
        ordered = sorted(rows, key=lambda row: row.otel_span_id)
        return [row._replace(project_id="", trace_id=UUID(int=0)) for row in ordered]

    return asyncio.run(deliver())
