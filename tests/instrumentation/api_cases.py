"""The recorded APIs, each with a call, the provider's answer and the expected span."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.instrumentation.recorded import FIRST_CHUNK, SpanValue
from tests.support.llm_bodies import (
    chat_chunks,
    completion,
    embedding,
    message,
    message_events,
    response,
    response_events,
)
from tests.support.llm_clients import KINDS, anthropic_client, openai_client
from tests.support.llm_http import Answer, FakeProvider, event_answer

STREAM = "gen_ai.request.stream"
OUTPUT = "gen_ai.output.messages"
MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]
ASKED = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]


@dataclass(frozen=True)
class ApiCase:
    """One API: the arguments of a call, the provider's answer and the expected attributes."""

    name: str
    client: Callable[..., Any]
    path: str
    arguments: dict[str, Any]
    plain: Any
    asked: dict[str, Any]
    answered: dict[str, Any]
    events: tuple[Any, ...] = ()
    read: int = 0
    """The number of chunks that the application reads before it stops; they contain the text 'Hel'."""
    begun: tuple[str, ...] = ("gen_ai.response.id", "gen_ai.response.model")
    """The names of the attributes of `answered` that those chunks contain."""

    def resource(self, provider: FakeProvider, kind: str) -> Any:
        """Return the resource of a new client."""
        target: Any = self.client(provider, kind)
        for name in self.path.split("."):
            target = getattr(target, name)
        return target

    def span(self, *facts: dict[str, Any], **changes: Any) -> SpanValue:
        """Return the expected span, with the request attributes and these attributes."""
        attributes = dict(self.asked)
        for fact in facts:
            attributes.update(fact)
        operation, model = attributes["gen_ai.operation.name"], attributes["gen_ai.request.model"]
        return SpanValue(f"{operation} {model}", attributes, **changes)

    @property
    def partial(self) -> dict[str, Any]:
        """The attributes of a stream that the application closes after `read` chunks."""
        known = {name: self.answered[name] for name in self.begun}
        return {STREAM: True, FIRST_CHUNK: True, **known, OUTPUT: output_messages("Hel", None)}


def output_messages(words: str, finish_reason: str | None) -> list[Any]:
    return [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": words}],
            "finish_reason": finish_reason,
        }
    ]


def server(provider: str, host: str) -> dict[str, Any]:
    return {"gen_ai.provider.name": provider, "server.address": host, "server.port": 443}


OPENAI = server("openai", "api.openai.com")
OPENAI_USAGE = {
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 2,
}
LEGACY: dict[str, Any] = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "gpt-4o"}
LEGACY_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def legacy(text: str, finish_reason: str | None = None, **changes: Any) -> dict[str, Any]:
    piece = {"index": 0, "text": text, "finish_reason": finish_reason, "logprobs": None}
    return {**LEGACY, "choices": [piece], **changes}


API_CASES = [
    ApiCase(
        "chat",
        openai_client,
        "chat.completions",
        {"model": "gpt-4o", "messages": MESSAGES},
        completion(),
        {
            **OPENAI,
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "openai.api.type": "chat_completions",
            "gen_ai.input.messages": ASKED,
        },
        {
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.response.finish_reasons": ("stop",),
            **OPENAI_USAGE,
            OUTPUT: output_messages("Hello", "stop"),
        },
        tuple(chat_chunks("Hel", "lo")),
        read=2,
    ),
    ApiCase(
        "responses",
        openai_client,
        "responses",
        {"model": "gpt-4o", "input": "Hi"},
        response(),
        {
            **OPENAI,
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "openai.api.type": "responses",
            "gen_ai.input.messages": ASKED,
        },
        {
            "gen_ai.response.id": "resp_1",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.response.finish_reasons": ("stop",),
            **OPENAI_USAGE,
            OUTPUT: output_messages("Hello", "stop"),
        },
        tuple(response_events("Hel", "lo")),
        read=5,
    ),
    ApiCase(
        "legacy completions",
        openai_client,
        "completions",
        {"model": "gpt-4o", "prompt": "Hi"},
        legacy("Hello", "stop", usage=LEGACY_USAGE),
        {
            **OPENAI,
            "gen_ai.operation.name": "text_completion",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.input.messages": ASKED,
        },
        {
            "gen_ai.response.id": "cmpl-1",
            "gen_ai.response.model": "gpt-4o",
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.usage.input_tokens": 11,
            "gen_ai.usage.output_tokens": 7,
            OUTPUT: output_messages("Hello", "stop"),
        },
        (legacy("Hel"), legacy("lo", "stop"), {**LEGACY, "choices": [], "usage": LEGACY_USAGE}),
        read=1,
    ),
    ApiCase(
        "messages",
        anthropic_client,
        "messages",
        {"model": "claude", "max_tokens": 9, "messages": MESSAGES},
        message(),
        {
            **server("anthropic", "api.anthropic.com"),
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "claude",
            "gen_ai.request.max_tokens": 9,
            "gen_ai.input.messages": ASKED,
        },
        {
            "gen_ai.response.id": "msg_1",
            "gen_ai.response.model": "claude-test-1",
            "gen_ai.response.finish_reasons": ("end_turn",),
            "gen_ai.usage.input_tokens": 2109,
            "gen_ai.usage.output_tokens": 12,
            "gen_ai.usage.cache_read.input_tokens": 1900,
            "gen_ai.usage.cache_creation.input_tokens": 188,
            "gen_ai.usage.cache_write.input_tokens": 188,
            "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 100,
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 88,
            OUTPUT: output_messages("Hello", "end_turn"),
        },
        tuple(message_events("Hel", "lo")),
        read=3,
        # The first event has the input tokens, the last event the output tokens.
        begun=(
            "gen_ai.response.id",
            "gen_ai.response.model",
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_write.input_tokens",
            "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
        ),
    ),
]
PLAIN_ONLY = [
    ApiCase(
        "embeddings",
        openai_client,
        "embeddings",
        {"model": "small", "input": "Hi", "encoding_format": "float"},
        embedding(),
        {
            **OPENAI,
            "gen_ai.operation.name": "embeddings",
            "gen_ai.request.model": "small",
            "gen_ai.request.encoding_formats": ("float",),
            "gen_ai.input.messages": ASKED,
        },
        {
            "gen_ai.response.model": "text-embedding-3-small",
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.embeddings.dimension.count": 3,
        },
    ),
    ApiCase(
        "moderations",
        openai_client,
        "moderations",
        {"model": "omni", "input": "Hi"},
        {"id": "modr-1", "model": "omni-1", "results": []},
        {
            **OPENAI,
            "gen_ai.operation.name": "moderation",
            "gen_ai.request.model": "omni",
            "gen_ai.input.messages": ASKED,
        },
        {"gen_ai.response.id": "modr-1", "gen_ai.response.model": "omni-1"},
    ),
]

every_api = pytest.mark.parametrize("api", [*API_CASES, *PLAIN_ONLY], ids=lambda api: api.name)
streamed_apis = pytest.mark.parametrize("api", API_CASES, ids=lambda api: api.name)
both_kinds = pytest.mark.parametrize("kind", KINDS)


def event_stream(api: ApiCase, **options: Any) -> Answer:
    return event_answer(api.events, done=api.client is openai_client, **options)


def call(kind: str, step: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a method of a sync client, or of an async client in a new event loop."""
    if kind == "sync":
        return step(*arguments, **options)

    async def run() -> Any:
        return await step(*arguments, **options)

    return asyncio.run(run())


async def take(stream: Any, most: int | None = None) -> list[Any]:
    """Read the chunks of a sync or async stream: all, or the first `most`."""
    taken: list[Any] = []
    while most is None or len(taken) < most:
        try:
            taken.append(next(stream) if hasattr(stream, "__next__") else await anext(stream))
        except (StopIteration, StopAsyncIteration):
            break
    return taken


async def opened(api: ApiCase, provider: FakeProvider, kind: str) -> Any:
    stream = api.resource(provider, kind).create(**api.arguments, stream=True)
    return stream if kind == "sync" else await stream
