"""Functions under `trace()` and `tool()` behave as without them: generators that exit, values that raise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.recorded import Recorded

import pulse_instrumentation as pulse

RESULT = "gen_ai.tool.call.result"


def returns(seen: list[Any]) -> Generator[int, None, int]:
    try:
        yield 1
    except GeneratorExit as exit:
        seen.append(exit)
    return 7


def goes_on(seen: list[Any]) -> Generator[int]:
    try:
        yield 1
    except GeneratorExit as exit:
        seen.append(exit)
        yield 2


def cleans_up(seen: list[Any]) -> Generator[int]:
    try:
        yield 1
    except GeneratorExit as exit:
        seen.append(exit)
        raise


async def async_returns(seen: list[Any]) -> AsyncGenerator[int]:
    try:
        yield 1
    except GeneratorExit as exit:
        seen.append(exit)


async def async_goes_on(seen: list[Any]) -> AsyncGenerator[int]:
    try:
        yield 1
    except GeneratorExit as exit:
        seen.append(exit)
        yield 2


def outcome(step: Callable[[], Any], exit: BaseException, seen: list[Any]) -> tuple[Any, ...]:
    """Return the result or exception of a step, and whether generator and reader received `exit` itself."""
    try:
        return step(), [one is exit for one in seen]
    except BaseException as error:
        context = type(error.__context__).__name__
        return (type(error), error is exit, error.args, context), [one is exit for one in seen]


@pytest.mark.parametrize("function", [returns, goes_on, cleans_up])
@pytest.mark.parametrize("leave", ["close", "throw"])
def test_exit_of_a_generator(instrumented: Recorded, function: Any, leave: str) -> None:
    def run(function: Any) -> tuple[Any, ...]:
        seen: list[Any] = []
        exit = GeneratorExit("mine")
        generator = function(seen)
        assert next(generator) == 1
        return outcome(generator.close if leave == "close" else lambda: generator.throw(exit), exit, seen)

    assert run(pulse.tool("work")(function)) == run(function)
    if function is not goes_on:
        assert (instrumented.only.status, instrumented.attributes[RESULT]) == (StatusCode.UNSET, "[1]")


@pytest.mark.parametrize("function", [async_returns, async_goes_on])
@pytest.mark.parametrize("leave", ["close", "throw"])
def test_exit_of_an_async_generator(instrumented: Recorded, function: Any, leave: str) -> None:
    def run(function: Any) -> tuple[Any, ...]:
        seen: list[Any] = []
        exit = GeneratorExit("mine")

        async def read() -> Any:
            generator = function(seen)
            assert await anext(generator) == 1
            return await (generator.aclose() if leave == "close" else generator.athrow(exit))

        return outcome(lambda: asyncio.run(read()), exit, seen)

    assert run(pulse.tool("work")(function)) == run(function)
    if function is not async_goes_on:
        assert (instrumented.only.status, instrumented.attributes[RESULT]) == (StatusCode.UNSET, "[1]")


def test_generator_left_open_is_closed_with_its_loop(
    instrumented: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    cleaned: list[bool] = []
    kept: list[Any] = []

    @pulse.trace("work")
    async def work() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def run() -> None:
        kept.append(work())
        await anext(kept[0])

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    # The loop has closed only the outer generator, which has closed the inner one.
    assert (cleaned, caplog.records) == ([True], [])
    assert instrumented.only.name == "work"


class Fields(dict[str, int]):
    """Raises SystemExit when it is read."""

    def items(self) -> Any:
        raise SystemExit(3)


class Words(str):
    """Raises SystemExit when it is read."""

    __slots__ = ()

    def __len__(self) -> int:
        raise SystemExit(3)

    def isascii(self) -> bool:
        raise SystemExit(3)


class Closed:
    """Raises SystemExit when any attribute is read."""

    def __getattribute__(self, name: str) -> Any:
        raise SystemExit(3)


@pytest.mark.parametrize(
    "make",
    [lambda: Fields(a=1), lambda: Words("long enough to be read"), Closed],
    ids=["fields", "words", "any"],
)
def test_value_that_fails_when_it_is_read_is_returned(
    instrumented: Recorded, make: Callable[[], Any]
) -> None:
    value = make()

    @pulse.tool("same")
    def same(given: Any) -> Any:
        return given

    @pulse.tool("each")
    def each(given: Any) -> Generator[Any]:
        yield given

    # Compared by identity, as pytest's assertion would read them.
    returned = same(value) is value
    given = [one is value for one in each(value)]
    assert (returned, given) == (True, [True])
    assert [span.status for span in instrumented.spans] == [StatusCode.UNSET] * 2
