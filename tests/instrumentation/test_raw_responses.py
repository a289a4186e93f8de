"""`with_raw_response` and `with_streaming_response`: the client's objects stay unchanged and are recorded."""

from __future__ import annotations

import asyncio
import gc
import pickle
from typing import Any, cast

import pytest
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import chat_chunks, completion, message, message_events
from tests.support.llm_clients import KINDS, anthropic_client, openai_client, result_of
from tests.support.llm_http import FakeProvider, event_answer, json_answer

from pulse_instrumentation import PulseOpenAIInstrumentor

MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES}
HELLO = [{"type": "text", "content": "Hello"}]


def output(recorded: Recorded) -> Any:
    return recorded.attributes["gen_ai.output.messages"][0]["parts"]


@pytest.mark.parametrize("kind", KINDS)
def test_raw_response_is_recorded_before_it_is_parsed(instrumented: Recorded, kind: str) -> None:
    client = openai_client(FakeProvider(json_answer(completion())), kind)
    raw = result_of(client.chat.completions.with_raw_response.create(**CHAT))
    assert output(instrumented) == HELLO
    assert raw.parse().choices[0].message.content == "Hello"


@pytest.mark.parametrize("kind", KINDS)
def test_anthropic_raw_response_is_recorded(instrumented: Recorded, kind: str) -> None:
    client = anthropic_client(FakeProvider(json_answer(message())), kind)
    result_of(client.messages.with_raw_response.create(model="m", max_tokens=1, messages=MESSAGES))
    assert output(instrumented) == HELLO
    assert instrumented.attributes["gen_ai.usage.input_tokens"] == 2109


def test_raw_response_with_a_stream_is_recorded_when_its_stream_is_read(
    instrumented: Recorded,
) -> None:
    answer = event_answer(chat_chunks("Hel", "lo"), done=True)
    client = openai_client(FakeProvider(answer))
    raw = client.chat.completions.with_raw_response.create(**CHAT, stream=True)
    assert instrumented.spans == []
    assert len(list(raw.parse())) == 5
    assert output(instrumented) == HELLO
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 7


def read_all(response: Any, reader: str) -> Any:
    """Read a response by one of its methods."""
    if reader == "parse":
        return response.parse().id
    if reader == "bytes":
        return b"".join(response.iter_bytes())
    return list(response.iter_lines()) if reader == "lines" else getattr(response, reader)()


@pytest.mark.parametrize("reader", ["parse", "json", "read", "bytes", "lines"])
def test_streaming_response_is_recorded_by_every_reader(instrumented: Recorded, reader: str) -> None:
    client = openai_client(FakeProvider(json_answer(completion())))
    with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        assert read_all(response, reader)
    assert output(instrumented) == HELLO


def test_streaming_response_with_events_is_recorded_from_its_lines(
    instrumented: Recorded,
) -> None:
    answer = event_answer(message_events("Hel", "lo"))
    client = anthropic_client(FakeProvider(answer))
    with client.messages.with_streaming_response.create(
        model="m", max_tokens=1, messages=MESSAGES, stream=True
    ) as response:
        assert list(response.iter_lines())
    assert output(instrumented) == HELLO
    assert instrumented.attributes["gen_ai.usage.output_tokens"] == 12


def test_async_streaming_response_is_recorded(instrumented: Recorded) -> None:
    async def run() -> None:
        client = openai_client(FakeProvider(json_answer(completion())), "async")
        create = client.chat.completions.with_streaming_response.create
        async with create(**CHAT) as response:
            parsed = await response.parse()
            assert parsed.choices[0].message.content == "Hello"

    asyncio.run(run())
    assert output(instrumented) == HELLO


def test_streaming_response_that_is_not_read_ends_its_span(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer(completion())))
    with client.chat.completions.with_streaming_response.create(**CHAT):
        pass
    assert "gen_ai.output.messages" not in instrumented.attributes


def test_dropped_raw_stream_ends_its_span(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(event_answer(chat_chunks("Hi"))))
    raw = client.chat.completions.with_raw_response.create(**CHAT, stream=True)
    del raw
    gc.collect()
    assert instrumented.attributes["pulse.stream.closed_early"] is True


def test_read_response_has_no_attributes_of_pulse(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer(completion())))
    with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        response.read()
    names = set[str](cast("dict[str, Any]", vars(response.http_response)))
    assert not names & {"close", "aclose", "iter_bytes", "aiter_bytes"}
    assert pickle.loads(pickle.dumps(response.http_response)).content == response.read()


def test_cached_raw_methods_record_nothing_after_uninstrument(recorded: Recorded) -> None:
    provider = FakeProvider(*(json_answer(completion()) for _ in range(2)))
    client = openai_client(provider)
    cached = client.chat.completions.with_raw_response
    instrumentor = PulseOpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=recorded.provider)
    cached.create(**CHAT)
    instrumentor.uninstrument()
    cached.create(**CHAT)
    assert len(recorded.spans) == 1
