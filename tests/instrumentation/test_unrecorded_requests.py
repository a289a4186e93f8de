"""Requests that are not model calls, and unexpected values, are sent unchanged."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import completion, embedding, message, response
from tests.support.llm_clients import anthropic_client, openai_client
from tests.support.llm_http import FakeProvider, event_answer, json_answer

MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]
ASKED = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]


@pytest.mark.parametrize(
    "path",
    [
        "/batches",
        "/files",
        "/fine_tuning/jobs",
        "/videos",
        "/vector_stores",
        "/evals/e1/runs",
        "/realtime/client_secrets",
        "/threads/t1/runs",
        "/threads/runs",
        "/responses/input_tokens",
        "/responses/r1/cancel",
        "/chat/completions/c1",
        "/something/new",
    ],
)
def test_other_requests_of_the_openai_client(instrumented: Recorded, path: str) -> None:
    answer = {"id": "x_1", "usage": {"total_tokens": 9, "input_tokens": 5}, "model": "gpt-4o"}
    provider = FakeProvider(json_answer(answer))
    client = openai_client(provider)
    assert client.post(path, cast_to=object, body={"model": "gpt-4o", "input": "Hi"}) == answer
    assert provider.bodies == [{"model": "gpt-4o", "input": "Hi"}]
    assert instrumented.spans == []


@pytest.mark.parametrize(
    "path", ["/v1/messages/count_tokens", "/v1/messages/batches", "/v1/files", "/v1/something/new"]
)
def test_other_requests_of_the_anthropic_client(instrumented: Recorded, path: str) -> None:
    answer = {"input_tokens": 9}
    client = anthropic_client(FakeProvider(json_answer(answer)))
    assert client.post(path, cast_to=object, body={"model": "claude"}) == answer
    assert instrumented.spans == []


def test_polled_background_response_counts_once(instrumented: Recorded) -> None:
    queued = response(status="queued", output=[], usage=None, background=True)
    client = openai_client(FakeProvider(*map(json_answer, [queued, queued, response()])))
    started = client.responses.create(model="gpt-4o", input="Hi", extra_body={"background": True})
    while started.status == "queued":
        started = client.responses.retrieve(started.id)
    assert started.usage.output_tokens == 7
    span = instrumented.only
    assert span.attributes["gen_ai.response.id"] == "resp_1"
    # The tokens were unknown when the call ended, so they are not recorded.
    assert not any(name.startswith("gen_ai.usage") for name in span.attributes)
    assert "gen_ai.response.finish_reasons" not in span.attributes


@pytest.mark.parametrize("sentinel", ["NOT_GIVEN", "omit"])
def test_sentinels_are_not_recorded(instrumented: Recorded, sentinel: str) -> None:
    for client, library, option in (
        (openai_client(FakeProvider(json_answer(completion()))).chat.completions, openai, "stop"),
        (anthropic_client(FakeProvider(json_answer(message()))).messages, anthropic, "stop_sequences"),
    ):
        absent: Any = getattr(library, sentinel, library.NOT_GIVEN)
        client.create(model="m", max_tokens=5, messages=MESSAGES, tools=absent, **{option: absent})
    first, second = instrumented.spans
    for span in (first, second):
        assert span.attributes["gen_ai.request.max_tokens"] == 5
        assert "gen_ai.request.stop_sequences" not in span.attributes
        assert "gen_ai.tool.definitions" not in span.attributes
        assert not any("NotGiven" in str(value) or "Omit" in str(value) for value in span.attributes.values())


def test_iterables_are_sent_and_recorded(instrumented: Recorded) -> None:
    provider = FakeProvider(json_answer(completion()), json_answer(embedding()))
    client = openai_client(provider)
    client.chat.completions.create(model="m", messages=(item for item in MESSAGES))
    client.embeddings.create(model="m", input=iter(["Hi"]), encoding_format="float")
    assert [body.get("messages") or body["input"] for body in provider.bodies] == [MESSAGES, ["Hi"]]
    assert [span.attributes["gen_ai.input.messages"] for span in instrumented.spans] == [ASKED] * 2


@pytest.mark.skipif(
    not hasattr(openai.types, "ImageGenCompletedEvent"), reason="this client streams no images"
)
def test_streamed_images_report_the_tokens_of_their_last_event(instrumented: Recorded) -> None:
    events: list[Any] = [
        {"type": "image_generation.partial_image", "b64_json": "aGk=", "partial_image_index": 0},
        {
            "type": "image_generation.completed",
            "b64_json": "aGk=",
            "usage": {"input_tokens": 5, "output_tokens": 90, "total_tokens": 95},
        },
    ]
    client = openai_client(FakeProvider(event_answer(events, done=True)))
    stream = client.post(
        "/images/generations",
        cast_to=object,
        body={"model": "gpt-image-1", "prompt": "A cat", "stream": True},
        stream=True,
        stream_cls=openai.Stream[Any],
    )
    assert len(list(stream)) == 2
    attributes = instrumented.attributes
    assert attributes["gen_ai.usage.input_tokens"] == 5
    assert attributes["gen_ai.usage.output_tokens"] == 90
    assert "aGk=" not in str(attributes)
