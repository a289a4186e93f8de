"""`observe(client)`: only this client and its copies are recorded."""

from __future__ import annotations

import copy
from typing import Any, cast

import openai
import pytest
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import completion, message
from tests.support.llm_clients import KINDS, anthropic_client, openai_client, result_of
from tests.support.llm_http import FakeProvider, json_answer

import pulse_instrumentation as pulse
from pulse_instrumentation import PulseOpenAIInstrumentor

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}


def answers(count: int) -> FakeProvider:
    return FakeProvider(*(json_answer(completion()) for _ in range(count)))


@pytest.mark.parametrize("kind", KINDS)
def test_observed_client_is_the_same_object_and_recorded(recorded: Recorded, kind: str) -> None:
    client = openai_client(answers(1), kind)
    assert pulse.observe(client, tracer_provider=recorded.provider) is client
    result_of(client.chat.completions.create(**CHAT))
    assert recorded.only.name == "chat gpt-4o"


def test_other_clients_stay_unrecorded(recorded: Recorded) -> None:
    provider = answers(2)
    observed, other = openai_client(provider), openai_client(provider)
    pulse.observe(observed, tracer_provider=recorded.provider)
    other.chat.completions.create(**CHAT)
    assert recorded.spans == []
    observed.chat.completions.create(**CHAT)
    assert len(recorded.spans) == 1


def test_copies_of_an_observed_client_are_observed(recorded: Recorded) -> None:
    client = openai_client(answers(4))
    pulse.observe(client, tracer_provider=recorded.provider)
    client.with_options(timeout=3).chat.completions.create(**CHAT)
    client.copy().copy().chat.completions.create(**CHAT)
    duplicate = copy.copy(client)
    duplicate.chat.completions.create(**CHAT)
    client.with_raw_response.chat.completions.create(**CHAT)
    assert len(recorded.spans) == 4


def test_copies_of_other_clients_stay_unrecorded(recorded: Recorded) -> None:
    provider = answers(1)
    pulse.observe(openai_client(provider), tracer_provider=recorded.provider)
    openai_client(provider).with_options(timeout=3).chat.completions.create(**CHAT)
    assert recorded.spans == []


def test_observed_anthropic_client_is_recorded_with_content(recorded: Recorded) -> None:
    client = anthropic_client(FakeProvider(json_answer(message())))
    pulse.observe(client, tracer_provider=recorded.provider)
    client.messages.create(model="m", max_tokens=1, messages=CHAT["messages"])
    assert "gen_ai.input.messages" in recorded.attributes


def test_observed_client_of_an_instrumented_process_is_recorded_once(
    instrumented: Recorded,
) -> None:
    client = openai_client(answers(1))
    pulse.observe(client, tracer_provider=instrumented.provider)
    client.chat.completions.create(**CHAT)
    assert len(instrumented.spans) == 1


def test_observing_twice_records_once_with_the_later_settings(recorded: Recorded) -> None:
    client = openai_client(answers(1))
    pulse.observe(client, tracer_provider=recorded.provider)
    pulse.observe(client, "openrouter", tracer_provider=recorded.provider, capture_content=False)
    client.chat.completions.create(**CHAT)
    attributes = recorded.attributes
    assert attributes["gen_ai.provider.name"] == "openrouter"
    assert "gen_ai.input.messages" not in attributes


@pytest.mark.parametrize("kind", KINDS)
def test_client_class_that_overrides_request_is_recorded_once(instrumented: Recorded, kind: str) -> None:
    """Applications derive such classes, and other instrumentations leave such methods on openai's classes."""

    class Sync(openai.OpenAI):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            return cast("Any", super()).request(*args, **kwargs)

    class Async(openai.AsyncOpenAI):
        async def request(self, *args: Any, **kwargs: Any) -> Any:
            return await cast("Any", super()).request(*args, **kwargs)

    provider = answers(2)
    if kind == "sync":
        client: Any = Sync(api_key="k", max_retries=0, http_client=provider.sync_client())
    else:
        client = Async(api_key="k", max_retries=0, http_client=provider.async_client())
    result_of(client.chat.completions.create(**CHAT))
    assert len(instrumented.spans) == 1
    pulse.observe(client, "mine", tracer_provider=instrumented.provider)
    if kind == "sync":
        client.chat.completions.create(**CHAT)
    else:
        client._client = provider.async_client()
        result_of(client.chat.completions.create(**CHAT))
    assert [span.attributes["gen_ai.provider.name"] for span in instrumented.spans] == ["openai", "mine"]


def test_client_that_cannot_be_hashed_is_recorded(recorded: Recorded) -> None:
    class Equal(openai.OpenAI):
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal)

    client = Equal(api_key="k", max_retries=0, http_client=answers(1).sync_client())
    instrumentor = PulseOpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=recorded.provider)
    try:
        client.chat.completions.create(**CHAT)
    finally:
        instrumentor.uninstrument()
    assert recorded.attributes["gen_ai.provider.name"] == "openai"


def test_object_that_is_not_a_client_is_returned_unchanged(caplog: pytest.LogCaptureFixture) -> None:
    class Mine:
        def request(self) -> None: ...

    for thing in (object(), Mine(), None, openai):
        assert pulse.observe(thing) is thing
    assert len(caplog.records) == 4
    assert all("observe()" in record.message for record in caplog.records)
