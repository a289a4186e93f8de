"""With failures inside Pulse or unexpected answers, the caller gets the same result as without Pulse."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import Tracer, _Span  # pyright: ignore[reportPrivateUsage]
from tests.instrumentation.recorded import Recorded, recording_provider
from tests.support.llm_bodies import (
    chat_chunks,
    chunk,
    completion,
    delta,
    embedding,
    message,
    message_events,
    response,
    response_events,
)
from tests.support.llm_clients import KINDS, anthropic_client, openai_client, result_of
from tests.support.llm_http import Answer, Body, FakeProvider, event_answer, json_answer, raw_answer

from pulse_instrumentation import PulseAnthropicInstrumentor, PulseOpenAIInstrumentor, content, failures
from pulse_instrumentation.content import Capture
from pulse_instrumentation.readers import tables
from pulse_instrumentation.readers.anthropic_stream import MessageFold
from pulse_instrumentation.readers.openai_chat_stream import ChatFold
from pulse_instrumentation.readers.openai_responses_stream import ResponsesFold
from pulse_instrumentation.recording import body as body_module
from pulse_instrumentation.recording import calls, libraries, parsing, raw_responses, stream_cycle, streams
from pulse_instrumentation.recording import hook as hook_module
from pulse_instrumentation.recording import recorder as recorder_module
from pulse_instrumentation.recording.call_owner import CallOwner
from pulse_instrumentation.recording.calls import Call
from pulse_instrumentation.recording.hook import Hook
from pulse_instrumentation.recording.metrics import CallMetrics
from pulse_instrumentation.recording.recorder import Recorder

MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]


@dataclass(frozen=True)
class Api:
    """One API with a call and an answer."""

    name: str
    call: Callable[[FakeProvider, str], Any]
    answer: Callable[[], Answer]


def _openai(path: str, **arguments: Any) -> Callable[[FakeProvider, str], Any]:
    def call(provider: FakeProvider, kind: str) -> Any:
        target = openai_client(provider, kind)
        for name in path.split("."):
            target = getattr(target, name)
        return result_of(target(**arguments))

    return call


def _anthropic(**arguments: Any) -> Callable[[FakeProvider, str], Any]:
    def call(provider: FakeProvider, kind: str) -> Any:
        client = anthropic_client(provider, kind)
        return result_of(client.messages.create(model="m", max_tokens=1, messages=MESSAGES, **arguments))

    return call


def _raw(provider: FakeProvider, kind: str) -> Any:
    create = openai_client(provider, kind).chat.completions.with_raw_response.create
    return result_of(create(model="m", messages=MESSAGES)).parse()


def _read_while_streamed(provider: FakeProvider, kind: str) -> Any:
    completions = openai_client(provider, kind).chat.completions.with_streaming_response

    async def read() -> Any:
        async with completions.create(model="m", messages=MESSAGES, stream=True) as answer:
            return [line async for line in answer.iter_lines()]

    if kind == "async":
        return asyncio.run(read())
    with completions.create(model="m", messages=MESSAGES, stream=True) as answer:
        return list(answer.iter_lines())


CREATE = "chat.completions.create"
APIS = [
    Api(
        "chat",
        _openai(CREATE, model="m", messages=MESSAGES),
        lambda: json_answer(completion()),
    ),
    Api(
        "chat stream",
        _openai(CREATE, model="m", messages=MESSAGES, stream=True),
        lambda: event_answer(chat_chunks("Hel", "lo"), done=True),
    ),
    Api(
        "responses",
        _openai("responses.create", model="m", input="Hi"),
        lambda: json_answer(response()),
    ),
    Api(
        "responses stream",
        _openai("responses.create", model="m", input="Hi", stream=True),
        lambda: event_answer(response_events("Hel", "lo")),
    ),
    Api(
        "embeddings",
        _openai("embeddings.create", model="m", input="Hi", encoding_format="float"),
        lambda: json_answer(embedding()),
    ),
    Api("raw", _raw, lambda: json_answer(completion())),
    Api(
        "streaming response",
        _read_while_streamed,
        lambda: event_answer(chat_chunks("Hel", "lo"), done=True),
    ),
    Api("messages", _anthropic(), lambda: json_answer(message())),
    Api("messages stream", _anthropic(stream=True), lambda: event_answer(message_events("Hel", "lo"))),
]
IDS = [api.name for api in APIS]


def outcome(api: Api, answer: Answer, kind: str) -> Any:
    """Return the result for the caller: as JSON, or the exception's type and message."""
    # A body can be read once, so the bare and the recorded call each get a new one.
    own = replace(answer, body=Body(answer.body.pieces, answer.body.breaks_with))
    try:
        result = api.call(FakeProvider(own), kind)
    except Exception as error:
        return type(error), str(error)
    return type(result), json.dumps(result, default=_plain, sort_keys=True)


def _plain(value: Any) -> Any:
    return value.to_dict(warnings=False) if hasattr(value, "to_dict") else repr(value)


def recorded_outcome(api: Api, answer: Answer, kind: str) -> tuple[Any, Recorded]:
    recorded = recording_provider()
    instrumentors = (PulseOpenAIInstrumentor(), PulseAnthropicInstrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=recorded.provider, capture_content=True)
    try:
        return outcome(api, answer, kind), recorded
    finally:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()


# The functions of Pulse that run during a client's call.
HOOKS: list[tuple[Any, str]] = [
    (Hook, "recorder_of"),
    (hook_module, "_kind"),
    (hook_module, "_http_response"),
    (hook_module, "record_stream"),
    (hook_module, "record_response"),
    (Recorder, "start"),
    (Recorder, "_start_call"),
    (Recorder, "_call"),
    (Recorder, "_server"),
    (recorder_module, "_body"),
    (recorder_module, "is_suppressed"),
    (recorder_module, "recorded_elsewhere"),
    (recorder_module, "capture_in"),
    (recorder_module, "session_attributes"),
    (recorder_module, "server_of"),
    (recorder_module, "end_abandoned"),
    (libraries, "replayable"),
    (libraries, "_copy_options"),
    (body_module, "watch_body"),
    (body_module, "is_running"),
    (body_module, "_wrapper_class"),
    (streams, "watch_reading"),
    (streams, "copied_generator"),
    (parsing, "own_fields"),
    (parsing, "break_cycle"),
    (CallOwner, "add_holder"),
    (stream_cycle, "copy"),
    (raw_responses, "_decoder"),
    (raw_responses, "tap_of_stream"),
    (raw_responses, "_sniff_media_type"),
    (raw_responses, "_media_type"),
    (raw_responses, "_json"),
    (raw_responses.BodyTap, "_take"),
    (raw_responses.BodyTap, "_event_line"),
    (Call, "_describe"),
    (Call, "_response_attributes"),
    (Call, "_fold_response"),
    (Call, "start_stream"),
    (calls, "Status"),
    (ChatFold, "__init__"),
    (ChatFold, "add"),
    (ChatFold, "response"),
    (MessageFold, "add"),
    (ResponsesFold, "add"),
    (CallMetrics, "collected"),
    (CallMetrics, "record"),
    (Capture, "text_part"),
    (content, "dumps"),
    (tables, "pairs"),
    # Functions of the application's tracer and spans.
    (Tracer, "start_span"),
    (_Span, "set_attributes"),
    (_Span, "set_status"),
    (_Span, "end"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook[1])
@pytest.mark.parametrize("api", APIS, ids=IDS)
def test_failure_inside_pulse_does_not_change_the_result(
    monkeypatch: pytest.MonkeyPatch, api: Api, hook: tuple[Any, str], kind: str
) -> None:
    expected = outcome(api, api.answer(), kind)

    def fails(*_args: object, **_kwargs: object) -> Any:
        raise RuntimeError("ours is broken")

    monkeypatch.setattr(*hook, fails)
    found, _ = recorded_outcome(api, api.answer(), kind)
    assert found == expected


def test_failing_fold_removes_only_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: object) -> bool:
        raise RuntimeError("ours is broken")

    monkeypatch.setattr(ChatFold, "add", fails)
    api = APIS[1]
    found, recorded = recorded_outcome(api, api.answer(), "sync")
    assert found == outcome(api, api.answer(), "sync")
    assert recorded.only.name == "chat m"


def test_stream_whose_body_cannot_be_wrapped_is_recorded_when_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: object) -> None:
        raise LookupError("this response is of no HTTP library")

    monkeypatch.setattr(streams, "watch_reading", fails)
    _, recorded = recorded_outcome(APIS[1], APIS[1].answer(), "sync")
    assert recorded.attributes["gen_ai.usage.output_tokens"] == 7


NULLED = completion(choices=None, usage=None, model=None, id=None)
ODD_JSON: dict[str, Any] = {
    "null": None,
    "number": 7,
    "list": [1, {"a": None}],
    "string": "hello",
    "empty object": {},
    "null fields": NULLED,
    "wrong types": completion(choices="no", usage=[1], model=3, id={"a": 1}),
    "odd choices": completion(choices=[None, 1, {"message": "text"}, {"finish_reason": 9}]),
    "odd message": completion(choices=[{"message": {"content": 5, "tool_calls": {"a": 1}, "audio": []}}]),
    "odd usage": completion(
        usage={"prompt_tokens": "many", "completion_tokens": -1, "prompt_tokens_details": 3, "cost": "x"}
    ),
    "unknown fields": completion(surprise={"deep": [1, 2]}, usage={"prompt_tokens": 1, "novel": {}}),
    "odd output": response(output=[None, {"type": None}, {"type": 5}, {"type": "message", "content": 4}]),
    "odd status": response(status=["completed"], usage="free"),
    "odd content": message(stop_reason=5, usage={"input_tokens": None, "cache_creation": 1}),
    "odd blocks": {**message(), "content": [None, {"type": None}, {"type": "tool_use"}, 3]},
    "odd vectors": embedding(data=[{"embedding": "AAAA"}, None]),
    "huge number": completion(usage={"prompt_tokens": 10**30, "completion_tokens": 2.5}),
    "surrogate": completion("half \ud83d a pair"),
}
PLAIN = [api for api in APIS if not api.name.endswith("stream")]
STREAMED = [api for api in APIS if api.name.endswith("stream")]


@pytest.mark.parametrize("odd", ODD_JSON)
@pytest.mark.parametrize("api", PLAIN, ids=lambda api: api.name)
def test_unexpected_bodies_give_the_result_of_the_bare_client(api: Api, odd: str) -> None:
    answer = json_answer(ODD_JSON[odd])
    expected = outcome(api, answer, "sync")
    found, recorded = recorded_outcome(api, answer, "sync")
    assert found == expected
    assert len(recorded.spans) == 1


ODD_BYTES = {
    "empty": b"",
    "truncated": json.dumps(completion()).encode()[:60],
    "no json": b"<html>busy</html>",
    "not utf-8": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
@pytest.mark.parametrize("odd", ODD_BYTES)
@pytest.mark.parametrize("api", APIS, ids=IDS)
def test_invalid_bytes_give_the_result_of_the_bare_client(api: Api, odd: str, content_type: str) -> None:
    answer = raw_answer(ODD_BYTES[odd], content_type)
    expected = outcome(api, answer, "sync")
    found, recorded = recorded_outcome(api, answer, "sync")
    assert found == expected
    assert len(recorded.spans) == 1


def odd_chunk(*choices: Any) -> Any:
    return {**chunk(), "choices": list(choices)}


NO_INDEX = {"id": "t1", "function": {"name": "f", "arguments": "{}"}}
ODD_EVENTS: dict[str, list[Any]] = {
    "none": [],
    "empty objects": [{}, {}],
    "null choices": [odd_chunk() | {"choices": None}, *chat_chunks("Hi")],
    "odd choices": [odd_chunk(None, {"index": None, "delta": None}, {"index": "x", "delta": 5})],
    "tool call without index": [chunk(delta(tool_calls=[NO_INDEX])), chunk(delta(tool_calls=[None, 1]))],
    "odd usage": [chunk(usage={"prompt_tokens": None}), chunk(usage=5)],
    "unknown events": [{"type": "novel.event", "a": 1}, {"type": None}, {"type": 5}],
    "odd response events": [
        {"type": "response.created", "response": None},
        {"type": "response.output_text.delta", "delta": 5},
        {"type": "response.completed", "response": {"status": 7, "usage": "x", "output": 3}},
    ],
    "odd message events": [
        {"type": "message_start", "message": {"usage": None}},
        {"type": "content_block_start", "index": None, "content_block": None},
        {"type": "content_block_delta", "index": 5, "delta": {"type": "text_delta", "text": None}},
        {"type": "message_delta", "delta": None, "usage": {"output_tokens": "many"}},
    ],
    "error": [{"error": {"message": "it broke"}}],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("odd", ODD_EVENTS)
@pytest.mark.parametrize("api", STREAMED, ids=lambda api: api.name)
def test_unexpected_streams_give_the_result_of_the_bare_client(api: Api, odd: str, kind: str) -> None:
    answer = event_answer(ODD_EVENTS[odd])
    expected = outcome(api, answer, kind)
    found, recorded = recorded_outcome(api, answer, kind)
    assert found == expected
    assert len(recorded.spans) == 1


def test_failure_inside_pulse_is_logged_once_without_the_prompt(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_args: object) -> Any:
        raise RuntimeError("the secret prompt")

    monkeypatch.setattr(failures, "_reported", set[str]())
    monkeypatch.setattr(Recorder, "_call", fails)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            recorded_outcome(APIS[0], APIS[0].answer(), "sync")
    (record,) = [record for record in caplog.records if record.name == "pulse_instrumentation"]
    assert "RuntimeError" in record.getMessage()
    assert "secret" not in caplog.text


def test_unexpected_request_bodies_are_sent_unchanged(instrumented: Recorded) -> None:
    odd: Any = [None, 5, {"role": 3, "content": [{"type": "image_url", "image_url": 7}, None]}]
    provider = FakeProvider(json_answer(completion()))
    openai_client(provider).post(
        "/chat/completions", cast_to=object, body={"model": 5, "messages": odd, "tools": "none"}
    )
    assert provider.bodies == [{"model": 5, "messages": odd, "tools": "none"}]
    assert instrumented.only.name == "chat"
