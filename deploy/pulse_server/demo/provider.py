"""A provider on loopback with the APIs of OpenAI, OpenRouter and Anthropic, and a ledger of its calls.

The ledger has the tokens that a real provider would bill; the demo compares Pulse's totals with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pulse_server.demo import anthropic_wire, openai_wire
from pulse_server.demo.answers import Answer, answer_to, prompt_tokens, tokens

#: Simulated time to the first token, and between two tokens.
_THINKING_S = 0.12
_PER_PIECE_S = 0.012
#: Minimum length of a prompt for caching, as at real providers.
_MIN_CACHED_TOKENS = 1024
_OPENROUTER_USD_PER_TOKEN = 0.000_000_4

Body = dict[str, Any]


@dataclass(slots=True)
class Ledger:
    """The provider's totals of calls, errors and billed tokens."""

    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    #: Prompts in the simulated prompt cache.
    cached: set[str] = field(default_factory=set[str], repr=False)
    #: Messages that got a 429 once.
    refused: set[str] = field(default_factory=set[str], repr=False)

    def add(self, input_tokens: int, output_tokens: int) -> int:
        """Add a successful call; return its number, which its id contains."""
        self.calls += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        return self.calls


def provider_app(ledger: Ledger) -> Starlette:
    """Return the application with the routes of the three APIs, each under its own prefix."""

    async def post_chat(request: Request) -> Response:
        return await _chat(await request.json(), ledger, openrouter=False)

    async def post_openrouter_chat(request: Request) -> Response:
        return await _chat(await request.json(), ledger, openrouter=True)

    async def post_embeddings(request: Request) -> Response:
        body: Body = await request.json()
        await asyncio.sleep(_THINKING_S)
        given: str | list[str] = body["input"]
        texts = [given] if isinstance(given, str) else given
        count = sum(tokens(text) for text in texts)
        ledger.add(count, 0)
        return JSONResponse(openai_wire.embeddings(body, texts, count))

    async def post_messages(request: Request) -> Response:
        return await _messages(await request.json(), ledger)

    return Starlette(
        routes=[
            Route("/openai/v1/chat/completions", post_chat, methods=["POST"]),
            Route("/openai/v1/embeddings", post_embeddings, methods=["POST"]),
            Route("/openrouter/api/v1/chat/completions", post_openrouter_chat, methods=["POST"]),
            Route("/anthropic/v1/messages", post_messages, methods=["POST"]),
        ]
    )


async def _chat(body: Body, ledger: Ledger, *, openrouter: bool) -> Response:
    await asyncio.sleep(_THINKING_S)
    texts = [_text(message) for message in body["messages"]]
    if "urgent" in texts[-1] and texts[-1] not in ledger.refused:
        # Simulates a rate limit: the same request succeeds when it is sent again.
        ledger.refused.add(texts[-1])
        ledger.calls += 1
        ledger.errors += 1
        return JSONResponse(openai_wire.rate_limited(body), 429, headers={"Retry-After": "1"})
    answer = answer_to(texts[-1])
    usage = openai_wire.usage(prompt_tokens(texts), answer)
    if openrouter:
        usage["cost"] = round(usage["total_tokens"] * _OPENROUTER_USD_PER_TOKEN, 9)
    number = ledger.add(usage["prompt_tokens"], usage["completion_tokens"])
    if body.get("stream"):
        chunks = openai_wire.chunks(body, answer, usage, number)
        return StreamingResponse(_events(chunks, named=False), media_type="text/event-stream")
    await asyncio.sleep(_PER_PIECE_S * len(answer.text.split()))
    return JSONResponse(openai_wire.completion(body, answer, usage, number, openrouter=openrouter))


async def _messages(body: Body, ledger: Ledger) -> Response:
    await asyncio.sleep(_THINKING_S)
    texts = [_text(message) for message in body["messages"]]
    answer: Answer = answer_to(texts[-1])
    usage = anthropic_wire.usage(prompt_tokens(texts), answer)
    system = _text({"content": body.get("system", "")})
    if _asks_for_cache(body) and tokens(system) >= _MIN_CACHED_TOKENS:
        kind = "cache_read_input_tokens" if system in ledger.cached else "cache_creation_input_tokens"
        usage[kind] = tokens(system)
        ledger.cached.add(system)
    else:
        usage["input_tokens"] += tokens(system)
    number = ledger.add(anthropic_wire.billed_input(usage), usage["output_tokens"])
    if body.get("stream"):
        events = anthropic_wire.events(body, answer, usage, number)
        return StreamingResponse(_events(events, named=True), media_type="text/event-stream")
    await asyncio.sleep(_PER_PIECE_S * len(answer.text.split()))
    return JSONResponse(anthropic_wire.message(body, answer, usage, number))


async def _events(events: list[Body], *, named: bool) -> AsyncIterator[str]:
    """Yield server-sent events with a delay before each; unnamed events (OpenAI) end with [DONE]."""
    for event in events:
        await asyncio.sleep(_PER_PIECE_S)
        name = f"event: {event['type']}\n" if named else ""
        yield f"{name}data: {json.dumps(event)}\n\n"
    if not named:
        yield "data: [DONE]\n\n"


def _text(message: Body) -> str:
    content: str | list[Body] = message.get("content") or ""
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)


def _asks_for_cache(body: Body) -> bool:
    system: str | list[Body] = body.get("system") or ""
    return not isinstance(system, str) and any("cache_control" in part for part in system)
