"""Exceptions whose own code fails: the application gets the same exception, the span its status."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.recorded import Recorded
from tests.instrumentation.ways import (
    Way,
    both_kinds,
    call,
    event_stream,
    every_way,
    opened,
    streamed_ways,
    take,
)
from tests.support.llm_http import FakeProvider

from pulse_instrumentation.content import Capture
from pulse_instrumentation.recording.errors import error_attributes, error_words


class Unprintable(BaseException):
    """Not wrapped by the clients, and raises when it is printed."""

    failure: BaseException = ValueError("no words")

    def __str__(self) -> str:
        raise self.failure


class Exiting(Unprintable):
    """Ends the process when it is printed."""

    failure = SystemExit(3)


class Speechless(BaseException):
    """Has a `__str__` that returns no string."""

    def __str__(self) -> str:
        words: Any = 7
        return words


class Opaque(Exception):
    """Raises when its fields are read."""

    @property
    def status_code(self) -> int:
        raise RuntimeError("no status")


class Leaving(BaseException):
    """Ends the process when its fields are read."""

    @property
    def status_code(self) -> int:
        raise SystemExit(3)


class Guarded(BaseException):
    """Ends the process when it is asked for anything that it declares itself."""

    def __getattribute__(self, name: str) -> Any:
        if name in {"__dict__", "status_code"}:
            raise SystemExit(3)
        return super().__getattribute__(name)


@both_kinds
@every_way
@pytest.mark.parametrize("kind_of_error", [Unprintable, Exiting, Speechless, Leaving, Guarded])
def test_plain_call(instrumented: Recorded, way: Way, kind: str, kind_of_error: type[BaseException]) -> None:
    error = kind_of_error()
    resource = way.resource(FakeProvider(error), kind)
    with pytest.raises(kind_of_error) as raised:
        call(kind, resource.create, **way.arguments)
    assert raised.value is error
    facts = {"error.type": kind_of_error.__name__}
    assert instrumented.spans == [way.span(facts, status=StatusCode.ERROR)]


@both_kinds
@streamed_ways
def test_streamed_call(instrumented: Recorded, way: Way, kind: str) -> None:
    error = Unprintable()
    answer = event_stream(replace(way, events=way.events[: way.read]), breaks_with=error)
    answer.body.pieces = [piece for piece in answer.body.pieces if b"[DONE]" not in piece]

    async def run() -> None:
        await take(await opened(way, FakeProvider(answer), kind))

    with pytest.raises(Unprintable) as raised:
        asyncio.run(run())
    assert raised.value is error
    expected = way.span({**way.partial, "error.type": "Unprintable"}, status=StatusCode.ERROR)
    assert instrumented.spans == [expected]


def test_failing_fields_of_an_exception_are_left_out() -> None:
    assert error_attributes(Opaque("x")) == {"error.type": "Opaque"}


@pytest.mark.parametrize("mode", ["off", "metadata"])
def test_exception_is_not_printed_unless_content_is_recorded(mode: Any) -> None:
    assert error_words(Exiting(), Capture(mode)) is None
