"""Make one call in every form: plain, streamed, streamed and read as bytes; sync and async."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from inspect import signature
from typing import Any

import pytest
from tests.instrumentation.api_cases import ASKED, MESSAGES, OPENAI, call, server
from tests.instrumentation.recorded import FIRST_CHUNK, Recorded, SpanValue
from tests.support.llm_clients import KINDS, anthropic_client, openai_client, result_of
from tests.support.llm_http import FakeProvider, event_answer, json_answer

STREAM = "gen_ai.request.stream"

Form = tuple[str, str]
PLAIN: list[Form] = [("plain", kind) for kind in KINDS]
STREAMED: list[Form] = [(form, kind) for form in ("streamed", "bytes") for kind in KINDS]


def _id(form: Form) -> str:
    return " ".join(form)


every_form = pytest.mark.parametrize("form", PLAIN + STREAMED, ids=_id)
plain_forms = pytest.mark.parametrize("form", PLAIN, ids=_id)
streamed_forms = pytest.mark.parametrize("form", STREAMED, ids=_id)


@dataclass(frozen=True)
class Called:
    """An API with arguments, and the span attributes that do not depend on the answer."""

    path: str
    arguments: dict[str, Any]
    asked: dict[str, Any]
    client: Any = openai_client
    method: str = "create"

    def span(self, form: Form, answered: dict[str, Any], **changes: Any) -> SpanValue:
        """Return the expected span of a call with these response attributes."""
        streamed = {STREAM: True, FIRST_CHUNK: True} if form[0] != "plain" else {}
        attributes = {**self.asked, **streamed, **answered}
        operation, model = attributes["gen_ai.operation.name"], attributes["gen_ai.request.model"]
        return SpanValue(f"{operation} {model}", attributes, **changes)

    def make(self, recorded: Recorded, form: Form, answer: Any, **arguments: Any) -> SpanValue:
        """Make one call and return its span. `answer` is a body, or the events of a stream."""
        how, kind = form
        done = self.client is openai_client
        http_answer = event_answer(answer, done=done) if how != "plain" else json_answer(answer)
        target: Any = self.client(FakeProvider(http_answer), kind)
        for name in self.path.split("."):
            target = getattr(target, name)
        if how != "plain" and "stream" not in signature(getattr(target, self.method)).parameters:
            pytest.skip("this client cannot stream here")
        arguments = {**self.arguments, **arguments}
        if how == "plain":
            call(kind, getattr(target, self.method), **arguments)
        elif how == "streamed":
            result_of(getattr(target, self.method)(**arguments, stream=True))
        else:
            method = getattr(target.with_streaming_response, self.method)
            asyncio.run(_read_lines(method(**arguments, stream=True), kind))
        return recorded.only


async def _read_lines(manager: Any, kind: str) -> None:
    if kind == "sync":
        with manager as answer:
            list(answer.iter_lines())
        return
    async with manager as answer:
        [_ async for _ in answer.iter_lines()]


_ASKED: dict[str, Any] = {
    **OPENAI,
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.input.messages": ASKED,
}
CHAT = Called(
    "chat.completions",
    {"model": "m", "messages": MESSAGES},
    {**_ASKED, "openai.api.type": "chat_completions"},
)
RESPONSES = Called("responses", {"model": "m", "input": "Hi"}, {**_ASKED, "openai.api.type": "responses"})
COMPLETIONS = Called(
    "completions",
    {"model": "m", "prompt": "Hi"},
    {**_ASKED, "gen_ai.operation.name": "text_completion"},
)
MODERATIONS = Called(
    "moderations", {"model": "m", "input": "Hi"}, {**_ASKED, "gen_ai.operation.name": "moderation"}
)
EMBEDDINGS = Called(
    "embeddings",
    {"model": "m", "input": "Hi", "encoding_format": "float"},
    {
        **_ASKED,
        "gen_ai.operation.name": "embeddings",
        "gen_ai.request.encoding_formats": ("float",),
    },
)
IMAGES = Called(
    "images",
    {"model": "m", "prompt": "Hi"},
    {**_ASKED, "gen_ai.operation.name": "image_generation"},
    method="generate",
)
_TRANSCRIPTION: dict[str, Any] = {
    **OPENAI,
    "gen_ai.operation.name": "transcription",
    "gen_ai.request.model": "m",
}
TRANSCRIPTIONS = Called("audio.transcriptions", {"model": "m", "file": ("a.wav", b"RIFF")}, _TRANSCRIPTION)
ANTHROPIC = Called(
    "messages",
    {"model": "m", "max_tokens": 9, "messages": MESSAGES},
    {
        **server("anthropic", "api.anthropic.com"),
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.input.messages": ASKED,
    },
    client=anthropic_client,
)
