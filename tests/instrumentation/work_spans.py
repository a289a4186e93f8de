"""Functions of every kind to decorate, and the expected spans of their calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from opentelemetry.trace import SpanKind
from tests.instrumentation.recorded import Recorded, SpanValue
from tests.support.llm_bodies import completion
from tests.support.llm_clients import openai_client
from tests.support.llm_http import FakeProvider, json_answer

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
ARGUMENTS, RESULT = "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"
KINDS = ("plain", "coroutine", "generator", "async generator")


def client(kind: str = "sync", calls: int = 5) -> Any:
    return openai_client(FakeProvider(*(json_answer(completion()) for _ in range(calls))), kind)


def workflow(name: str, **changes: Any) -> SpanValue:
    attributes = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": name}
    return SpanValue(name, {**attributes, **changes.pop("attributes", {})}, kind=SpanKind.INTERNAL, **changes)


def execution(name: str, **changes: Any) -> SpanValue:
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "function",
    }
    return SpanValue(
        f"execute_tool {name}",
        {**attributes, **changes.pop("attributes", {})},
        kind=SpanKind.INTERNAL,
        **changes,
    )


def tree(recorded: Recorded) -> dict[str, str | None]:
    """Return the name of each span with the name of its parent."""
    found = {span.context.span_id: span.name for span in recorded.raw if span.context}
    return {span.name: found[span.parent.span_id] if span.parent else None for span in recorded.raw}


def decorated(kind: str, decorate: Callable[[Any], Any], body: Callable[..., Any] = lambda *_: None) -> Any:
    """Return a decorated function of a kind, which calls the body and returns or yields its result."""

    def plain(*args: Any) -> Any:
        return body(*args)

    async def coroutine(*args: Any) -> Any:
        await asyncio.sleep(0)
        return body(*args)

    def generator(*args: Any) -> Generator[Any]:
        yield body(*args)
        yield body(*args)

    async def async_generator(*args: Any) -> AsyncGenerator[Any]:
        yield body(*args)
        await asyncio.sleep(0)
        yield body(*args)

    return decorate(
        {f.__name__.replace("_", " "): f for f in (plain, coroutine, generator, async_generator)}[kind]
    )


def consumed(kind: str, function: Any, *args: Any) -> Any:
    """Return the result of a function of a kind; of a generator all its items."""

    async def run() -> Any:
        if kind == "coroutine":
            return await function(*args)
        return [item async for item in function(*args)]

    if kind in {"coroutine", "async generator"}:
        return asyncio.run(run())
    return function(*args) if kind == "plain" else list(function(*args))


def same_value(value: Any) -> Any:
    """Return the argument."""
    return value


class Hostile:
    """Raises at every use."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __repr__
