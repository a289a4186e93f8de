"""Errors that answers with HTTP status 200 report."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from tests.instrumentation.api_cases import MESSAGES, OPENAI, output_messages
from tests.instrumentation.forms import (
    ANTHROPIC,
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    IMAGES,
    MODERATIONS,
    RESPONSES,
    Called,
    Form,
    every_form,
    plain_forms,
    streamed_forms,
)
from tests.instrumentation.recorded import FIRST_CHUNK, Recorded, SpanValue
from tests.support.llm_bodies import chunk, completion, delta, message, message_events, response_events
from tests.support.llm_clients import openai_client, result_of
from tests.support.llm_http import FakeProvider, json_answer

from pulse_instrumentation import observe

HEAD = {"gen_ai.response.id": "chatcmpl-1", "gen_ai.response.model": "gpt-4o-2024-08-06"}
ERRORS: dict[str, tuple[Any, str, str | None]] = {
    "OpenRouter": ({"code": 502, "message": "Provider returned error", "metadata": {"raw": "busy"}},
                   "502", "Provider returned error"),
    "a code as text": ({"code": "502", "message": "busy"}, "502", "busy"),
    "a type of OpenRouter's": ({"code": 502, "message": "busy", "metadata": {"error_type": "overloaded"}},
                               "overloaded", "busy"),
    "OpenAI": ({"message": "busy", "type": "server_error", "param": None, "code": None},
               "server_error", "busy"),
    "OpenAI with a code": ({"message": "busy", "type": "requests", "code": "rate_limit_exceeded"},
                           "rate_limit_exceeded", "busy"),
    "a type and a numeric code": ({"message": "busy", "type": "overloaded", "code": 529},
                                     "overloaded", "busy"),
    "a name": ("over_capacity", "over_capacity", "over_capacity"),
    "a sentence": ("The model is busy.", "error", "The model is busy."),
}  # fmt: skip


def failed(called: Called, form: Form, answered: dict[str, Any], type: str, words: str | None) -> SpanValue:
    return called.span(form, {**answered, "error.type": type}, status=StatusCode.ERROR, message=words)


@plain_forms
@pytest.mark.parametrize("name", ERRORS)
def test_error_of_a_body(instrumented: Recorded, form: Form, name: str) -> None:
    error, type, words = ERRORS[name]
    span = CHAT.make(instrumented, form, {"error": error, "user_id": "u"})
    assert span == failed(CHAT, form, {}, type, words)


@every_form
@pytest.mark.parametrize("name", ERRORS)
def test_error_of_a_choice_that_was_cut_off(instrumented: Recorded, form: Form, name: str) -> None:
    error, type, words = ERRORS[name]
    last = {**delta(finish_reason="error"), "error": error}
    events = [chunk(delta(role="assistant", content="Hel")), chunk(last)]
    body = completion("Hel", usage=None)
    body["choices"][0] |= {"finish_reason": "error", "error": error}
    span = CHAT.make(instrumented, form, body if form[0] == "plain" else events)
    answered = {
        **HEAD,
        "gen_ai.response.finish_reasons": ("error",),
        "gen_ai.output.messages": output_messages("Hel", "error"),
    }
    assert span == failed(CHAT, form, answered, type, words)


@every_form
def test_finish_reason_error_without_an_error_field(instrumented: Recorded, form: Form) -> None:
    events = [chunk(delta(role="assistant", content="Hel")), chunk(delta(finish_reason="error"))]
    body = completion("Hel", usage=None)
    body["choices"][0]["finish_reason"] = "error"
    span = CHAT.make(instrumented, form, body if form[0] == "plain" else events)
    answered = {
        **HEAD,
        "gen_ai.response.finish_reasons": ("error",),
        "gen_ai.output.messages": output_messages("Hel", "error"),
    }
    assert span == failed(CHAT, form, answered, "error", None)


@streamed_forms
def test_error_in_groqs_extension(instrumented: Recorded, form: Form) -> None:
    events = [
        chunk(delta(role="assistant", content="Hel")),
        chunk(delta(finish_reason="stop"), x_groq={"id": "r", "error": "over_capacity"}),
    ]
    answered = {
        **HEAD,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.output.messages": output_messages("Hel", "stop"),
    }
    span = CHAT.make(instrumented, form, events)
    assert span == failed(CHAT, form, answered, "over_capacity", "over_capacity")


@pytest.mark.parametrize("form", [("bytes", "sync"), ("bytes", "async")])
def test_error_chunk_that_the_client_does_not_parse(instrumented: Recorded, form: Form) -> None:
    # The client raises it for a stream that it parses.
    events = [
        chunk(delta(role="assistant", content="Hel")),
        {**chunk(delta(finish_reason="error")), "error": {"code": 502, "message": "busy"}},
    ]
    answered = {
        **HEAD,
        "gen_ai.response.finish_reasons": ("error",),
        "gen_ai.output.messages": output_messages("Hel", "error"),
    }
    assert CHAT.make(instrumented, form, events) == failed(CHAT, form, answered, "502", "busy")


@plain_forms
@pytest.mark.parametrize(
    "called",
    [COMPLETIONS, EMBEDDINGS, IMAGES, MODERATIONS, RESPONSES],
    ids=lambda called: called.path,
)
def test_error_of_the_body_of_every_api(instrumented: Recorded, form: Form, called: Called) -> None:
    span = called.make(instrumented, form, {"error": {"code": 502, "message": "busy"}})
    assert span == failed(called, form, {}, "502", "busy")


@plain_forms
def test_error_that_the_client_reports_as_missing_data(instrumented: Recorded, form: Form) -> None:
    body = {"error": {"code": 502, "message": "busy"}}
    client = openai_client(FakeProvider(json_answer(body)), form[1])
    # The answer has no vector. Older clients raise an exception for that.
    with pytest.raises((ValueError, TypeError), match=r"No embedding data received|not iterable"):
        result_of(client.embeddings.create(model="m", input="Hi"))
    asked = {**EMBEDDINGS.asked, "gen_ai.request.encoding_formats": ("base64",)}
    called = Called("embeddings", EMBEDDINGS.arguments, asked)
    assert instrumented.only == failed(called, form, {}, "502", "busy")


@streamed_forms
def test_error_of_a_response(instrumented: Recorded, form: Form) -> None:
    events = response_events("Hel", "lo", last={"type": "error", "code": "server_error", "message": "busy"})
    answered = {
        **HEAD,
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.finish_reasons": ("error",),
        "gen_ai.output.messages": output_messages("Hello", "error"),
    }
    span = RESPONSES.make(instrumented, form, events)
    assert span == failed(RESPONSES, form, answered, "server_error", "busy")


@streamed_forms
def test_failed_response_keeps_its_output(instrumented: Recorded, form: Form) -> None:
    last = {
        "type": "response.failed",
        "response": {
            "id": "resp_1",
            "status": "failed",
            "error": {"code": "server_error", "message": "busy"},
        },
    }
    answered = {
        **HEAD,
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.finish_reasons": ("error",),
        "gen_ai.output.messages": output_messages("Hello", "error"),
    }
    span = RESPONSES.make(instrumented, form, response_events("Hel", "lo", last=last))
    assert span == failed(RESPONSES, form, answered, "server_error", "busy")


@plain_forms
def test_error_of_a_message(instrumented: Recorded, form: Form) -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    span = ANTHROPIC.make(instrumented, form, body)
    assert span == failed(ANTHROPIC, form, {}, "overloaded_error", "busy")


def test_error_event_of_a_message_read_as_bytes(instrumented: Recorded) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    form = ("bytes", "sync")
    span = ANTHROPIC.make(instrumented, form, [*message_events("Hel")[:3], error])
    assert (span.status, span.message) == (StatusCode.ERROR, "busy")
    assert span.attributes["error.type"] == "overloaded_error"
    assert span.attributes["gen_ai.output.messages"] == output_messages("Hel", None)
    assert span.attributes[FIRST_CHUNK] is True


@plain_forms
@pytest.mark.parametrize(
    ("body", "type"),
    [
        ({"object": "error", "message": "busy", "type": "overloaded", "code": 40303}, "overloaded"),
        ({"choices": None, "base_resp": {"status_code": 1004, "status_msg": "busy"}}, "1004"),
    ],
    ids=["FastChat", "MiniMax"],
)
def test_bodies_that_are_errors_themselves(
    instrumented: Recorded, form: Form, body: dict[str, Any], type: str
) -> None:
    assert CHAT.make(instrumented, form, body) == failed(CHAT, form, {}, type, "busy")


@every_form
@pytest.mark.parametrize("error", [None, {}, "", {"code": None, "message": "", "type": ""}])
def test_answers_without_an_error_have_none(instrumented: Recorded, form: Form, error: Any) -> None:
    body = {**completion(), "error": error, "base_resp": {"status_code": 0, "status_msg": ""}}
    if form[0] == "streamed" and error:
        pytest.skip("the client raises it")
    events = [{**chunk(delta(content="Hello", finish_reason="stop")), "error": error}]
    span = CHAT.make(instrumented, form, body if form[0] == "plain" else events)
    assert span.status is StatusCode.UNSET


def test_error_message_in_an_answer_is_content(recorded: Recorded) -> None:
    client = observe(
        openai_client(FakeProvider(json_answer({"error": {"code": 502, "message": "You said: secret"}}))),
        tracer_provider=recorded.provider,
        capture_content=False,
    )
    client.chat.completions.create(model="m", messages=MESSAGES)
    assert recorded.only == SpanValue(
        "chat m",
        {
            **OPENAI,
            "gen_ai.operation.name": "chat",
            "openai.api.type": "chat_completions",
            "gen_ai.request.model": "m",
            "error.type": "502",
        },
        status=StatusCode.ERROR,
    )


def test_message_without_an_error_field(instrumented: Recorded) -> None:
    span = ANTHROPIC.make(instrumented, ("plain", "sync"), message())
    assert span.status is StatusCode.UNSET
