"""`trace()` and `tool()`: spans above model calls, around blocks and functions of every kind."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import json
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import SpanKind, StatusCode
from tests.instrumentation.recorded import Recorded, SpanValue
from tests.support.llm_bodies import chat_chunks, completion
from tests.support.llm_clients import openai_client
from tests.support.llm_http import FakeProvider, event_answer, json_answer

import pulse_instrumentation as pulse
from pulse_instrumentation.work import api, spans

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
    """The name of each span with that of its parent."""
    found = {span.context.span_id: span.name for span in recorded.raw if span.context}
    return {span.name: found[span.parent.span_id] if span.parent else None for span in recorded.raw}


def decorated(kind: str, decorate: Callable[[Any], Any], body: Callable[..., Any] = lambda *_: None) -> Any:
    """A function of a kind that calls the body, and returns or yields what that returns."""

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


def _same(value: Any) -> Any:
    return value


def _weather(city: Any) -> Any:
    return {"city": city, "sun": True}


def consumed(kind: str, function: Any, *args: Any) -> Any:
    """What a function of a kind gives, read to its end."""

    async def run() -> Any:
        if kind == "coroutine":
            return await function(*args)
        return [item async for item in function(*args)]

    if kind in {"coroutine", "async generator"}:
        return asyncio.run(run())
    return function(*args) if kind == "plain" else list(function(*args))


def test_calls_of_a_block_share_a_trace(instrumented: Recorded) -> None:
    with pulse.session("s-1", user_id="u-1", tags=["beta"]), pulse.trace("answer question"):
        client().chat.completions.create(**CHAT)
        client().chat.completions.create(**CHAT)
    first, second, outer = instrumented.raw
    assert first.parent == second.parent == outer.context
    facts = {"gen_ai.conversation.id": "s-1", "session.id": "s-1", "user.id": "u-1", "pulse.tags": ("beta",)}
    assert instrumented.spans[2] == workflow("answer question", attributes=facts)
    times = [outer.start_time, first.start_time, second.end_time, outer.end_time]
    assert times == sorted(time or 0 for time in times)


def test_an_agent_is_one_tree(instrumented: Recorded) -> None:
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
def test_function_stays_what_it_is(instrumented: Recorded, kind: str) -> None:
    bare = decorated(kind, lambda function: function)
    for decorate in (pulse.trace, pulse.trace("x"), pulse.trace(), pulse.tool, pulse.tool("y")):
        function = decorated(kind, decorate)
        assert type(function) is type(bare)
        for check in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
            assert check(function) is check(bare)
        assert inspect.signature(function) == inspect.signature(bare)
        assert (function.__name__, function.__doc__) == (bare.__name__, bare.__doc__)


@pytest.mark.parametrize("kind", KINDS)
def test_each_call_of_a_function_has_a_span_of_its_own(instrumented: Recorded, kind: str) -> None:
    function = decorated(kind, pulse.trace("work"), lambda: client().chat.completions.create(**CHAT).id)
    once = consumed(kind, function)
    assert once == (["chatcmpl-1"] * 2 if "generator" in kind else "chatcmpl-1")
    consumed(kind, function)
    works = [span for span in instrumented.raw if span.name == "work"]
    calls = [span for span in instrumented.raw if span.name == "chat gpt-4o"]
    assert len(works) == 2
    assert len({span.parent.span_id for span in calls if span.parent}) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_tool_records_arguments_and_result(instrumented: Recorded, kind: str) -> None:
    function = decorated(kind, pulse.tool("look up"), _weather)
    consumed(kind, function, "Bern")
    given = {"city": "Bern", "sun": True}
    result = json.dumps(["<dict>"] * 2 if "generator" in kind else given, separators=(",", ":"))
    assert instrumented.spans == [
        execution("look up", attributes={ARGUMENTS: '{"args":["Bern"]}', RESULT: result})
    ]


@pytest.mark.parametrize("mode", ["off", "metadata"])
@pytest.mark.parametrize("kind", KINDS)
def test_tool_records_no_content_unless_captured(instrumented: Recorded, kind: str, mode: Any) -> None:
    function = decorated(kind, pulse.tool("look up"), _same)
    with pulse.capture_content(mode):
        consumed(kind, function, "secret")
        with pulse.tool("block", arguments={"a": "secret"}) as block:
            block.record_result("secret")
        with pytest.raises(ValueError, match="secret"), pulse.trace("fails"):
            raise ValueError("secret")
    assert "secret" not in str(instrumented.spans)
    assert [span.attributes.get("error.type") for span in instrumented.spans] == [None, None, "ValueError"]


def test_tool_block_records_what_it_is_given(instrumented: Recorded) -> None:
    with pulse.tool("look up", arguments={"city": "Bern"}, call_id="call_1") as tool:
        tool.record_result("sunny")
    facts = {"gen_ai.tool.call.id": "call_1", ARGUMENTS: '{"city":"Bern"}', RESULT: "sunny"}
    assert instrumented.spans == [execution("look up", attributes=facts)]


def test_async_block(instrumented: Recorded) -> None:
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
    """Derived from BaseException, and not to be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [ValueError("it broke"), KeyboardInterrupt(), Broken(), SystemExit(3)])
@pytest.mark.parametrize("kind", KINDS)
def test_exception_is_recorded_and_raised_as_it_is(
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


def test_exit_of_the_process_in_good_order_is_no_error(instrumented: Recorded) -> None:
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


@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_reader_of_a_generator_is_outside_its_span(instrumented: Recorded, kind: str) -> None:
    @pulse.trace("generator")
    def generator() -> Generator[int]:
        with pulse.trace("within"):
            yield 1
            client().chat.completions.create(**CHAT)
            yield 2
        client().embeddings.create  # noqa: B018
        with pulse.trace("after"):
            yield 3

    @pulse.trace("generator")
    async def async_generator() -> AsyncGenerator[int]:
        with pulse.trace("within"):
            yield 1
            await client("async").chat.completions.create(**CHAT)
            yield 2
        with pulse.trace("after"):
            yield 3

    async def run() -> list[int]:
        seen: list[int] = []
        with pulse.trace("reader"):
            outside = otel_context.get_current()
            if kind == "generator":
                for item in generator():
                    assert otel_context.get_current() is outside
                    seen.append(item)
            else:
                async for item in async_generator():
                    assert otel_context.get_current() is outside
                    seen.append(item)
            assert otel_context.get_current() is outside
        return seen

    assert asyncio.run(run()) == [1, 2, 3]
    assert tree(instrumented) == {
        "chat gpt-4o": "within",
        "within": "generator",
        "after": "generator",
        "generator": "reader",
        "reader": None,
    }


def test_generator_passes_everything_on(instrumented: Recorded) -> None:
    @pulse.trace("work")
    def work(start: int) -> Generator[int, int, str]:
        total = start
        while total < 10:
            try:
                total += yield total
            except KeyError:
                total += 100
        return "done"

    generator = work(1)
    assert inspect.isgenerator(generator)
    assert next(generator) == 1
    assert generator.send(2) == 3
    with pytest.raises(StopIteration) as stopped:
        generator.throw(KeyError("x"))
    assert stopped.value.value == "done"
    assert instrumented.spans == [workflow("work")]


def test_async_generator_passes_everything_on(instrumented: Recorded) -> None:
    @pulse.trace("work")
    async def work() -> AsyncGenerator[Any, Any]:
        got = None
        while True:
            try:
                got = yield got
            except KeyError as error:
                got = error.args

    async def run() -> None:
        generator = work()
        assert await anext(generator) is None
        assert await generator.asend(5) == 5
        assert await generator.athrow(KeyError("x")) == ("x",)
        await generator.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(generator)

    asyncio.run(run())
    assert instrumented.spans == [workflow("work")]


@pytest.mark.parametrize("leave", ["closed", "dropped", "abandoned loop"])
@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_generator_that_is_left_ends_its_span_and_cleans_up(
    instrumented: Recorded, kind: str, leave: str, caplog: pytest.LogCaptureFixture
) -> None:
    cleaned: list[bool] = []

    @pulse.tool("work")
    def generator() -> Generator[int]:
        try:
            with pulse.trace("within"):
                yield 1
                yield 2
        finally:
            cleaned.append(True)

    @pulse.tool("work")
    async def async_generator() -> AsyncGenerator[int]:
        try:
            with pulse.trace("within"):
                yield 1
                yield 2
        finally:
            cleaned.append(True)

    async def run() -> None:
        reader: Any = generator() if kind == "generator" else async_generator()
        assert (next(reader) if kind == "generator" else await anext(reader)) == 1
        if leave == "closed":
            if kind == "generator":
                reader.close()
            else:
                await reader.aclose()
        elif leave == "dropped":
            del reader
            gc.collect()
            await asyncio.sleep(0)

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
        gc.collect()
    assert cleaned == [True]
    assert caplog.records == []
    # A loop that ends cancels what closes the generators that are left.
    cancelled = kind == "async generator" and leave == "abandoned loop"
    status = StatusCode.ERROR if cancelled else StatusCode.UNSET
    assert [span.status for span in instrumented.spans] == [status] * 2
    assert tree(instrumented) == {"within": "execute_tool work", "execute_tool work": None}
    assert {span.attributes.get(RESULT) for span in instrumented.spans} <= {None, "[1]"}


def test_generator_that_is_never_read_has_no_span(instrumented: Recorded) -> None:
    decorated("generator", pulse.trace("work"))()
    gc.collect()
    assert instrumented.spans == []


def test_generator_read_in_other_threads_and_contexts(
    instrumented: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    @pulse.trace("work")
    def work() -> Generator[int]:
        with pulse.trace("within"):
            yield 1
        client().chat.completions.create(**CHAT)
        yield 2

    reader = work()
    read: list[int] = []
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            thread = threading.Thread(target=lambda: read.append(next(reader)))
            thread.start()
            thread.join()
        assert contextvars.Context().run(list, reader) == []
    assert (read, caplog.records) == ([1, 2], [])
    assert tree(instrumented) == {"within": "work", "chat gpt-4o": "work", "work": None}


def test_stream_in_a_generator_is_a_child(instrumented: Recorded) -> None:
    @pulse.trace("answer")
    def answer() -> Generator[str]:
        streamed = openai_client(FakeProvider(event_answer(chat_chunks("Hel", "lo"), done=True)))
        for chunk in streamed.chat.completions.create(**CHAT, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    assert list(answer()) == ["Hel", "lo"]
    assert tree(instrumented) == {"chat gpt-4o": "answer", "answer": None}


def test_tasks_share_one_object(instrumented: Recorded) -> None:
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


@dataclass
class Weather:
    city: str
    degrees: float


class Hostile:
    """Raises at every use."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (None, "null"),
        (Weather("Bern", 21.5), '{"city":"Bern","degrees":21.5}'),
        ([float("nan"), {1: (2,)}], '["nan",{"1":[2]}]'),
        (Hostile(), "<Hostile>"),
        (iter([1]), "<list_iterator>"),
        (b"bytes", "<bytes>"),
    ],
    ids=range(7),
)
def test_result_of_any_kind_is_returned_and_recorded(
    instrumented: Recorded, value: Any, expected: str
) -> None:
    assert pulse.tool("look up")(lambda: value)() is value
    assert instrumented.attributes[RESULT] == expected


def test_result_without_end_is_cut(instrumented: Recorded) -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in ("long " * 1_000_000, list(range(1_000_000)), endless):
        pulse.tool("look up")(lambda value=value: value)()
    assert all(len(span.attributes[RESULT]) <= 64 * 1024 for span in instrumented.spans)


def test_one_shot_iterator_among_the_arguments_is_left_full(instrumented: Recorded) -> None:
    assert pulse.tool("sum")(sum)(iter([1, 2])) == 3
    assert instrumented.attributes[RESULT] == "3"


def test_methods_and_wrong_arguments(instrumented: Recorded) -> None:
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


def test_decorators_between_and_partials(instrumented: Recorded) -> None:
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
    [type("Odd", (), {}), type("Odd", (), {"__call__": _same})(), functools.lru_cache(lambda: 5)],
)
def test_what_is_no_function_is_left_as_it_is(instrumented: Recorded, odd: Any) -> None:
    assert pulse.trace("x")(odd) is odd
    odd()
    assert instrumented.spans == []


@pytest.mark.parametrize("place", ["start", "content_value", "error_words"])
@pytest.mark.parametrize("kind", KINDS)
def test_failure_of_ours_changes_nothing(
    instrumented: Recorded, monkeypatch: pytest.MonkeyPatch, kind: str, place: str
) -> None:
    def fails(*_args: object, **_kwargs: object) -> Any:
        raise RuntimeError("ours is broken")

    if place == "start":
        monkeypatch.setattr(spans, "session_attributes", fails)
    else:
        monkeypatch.setattr(spans, place, fails)
    function = decorated(kind, pulse.tool("work"), _same)
    assert consumed(kind, function, 7) == ([7, 7] if "generator" in kind else 7)
    with pytest.raises(ValueError, match="theirs"), pulse.trace("block"):
        raise ValueError("theirs")


def test_nothing_is_recorded_where_it_is_suppressed(instrumented: Recorded) -> None:
    with suppress_instrumentation(), pulse.trace("work"):
        consumed("async generator", decorated("async generator", pulse.trace("work")))
    assert instrumented.spans == []


def test_without_a_provider_the_applications_span_stays_current(recorded: Recorded) -> None:
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


def test_provider_that_is_named_is_used(instrumented: Recorded) -> None:
    from tests.instrumentation.recorded import recording_provider

    other = recording_provider()
    with pulse.trace("work", tracer_provider=other.provider):
        pass
    assert (other.spans, instrumented.spans) == ([workflow("work")], [])


def test_names_of_any_kind(instrumented: Recorded) -> None:
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
