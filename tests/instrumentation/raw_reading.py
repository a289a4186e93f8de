"""Open raw responses of both clients, and read them by every method."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.instrumentation.api_cases import ApiCase, take
from tests.instrumentation.recorded import Recorded, SpanValue, span_value
from tests.support.llm_http import Answer, FakeProvider

CLOSED = "pulse.stream.closed_early"
RAW_METHODS = ("with_raw_response", "with_streaming_response")
both_raw_methods = pytest.mark.parametrize("how", RAW_METHODS)


def ended(recorded: Recorded) -> list[SpanValue]:
    """Return the spans that have ended so far, without waiting for abandoned ones."""
    return [span_value(span) for span in recorded.exporter.get_finished_spans()]


async def settled(value: Any) -> Any:
    return await value if hasattr(value, "__await__") else value


@asynccontextmanager
async def raw_response(
    api: ApiCase, answer: Answer, kind: str, how: str, **arguments: Any
) -> AsyncGenerator[Any]:
    """Yield an open raw response of a client; `kind` is sync or async, `how` the raw method."""
    result = getattr(api.resource(FakeProvider(answer), kind), how).create(**api.arguments, **arguments)
    if hasattr(result, "__aenter__"):
        async with result as response:
            yield response
    elif hasattr(result, "__enter__"):
        with result as response:
            yield response
    else:
        yield await settled(result)


def reading(response: Any, kind: str, reader: str) -> Any:
    """Return an iterator over a raw response by one of `READERS`."""
    http_response = response.http_response
    if reader == "body":
        return http_response.stream
    name, *arguments = reader.split()
    return getattr(http_response, name if kind == "sync" else f"a{name}")(*map(int, arguments))


READERS = (
    "iter_raw",
    "iter_raw 7",
    "iter_bytes",
    "iter_bytes 7",
    "iter_text",
    "iter_lines",
    "read",
    "body",
    "parse",
)


async def read(response: Any, kind: str, reader: str) -> None:
    """Read a raw response to its end by one of `READERS`."""
    if reader == "parse":
        assert await take(await settled(response.parse()))
    elif reader == "read":
        assert await settled(reading(response, kind, reader))
    elif kind == "sync":
        assert list(reading(response, kind, reader))
    else:
        assert [piece async for piece in reading(response, kind, reader)]
