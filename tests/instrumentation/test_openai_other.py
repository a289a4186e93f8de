"""Embeddings, legacy completions, images, audio and moderations of the real openai client."""

from __future__ import annotations

from typing import Any

import pytest
from tests.instrumentation.recorded import Recorded, SpanValue
from tests.support.llm_bodies import embedding
from tests.support.llm_clients import KINDS, openai_client, result_of
from tests.support.llm_http import FakeProvider, event_answer, json_answer, raw_answer

SERVER = {
    "gen_ai.provider.name": "openai",
    "server.address": "api.openai.com",
    "server.port": 443,
}


@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_record_the_complete_span(instrumented: Recorded, kind: str) -> None:
    client = openai_client(FakeProvider(json_answer(embedding())), kind)
    call = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], encoding_format="float")
    assert result_of(call).data[0].embedding == [0.5, 0.25, 0.125]
    assert instrumented.spans == [
        SpanValue(
            "embeddings text-embedding-3-small",
            {
                **SERVER,
                "gen_ai.operation.name": "embeddings",
                "gen_ai.request.model": "text-embedding-3-small",
                "gen_ai.request.encoding_formats": ("float",),
                "gen_ai.response.model": "text-embedding-3-small",
                "gen_ai.usage.input_tokens": 5,
                "gen_ai.embeddings.dimension.count": 3,
                "gen_ai.input.messages": [
                    {
                        "role": "user",
                        "parts": [
                            {"type": "text", "content": "a"},
                            {"type": "text", "content": "b"},
                        ],
                    }
                ],
            },
        )
    ]


def test_embedded_token_ids_are_counted_not_recorded(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer(embedding())))
    client.embeddings.create(model="m", input=[1, 2, 3], encoding_format="float")
    messages = instrumented.attributes["gen_ai.input.messages"]
    assert messages == [{"role": "user", "parts": [{"type": "tokens", "size": 3}]}]


@pytest.mark.parametrize("streamed", [False, True])
def test_legacy_completions_are_recorded(instrumented: Recorded, streamed: bool) -> None:
    def body(text: str, reason: str | None, **changes: Any) -> dict[str, Any]:
        choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
        return {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1,
            "model": "gpt-3.5-turbo-instruct",
            "choices": [choice],
            **changes,
        }

    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    answer = (
        event_answer([body("Hel", None), body("lo", "stop", usage=usage)], done=True)
        if streamed
        else json_answer(body("Hello", "stop", usage=usage))
    )
    client = openai_client(FakeProvider(answer))
    result_of(client.completions.create(model="instruct", prompt="Hi", stream=streamed))
    span = instrumented.only
    attributes = span.attributes
    assert span.name == "text_completion instruct"
    assert attributes["gen_ai.usage.output_tokens"] == 2
    assert attributes["gen_ai.input.messages"][0]["parts"] == [{"type": "text", "content": "Hi"}]
    assert attributes["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "Hello"}],
            "finish_reason": "stop",
        }
    ]


def test_images_report_only_what_the_provider_reports(instrumented: Recorded) -> None:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"image_tokens": 4, "text_tokens": 5},
        "output_tokens": 100,
        "total_tokens": 109,
    }
    body = {"created": 1, "data": [{"b64_json": "aGk="}], "usage": usage}
    client = openai_client(FakeProvider(json_answer(body), json_answer({"created": 1, "data": []})))
    client.images.generate(model="gpt-image-1", prompt="A cat")
    client.images.generate(model="dall-e-3", prompt="A cat")
    first, second = instrumented.spans
    assert first.name == "image_generation gpt-image-1"
    assert first.attributes["gen_ai.usage.output_tokens"] == 100
    assert first.attributes["gen_ai.usage.image.input_tokens"] == 4
    assert not any(name.startswith("gen_ai.usage") for name in second.attributes)


def test_speech_is_recorded_without_audio_data(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(raw_answer(b"\x00\x01", "audio/mpeg")))
    result = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello")
    assert result.content == b"\x00\x01"
    assert instrumented.spans == [
        SpanValue(
            "speech tts-1",
            {
                **SERVER,
                "gen_ai.operation.name": "speech",
                "gen_ai.request.model": "tts-1",
                "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}],
            },
        )
    ]


def test_transcription_is_recorded_without_the_upload(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer({"text": "Hello"})))
    client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"))
    span = instrumented.only
    assert span.name == "transcription whisper-1"
    assert span.attributes["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "Hello"}]


def test_moderation_has_no_tokens(instrumented: Recorded) -> None:
    body: dict[str, Any] = {"id": "modr-1", "model": "omni-moderation-latest", "results": []}
    client = openai_client(FakeProvider(json_answer(body)))
    client.moderations.create(model="omni-moderation-latest", input="Hi")
    span = instrumented.only
    assert span.name == "moderation omni-moderation-latest"
    assert span.attributes["gen_ai.response.id"] == "modr-1"


def test_other_requests_are_not_recorded(instrumented: Recorded) -> None:
    client = openai_client(FakeProvider(json_answer({"object": "list", "data": []})))
    assert client.models.list().data == []
    assert instrumented.spans == []
