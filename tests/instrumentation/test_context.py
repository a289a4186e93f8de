"""The context of a call: its parent span, the current span during the request and between chunks."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import chat_chunks, completion, message_events
from tests.support.llm_clients import KINDS, anthropic_client, openai_client, result_of
from tests.support.llm_http import FakeProvider, event_answer, json_answer

import pulse_instrumentation as pulse

MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES}


@pytest.mark.parametrize("kind", KINDS)
def test_span_is_current_during_the_request_and_not_after(instrumented: Recorded, kind: str) -> None:
    current: list[int] = []
    provider = FakeProvider(json_answer(completion()))
    provider.during_request = lambda: current.append(trace.get_current_span().get_span_context().span_id)
    client = openai_client(provider, kind)
    tracer = instrumented.provider.get_tracer("app")
    with tracer.start_as_current_span("work") as work:
        result_of(client.chat.completions.create(**CHAT))
        assert trace.get_current_span() is work
    call, _ = instrumented.raw
    assert call.context is not None
    assert current == [call.context.span_id]
    assert call.parent == work.get_span_context()


@pytest.mark.parametrize("kind", KINDS)
def test_callers_context_is_unchanged_between_chunks(instrumented: Recorded, kind: str) -> None:
    tracer = instrumented.provider.get_tracer("app")
    seen: list[bool] = []

    async def read(stream: Any, work: Any) -> None:
        if kind == "async":
            async for _ in await stream:
                seen.append(trace.get_current_span() is work)
        else:
            for _ in stream:
                seen.append(trace.get_current_span() is work)

    async def run() -> None:
        client = openai_client(FakeProvider(event_answer(chat_chunks("a", "b"))), kind)
        with tracer.start_as_current_span("work") as work:
            before = context.get_current()
            await read(client.chat.completions.create(**CHAT, stream=True), work)
            assert context.get_current() == before

    asyncio.run(run())
    assert seen == [True] * 5


def test_anthropic_stream_helper_restores_the_context(instrumented: Recorded) -> None:
    client = anthropic_client(FakeProvider(event_answer(message_events("Hi"))))
    before = context.get_current()
    with client.messages.stream(model="m", max_tokens=1, messages=MESSAGES) as stream:
        assert context.get_current() == before
        for _ in stream:
            assert context.get_current() == before
    assert context.get_current() == before


def test_stream_read_to_its_end_by_another_task_logs_nothing(
    instrumented: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        client = openai_client(FakeProvider(event_answer(chat_chunks("a", "b"))), "async")
        stream = await client.chat.completions.create(**CHAT, stream=True)
        await stream.__anext__()

        async def rest() -> int:
            return len([chunk async for chunk in stream])

        loop = asyncio.get_running_loop()
        assert await loop.create_task(rest(), context=contextvars.Context()) == 4

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert caplog.records == []
    assert instrumented.attributes["gen_ai.response.finish_reasons"] == ("stop",)


def test_suppressed_calls_are_not_recorded(instrumented: Recorded) -> None:
    provider = FakeProvider(*(json_answer(completion()) for _ in range(2)))
    client = openai_client(provider)
    with suppress_instrumentation():
        client.chat.completions.create(**CHAT)
    token = context.attach(context.set_value("suppress_language_model_instrumentation", True))
    client.chat.completions.create(**CHAT)
    context.detach(token)
    assert instrumented.spans == []


def test_call_recorded_by_another_client_instrumentor_is_not_recorded(
    instrumented: Recorded,
) -> None:
    provider = FakeProvider(*(json_answer(completion()) for _ in range(2)))
    client = openai_client(provider)
    other = instrumented.provider.get_tracer("opentelemetry.instrumentation.genai.openai")
    attributes = {"gen_ai.operation.name": "chat"}
    with other.start_as_current_span("chat gpt-4o", attributes=attributes):
        client.chat.completions.create(**CHAT)
    mine = instrumented.provider.get_tracer("my.app")
    with mine.start_as_current_span("chat gpt-4o", attributes=attributes):
        client.chat.completions.create(**CHAT)
    scopes = [span.instrumentation_scope for span in instrumented.raw]
    assert [scope.name for scope in scopes if scope] == [
        "opentelemetry.instrumentation.genai.openai",
        "pulse.instrumentation",
        "my.app",
    ]


def test_nested_sessions_are_merged_on_every_call(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(*(json_answer(completion()) for _ in range(3))))
    with pulse.session("chat-42", user_id="u1", tags=["beta"], metadata={"plan": "pro", "n": 1}):
        client.chat.completions.create(**CHAT)
        with pulse.session(tags=["eval"], metadata={"plan": "free", "list": [1]}):
            client.chat.completions.create(**CHAT)
    client.chat.completions.create(**CHAT)
    names = ("gen_ai.conversation.id", "session.id", "user.id", "pulse.tags")

    def facts(attributes: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in attributes.items()
            if name in names or name.startswith("pulse.metadata.")
        }

    who = {"gen_ai.conversation.id": "chat-42", "session.id": "chat-42", "user.id": "u1"}
    assert [facts(span.attributes) for span in instrumented.spans] == [
        {**who, "pulse.tags": ("beta",), "pulse.metadata.plan": "pro", "pulse.metadata.n": 1},
        {
            **who,
            "pulse.tags": ("beta", "eval"),
            "pulse.metadata.plan": "free",
            "pulse.metadata.n": 1,
            "pulse.metadata.list": "[1]",
        },
        {},
    ]


def test_metadata_beyond_the_attribute_limit_removes_no_other_attribute(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer(completion())))
    client.chat.completions.create(**CHAT)
    alone = instrumented.attributes
    instrumented.exporter.clear()
    client = openai_client(FakeProvider(json_answer(completion())))
    with pulse.session("s-1", user_id="u1", tags=["beta"], metadata={f"k{n}": n for n in range(200)}):
        client.chat.completions.create(**CHAT)
    who = {"gen_ai.conversation.id": "s-1", "session.id": "s-1", "user.id": "u1", "pulse.tags": ("beta",)}
    attributes = instrumented.attributes
    assert len(attributes) == 128
    assert {**alone, **who}.items() <= attributes.items()


def test_session_reaches_tasks_and_threads_started_within(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(*(json_answer(completion()) for _ in range(2))))

    async def run() -> None:
        with pulse.session("s-1"):
            in_thread = asyncio.to_thread(client.chat.completions.create, **CHAT)
            in_task = asyncio.create_task(in_thread)
        await in_task

    asyncio.run(run())
    assert instrumented.attributes["session.id"] == "s-1"


def test_session_with_unusable_facts_records_the_call_without_them(instrumented: Recorded) -> None:
    bad: Any = 7
    client = openai_client(FakeProvider(json_answer(completion())))
    with pulse.session("s-1", tags=bad, metadata={"self": object()}):
        client.chat.completions.create(**CHAT)
    assert "session.id" not in instrumented.attributes


def test_session_is_in_baggage_only_with_baggage_true(instrumented: Recorded) -> None:
    with pulse.session("s-1", user_id="u-1"):
        assert baggage.get_all() == {}
    with pulse.session("s-1", user_id="u-1", baggage=True):
        assert baggage.get_all() == {"session.id": "s-1", "user.id": "u-1"}


def test_session_with_baggage_true_reads_incoming_baggage(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(*(json_answer(completion()) for _ in range(2))))
    token = context.attach(baggage.set_baggage("session.id", "from-far"))
    client.chat.completions.create(**CHAT)
    with pulse.session(baggage=True):
        client.chat.completions.create(**CHAT)
    context.detach(token)
    found = [span.attributes.get("session.id") for span in instrumented.spans]
    assert found == [None, "from-far"]
