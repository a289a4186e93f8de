"""Which operations are model calls, by all names that senders write."""

from __future__ import annotations

import pytest
from tests.support.spans import Value, row_of, span

_USAGE: dict[str, Value] = {"gen_ai.usage.input_tokens": 500, "gen_ai.usage.output_tokens": 70}
_MODEL: dict[str, Value] = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("responses", "chat"),
        ("llm_response", "chat"),
        ("Chat.Completions", "chat"),
        ("messages.create", "chat"),
        ("text-completion", "text_completion"),
        ("tts", "speech"),
        ("text_to_speech", "speech"),
        ("stt", "transcription"),
        ("transcribe", "transcription"),
        ("embed_content", "embeddings"),
        ("images.generate", "image_generation"),
        ("reranking", "rerank"),
    ],
)
def test_spellings_of_calls_count_without_usage_and_response_id(name: str, operation: str) -> None:
    row = row_of(span({"gen_ai.operation.name": name, **_MODEL}))
    assert (row.operation, row.model_call) == (operation, True)


@pytest.mark.parametrize(
    ("name", "response_id", "is_call"),
    [
        # An unknown name of a call counts by its tokens alone.
        ("ocr", None, True),
        ("summarize", None, True),
        ("video_generation", None, True),
        # Spans around calls repeat their tokens.
        ("run_agent", None, False),
        ("crew.kickoff", None, False),
        ("pipeline_step", None, False),
        ("run_agent", "resp_1", True),
        # Reading a stored response again is not a second call.
        ("fetch_response", "resp_1", False),
        ("responses.retrieve", "resp_1", False),
        ("get_response", "resp_1", False),
        ("poll", None, False),
    ],
)
def test_unknown_operations_with_tokens(name: str, response_id: str | None, is_call: bool) -> None:
    ids: dict[str, Value] = {} if response_id is None else {"gen_ai.response.id": response_id}
    row = row_of(span({"gen_ai.operation.name": name, **_MODEL, **_USAGE, **ids}))
    assert row.model_call is is_call
    assert row.input_tokens == (500 if is_call else None)


def test_unknown_operations_without_tokens_are_not_calls() -> None:
    assert not row_of(span({"gen_ai.operation.name": "summarize", **_MODEL})).model_call


@pytest.mark.parametrize(
    ("attributes", "operation"),
    [
        ({}, None),
        ({"http.request.method": "POST", "server.address": "api.openai.com"}, None),
        ({"gen_ai.request.temperature": 0.2}, None),
        (_USAGE, "chat"),
        ({"gen_ai.usage.prompt_tokens": 3}, "chat"),
        ({"gen_ai.response.model": "gpt-4o-mini"}, "chat"),
        ({"gen_ai.prompt.0.content": "Hi"}, "chat"),
        ({"gen_ai.operation.name": "chat"}, "chat"),
    ],
)
def test_a_provider_alone_does_not_make_a_call(attributes: dict[str, Value], operation: str | None) -> None:
    row = row_of(span({"gen_ai.system": "openai", **attributes}))
    assert (row.operation, row.model_call, row.gen_ai) == (
        operation,
        operation == "chat",
        operation is not None,
    )
