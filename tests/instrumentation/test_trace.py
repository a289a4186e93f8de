"""`trace()` and `tool()`: spans above model calls, around blocks and functions of every kind."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import Any

import pytest
from opentelemetry import trace as otel_trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import StatusCode
from tests.instrumentation.recorded import Recorded
from tests.instrumentation.work_spans import (
    ARGUMENTS,
    CHAT,
    KINDS,
    RESULT,
    Hostile,
    client,
    consumed,
    decorated,
    execution,
    same_value,
    tree,
    workflow,
)

import pulse_instrumentation as pulse
from pulse_instrumentation.work import api, spans


def test_calls_in_a_block_share_a_trace(instrumented: Recorded) -> None:
    with pulse.session("s-1", user_id="u-1", tags=["beta"]), pulse.trace("answer question"):
        client().chat.completions.create(**CHAT)
        client().chat.completions.create(**CHAT)
    first, second, outer = instrumented.raw
    assert first.parent == second.parent == outer.context
    facts = {"gen_ai.conversation.id": "s-1", "session.id": "s-1", "user.id": "u-1", "pulse.tags": ("beta",)}
    assert instrumented.spans[2] == workflow("answer question", attributes=facts)
    times = [outer.start_time, first.start_time, second.end_time, outer.end_time]
    assert times == sorted(time or 0 for time in times)


def test_agent_records_one_tree_of_spans(instrumented: Recorded) -> None:
    @pulse.tool
    def search(query: str, *, limit: int = 3) -> list[str]:
        client().embeddings  # noqa: B018
        return [query] * limit

    @pulse.trace("agent")
    async def agent() -> None:
        await client("async").chat.completions.create(**CHAT)
        with pulse.trace("research"):
            search("bern", limit=2)

    asyncio.run(agent())
    assert tree(instrumented) == {
        "chat gpt-4o": "agent",
        "execute_tool search": "research",
        "research": "agent",
        "agent": None,
    }
    facts = {ARGUMENTS: '{"query":"bern","limit":2}', RESULT: '["bern","bern"]'}
    found = next(span for span in instrumented.spans if span.name == "execute_tool search")
    assert found == execution("search", attributes=facts, parent=found.parent)


@pytest.mark.parametrize("kind", KINDS)
def test_decorated_function_keeps_kind_and_signature(instrumented: Recorded, kind: str) -> None:
    bare = decorated(kind, lambda function: function)
    for decorate in (pulse.trace, pulse.trace("x"), pulse.trace(), pulse.tool, pulse.tool("y")):
        function = decorated(kind, decorate)
        assert type(function) is type(bare)
        for check in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
            assert check(function) is check(bare)
        assert inspect.signature(function) == inspect.signature(bare)
        assert (function.__name__, function.__doc__) == (bare.__name__, bare.__doc__)


@pytest.mark.parametrize("kind", KINDS)
def test_each_call_of_a_function_has_its_own_span(instrumented: Recorded, kind: str) -> None:
    function = decorated(kind, pulse.trace("work"), lambda: client().chat.completions.create(**CHAT).id)
    once = consumed(kind, function)
    assert once == (["chatcmpl-1"] * 2 if "generator" in kind else "chatcmpl-1")
    consumed(kind, function)
    works = [span for span in instrumented.raw if span.name == "work"]
    calls = [span for span in instrumented.raw if span.name == "chat gpt-4o"]
    assert len(works) == 2
    assert len({span.parent.span_id for span in calls if span.parent}) == 2


def test_async_block_opens_a_span(instrumented: Recorded) -> None:
    async def run() -> None:
        async with pulse.trace("outer"), pulse.tool("inner"):
            await client("async").chat.completions.create(**CHAT)

    asyncio.run(run())
    assert tree(instrumented) == {
        "chat gpt-4o": "execute_tool inner",
        "execute_tool inner": "outer",
        "outer": None,
    }


class Broken(BaseException):
    """Derived from BaseException, with a `__str__` that raises."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [ValueError("it broke"), KeyboardInterrupt(), Broken(), SystemExit(3)])
@pytest.mark.parametrize("kind", KINDS)
def test_exception_is_recorded_and_raised_unchanged(
    instrumented: Recorded, kind: str, error: BaseException
) -> None:
    def body() -> None:
        raise error

    function = decorated(kind, pulse.trace("work"), body)
    with pytest.raises(type(error)) as raised:
        consumed(kind, function)
    assert raised.value is error
    (span,) = instrumented.spans
    assert (span.status, span.attributes["error.type"]) == (StatusCode.ERROR, type(error).__name__)
    assert span.message == (
        "it broke" if isinstance(error, ValueError) else "3" if isinstance(error, SystemExit) else None
    )


def test_system_exit_with_code_0_is_not_an_error(instrumented: Recorded) -> None:
    with pytest.raises(SystemExit), pulse.trace("work"):
        raise SystemExit(0)
    assert instrumented.spans == [workflow("work")]


def test_cancelled_coroutine_is_an_error_of_its_kind(instrumented: Recorded) -> None:
    @pulse.trace("work")
    async def work() -> None:
        await asyncio.Event().wait()

    async def run() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert instrumented.attributes["error.type"] == "CancelledError"


def test_tasks_share_one_trace_object(instrumented: Recorded) -> None:
    shared = pulse.trace("shared")
    both = asyncio.Barrier(2)

    async def work(name: str) -> None:
        with pulse.trace(name), shared:
            await both.wait()
            with pulse.trace(f"in {name}"):
                await both.wait()

    async def run() -> None:
        await asyncio.gather(work("a"), work("b"))

    asyncio.run(run())
    parents = {span.context.span_id: span for span in instrumented.raw if span.context}
    for name in ("a", "b"):
        inner = next(span for span in instrumented.raw if span.name == f"in {name}")
        assert inner.parent is not None
        middle = parents[inner.parent.span_id]
        assert middle.parent is not None
        assert (middle.name, parents[middle.parent.span_id].name) == ("shared", name)


def test_tool_on_methods_and_with_wrong_arguments(instrumented: Recorded) -> None:
    class Tools:
        @pulse.tool
        def own(self, city: str) -> str:
            return city

        @pulse.tool
        @classmethod
        def of_class(cls, city: str) -> str:
            return city

        @pulse.tool("renamed")
        @staticmethod
        def static(city: str) -> str:
            return city

    tools = Tools()
    assert (tools.own("a"), tools.of_class("b"), Tools.static("c")) == ("a", "b", "c")
    wrong: Any = tools.own
    with pytest.raises(TypeError, match="positional"):
        wrong(1, 2, 3)
    names = [span.name for span in instrumented.spans]
    assert names == ["execute_tool own", "execute_tool of_class", "execute_tool renamed", "execute_tool own"]
    assert [span.attributes[ARGUMENTS] for span in instrumented.spans[:3]] == [
        '{"city":"a"}',
        '{"city":"b"}',
        '{"city":"c"}',
    ]


def test_tool_on_plain_wrappers_and_partials_of_coroutines(instrumented: Recorded) -> None:
    async def work(city: str) -> str:
        await client("async").chat.completions.create(**CHAT)
        return city

    def plain(*args: Any) -> Any:
        return work(*args)

    for function in (plain, functools.partial(work, "Bern")):
        traced = pulse.tool("work")(function)
        arguments = ("Bern",) if function is plain else ()
        assert asyncio.run(traced(*arguments)) == "Bern"
    assert [span.attributes[RESULT] for span in instrumented.spans if span.name == "execute_tool work"] == [
        "Bern"
    ] * 2
    assert tree(instrumented)["chat gpt-4o"] == "execute_tool work"


@pytest.mark.parametrize(
    "odd",
    [type("Odd", (), {}), type("Odd", (), {"__call__": same_value})(), functools.lru_cache(lambda: 5)],
)
def test_object_that_is_not_a_function_is_returned_unchanged(instrumented: Recorded, odd: Any) -> None:
    assert pulse.trace("x")(odd) is odd
    odd()
    assert instrumented.spans == []


@pytest.mark.parametrize("place", ["start", "content_value", "error_words"])
@pytest.mark.parametrize("kind", KINDS)
def test_failure_inside_trace_does_not_change_the_result(
    instrumented: Recorded, monkeypatch: pytest.MonkeyPatch, kind: str, place: str
) -> None:
    def fails(*_args: object, **_kwargs: object) -> Any:
        raise RuntimeError("ours is broken")

    if place == "start":
        monkeypatch.setattr(spans, "session_attributes", fails)
    else:
        monkeypatch.setattr(spans, place, fails)
    function = decorated(kind, pulse.tool("work"), same_value)
    assert consumed(kind, function, 7) == ([7, 7] if "generator" in kind else 7)
    with pytest.raises(ValueError, match="theirs"), pulse.trace("block"):
        raise ValueError("theirs")


def test_suppressed_block_records_nothing(instrumented: Recorded) -> None:
    with suppress_instrumentation(), pulse.trace("work"):
        consumed("async generator", decorated("async generator", pulse.trace("work")))
    assert instrumented.spans == []


def test_trace_without_provider_keeps_the_current_span(recorded: Recorded) -> None:
    tracer = recorded.provider.get_tracer("app")
    with tracer.start_as_current_span("own") as own:
        with pulse.trace("work"):
            assert otel_trace.get_current_span() is own
        function = decorated("async generator", pulse.trace("work"), otel_trace.get_current_span)
        assert consumed("async generator", function) == [own, own]


def test_provider_of_an_observed_client_is_used(recorded: Recorded) -> None:
    observed = pulse.observe(client(), tracer_provider=recorded.provider)
    with pulse.trace("work"):
        observed.chat.completions.create(**CHAT)
    assert tree(recorded) == {"chat gpt-4o": "work", "work": None}


def test_tracer_provider_argument_is_used(instrumented: Recorded) -> None:
    from tests.instrumentation.recorded import recording_provider

    other = recording_provider()
    with pulse.trace("work", tracer_provider=other.provider):
        pass
    assert (other.spans, instrumented.spans) == ([workflow("work")], [])


def test_names_of_any_type(instrumented: Recorded) -> None:
    odd: Any = 7
    with pulse.trace(odd), pulse.trace(), pulse.trace("half \ud83d"), pulse.tool(Hostile()):  # type: ignore[call-overload]
        pass
    assert sorted(span.name for span in instrumented.spans) == [
        "7",
        "execute_tool unnamed",
        "half ?",
        "trace",
    ]
    assert api.__doc__
