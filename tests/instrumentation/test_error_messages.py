"""Exceptions whose own code raises: the application receives the same exception, the span has its status."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.api_cases import (
    ApiCase,
    both_kinds,
    call,
    event_stream,
    every_api,
    opened,
    streamed_apis,
    take,
)
from tests.instrumentation.recorded import Recorded
from tests.support.llm_http import FakeProvider

from pulse_instrumentation.content import Capture
from pulse_instrumentation.recording.errors import error_attributes, error_words


class Unprintable(BaseException):
    """Raises in `__str__`. Not wrapped by the clients."""

    failure: BaseException = ValueError("no words")

    def __str__(self) -> str:
        raise self.failure


class Exiting(Unprintable):
    """Raises SystemExit in `__str__`."""

    failure = SystemExit(3)


class Speechless(BaseException):
    """Returns no string from `__str__`."""

    def __str__(self) -> str:
        words: Any = 7
        return words


class Opaque(Exception):
    """Raises when its attributes are read."""

    @property
    def status_code(self) -> int:
        raise RuntimeError("no status")


class Leaving(BaseException):
    """Raises SystemExit when its attributes are read."""

    @property
    def status_code(self) -> int:
        raise SystemExit(3)


class Guarded(BaseException):
    """Raises SystemExit when an attribute that its class defines is read."""

    def __getattribute__(self, name: str) -> Any:
        if name in {"__dict__", "status_code"}:
            raise SystemExit(3)
        return super().__getattribute__(name)


@both_kinds
@every_api
@pytest.mark.parametrize("kind_of_error", [Unprintable, Exiting, Speechless, Leaving, Guarded])
def test_plain_call(
    instrumented: Recorded, api: ApiCase, kind: str, kind_of_error: type[BaseException]
) -> None:
    error = kind_of_error()
    resource = api.resource(FakeProvider(error), kind)
    with pytest.raises(kind_of_error) as raised:
        call(kind, resource.create, **api.arguments)
    assert raised.value is error
    facts = {"error.type": kind_of_error.__name__}
    assert instrumented.spans == [api.span(facts, status=StatusCode.ERROR)]


@both_kinds
@streamed_apis
def test_streamed_call(instrumented: Recorded, api: ApiCase, kind: str) -> None:
    error = Unprintable()
    answer = event_stream(replace(api, events=api.events[: api.read]), breaks_with=error)
    answer.body.pieces = [piece for piece in answer.body.pieces if b"[DONE]" not in piece]

    async def run() -> None:
        await take(await opened(api, FakeProvider(answer), kind))

    with pytest.raises(Unprintable) as raised:
        asyncio.run(run())
    assert raised.value is error
    expected = api.span({**api.partial, "error.type": "Unprintable"}, status=StatusCode.ERROR)
    assert instrumented.spans == [expected]


def test_failing_fields_of_an_exception_are_left_out() -> None:
    assert error_attributes(Opaque("x")) == {"error.type": "Opaque"}


@pytest.mark.parametrize("mode", ["off", "metadata"])
def test_exception_is_not_printed_unless_content_is_recorded(mode: Any) -> None:
    assert error_words(Exiting(), Capture(mode)) is None
