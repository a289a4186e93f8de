"""`session()` and `capture_content()` as decorators and asynchronous blocks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
from opentelemetry import context as otel_context
from tests.instrumentation.recorded import Recorded
from tests.instrumentation.work_spans import CHAT, KINDS, client, consumed, decorated

import pulse_instrumentation as pulse

SESSION = "session.id"
INPUT = "gen_ai.input.messages"


def make_call() -> str:
    """Make one model call and return its response id."""
    return client().chat.completions.create(**CHAT).id


@pytest.mark.parametrize("kind", KINDS)
def test_session_decorator_covers_each_call(instrumented: Recorded, kind: str) -> None:
    function = decorated(kind, pulse.session("s-1", user_id="u-1", tags=iter(["beta"])), make_call)
    for _ in range(2):
        assert consumed(kind, function) == (["chatcmpl-1"] * 2 if "generator" in kind else "chatcmpl-1")
    calls = 4 if "generator" in kind else 2
    facts = {SESSION: "s-1", "user.id": "u-1", "pulse.tags": ("beta",)}
    assert [facts.items() <= span.attributes.items() for span in instrumented.spans] == [True] * calls
    make_call()
    assert SESSION not in instrumented.spans[-1].attributes


@pytest.mark.parametrize("kind", KINDS)
def test_capture_content_decorator_covers_each_call(instrumented: Recorded, kind: str) -> None:
    function = decorated(kind, pulse.capture_content(False), make_call)
    consumed(kind, function)
    assert [INPUT in span.attributes for span in instrumented.spans] == [False] * len(instrumented.spans)
    make_call()
    assert INPUT in instrumented.spans[-1].attributes


@pytest.mark.parametrize("kind", KINDS)
def test_decorated_function_keeps_its_kind_and_signature(kind: str) -> None:
    bare = decorated(kind, lambda function: function)
    for scope in (pulse.session("s-1"), pulse.capture_content("off")):
        function = decorated(kind, scope)
        for check in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
            assert check(function) is check(bare)
        assert inspect.signature(function) == inspect.signature(bare)
        assert (function.__name__, function.__doc__) == (bare.__name__, bare.__doc__)


def test_session_decorator_works_on_methods(instrumented: Recorded) -> None:
    class Agent:
        @pulse.session("s-1")
        async def answer(self) -> str:
            return make_call()

        @pulse.session("s-2")
        @staticmethod
        def plan() -> str:
            return make_call()

    asyncio.run(Agent().answer())
    Agent.plan()
    assert [span.attributes[SESSION] for span in instrumented.spans] == ["s-1", "s-2"]


@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_reader_of_a_generator_is_outside_its_session(instrumented: Recorded, kind: str) -> None:
    @pulse.session("inner")
    def generator() -> Generator[int]:
        make_call()
        yield 1
        make_call()
        yield 2

    @pulse.session("inner")
    async def async_generator() -> AsyncGenerator[int]:
        make_call()
        yield 1
        make_call()
        yield 2

    async def run() -> None:
        with pulse.session("outer"):
            outside = otel_context.get_current()
            reader: Any = generator() if kind == "generator" else async_generator()
            for _ in range(2):
                _ = next(reader) if kind == "generator" else await anext(reader)
                assert otel_context.get_current() is outside
                make_call()
            if kind == "generator":
                reader.close()
            else:
                await reader.aclose()
            assert otel_context.get_current() is outside

    asyncio.run(run())
    assert [span.attributes[SESSION] for span in instrumented.spans] == ["inner", "outer"] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_exception_passes_through_a_session_decorator(instrumented: Recorded, kind: str) -> None:
    error = ValueError("theirs")

    def fail() -> None:
        raise error

    before = otel_context.get_current()
    with pytest.raises(ValueError, match="theirs") as raised:
        consumed(kind, decorated(kind, pulse.session("s-1"), fail))
    assert raised.value is error
    assert otel_context.get_current() == before
    assert instrumented.spans == []


def test_tasks_share_one_session_object(instrumented: Recorded) -> None:
    shared = pulse.session(tags=["shared"])
    both = asyncio.Barrier(2)

    async def work(name: str) -> None:
        async with pulse.session(name), shared:
            await both.wait()
            make_call()
            await both.wait()
        assert otel_context.get_current() == {}

    async def run() -> None:
        await asyncio.gather(work("a"), work("b"))

    asyncio.run(run())
    found = {span.attributes[SESSION]: span.attributes["pulse.tags"] for span in instrumented.spans}
    assert found == {"a": ("shared",), "b": ("shared",)}


@pytest.mark.parametrize("kind", KINDS)
def test_decorator_with_unusable_facts_changes_nothing(instrumented: Recorded, kind: str) -> None:
    bad: Any = 7
    consumed(kind, decorated(kind, pulse.session("s-1", metadata=bad), make_call))
    assert [SESSION in span.attributes for span in instrumented.spans] == [False] * len(instrumented.spans)
