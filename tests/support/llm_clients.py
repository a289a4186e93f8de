"""Real clients on the fake provider, and one function to call sync and async ones."""

from __future__ import annotations

import asyncio
import inspect
from importlib.util import find_spec
from typing import Any

import anthropic
import openai
from tests.support.llm_http import FakeProvider

KINDS = ("sync", "async")


def openai_client(provider: FakeProvider, kind: str = "sync", **options: Any) -> Any:
    """An openai client of either kind."""
    options = {"api_key": "test", "max_retries": 0, **options}
    if kind == "async":
        return openai.AsyncOpenAI(http_client=provider.async_client(), **options)
    return openai.OpenAI(http_client=provider.sync_client(), **options)


def anthropic_client(provider: FakeProvider, kind: str = "sync", **options: Any) -> Any:
    """An anthropic client of either kind."""
    options = {"api_key": "test", "max_retries": 0, **options}
    if kind == "async":
        return anthropic.AsyncAnthropic(http_client=provider.async_client(), **options)
    return anthropic.Anthropic(http_client=provider.sync_client(), **options)


# The client closes and traces its streams itself since version 2.
ANTHROPIC_TRACES_ITSELF = find_spec("anthropic._tracing") is not None


def chat_helpers(client: Any) -> Any:
    """Return the object with `parse` and `stream` for chat: `beta.chat` in the oldest versions."""
    return (
        client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
    )


def result_of(value: Any) -> Any:
    """Return the result of a call: await coroutines, read streams to their end."""

    async def awaited() -> Any:
        result = await value
        if hasattr(result, "__anext__"):
            return [item async for item in result]
        return result

    if inspect.isawaitable(value):
        return asyncio.run(awaited())
    return list(value) if hasattr(value, "__next__") else value
