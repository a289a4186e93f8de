"""Answers that the client's `parse` and similar methods reject: the span has the provider's answer."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from opentelemetry.trace import StatusCode
from pydantic import BaseModel, ValidationError
from tests.instrumentation.api_cases import output_messages
from tests.instrumentation.forms import ANTHROPIC, CHAT, RESPONSES, Form, plain_forms
from tests.instrumentation.recorded import Recorded
from tests.support.llm_bodies import choice, completion, message, response
from tests.support.llm_clients import anthropic_client, chat_helpers, openai_client, result_of
from tests.support.llm_http import FakeProvider, json_answer

CUT = '{"city": "Bo'


class Reply(BaseModel):
    """The type to which the answer is parsed."""

    city: str


HEAD = {
    "gen_ai.output.type": "json",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 2,
}


@plain_forms
@pytest.mark.parametrize(
    ("reason", "raised"),
    [
        ("length", openai.LengthFinishReasonError),
        ("content_filter", openai.ContentFilterFinishReasonError),
    ],
)
def test_rejected_truncated_chat(
    instrumented: Recorded, form: Form, reason: str, raised: type[Exception]
) -> None:
    body = completion(choices=[choice({"role": "assistant", "content": CUT}, reason)])
    client = openai_client(FakeProvider(json_answer(body)), form[1])
    with pytest.raises(raised) as error:
        result_of(chat_helpers(client).parse(**CHAT.arguments, response_format=Reply))
    assert instrumented.only == CHAT.span(
        form,
        {
            **HEAD,
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.finish_reasons": (reason,),
            "gen_ai.output.messages": output_messages(CUT, reason),
            "error.type": raised.__name__,
        },
        status=StatusCode.ERROR,
        message=str(error.value),
    )


@plain_forms
def test_rejected_truncated_response(instrumented: Recorded, form: Form) -> None:
    body = response(CUT, status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    client = openai_client(FakeProvider(json_answer(body)), form[1])
    with pytest.raises(ValidationError) as error:
        result_of(client.responses.parse(**RESPONSES.arguments, text_format=Reply))
    assert instrumented.only == RESPONSES.span(
        form,
        {
            **HEAD,
            "gen_ai.response.id": "resp_1",
            "gen_ai.response.finish_reasons": ("max_output_tokens",),
            "gen_ai.output.messages": output_messages(CUT, "max_output_tokens"),
            "error.type": "ValidationError",
        },
        status=StatusCode.ERROR,
        message=str(error.value),
    )


@plain_forms
def test_rejected_truncated_message(instrumented: Recorded, form: Form) -> None:
    body = message({"type": "text", "text": CUT}, stop_reason="max_tokens")
    client = anthropic_client(FakeProvider(json_answer(body)), form[1])
    if not hasattr(client.messages, "parse"):
        pytest.skip("this client has no parse helper")
    with pytest.raises(ValidationError) as error:
        result_of(client.messages.parse(**ANTHROPIC.arguments, output_format=Reply))
    span = instrumented.only
    assert (span.status, span.message) == (StatusCode.ERROR, str(error.value))
    assert span.attributes["gen_ai.usage.output_tokens"] == 12
    assert span.attributes["gen_ai.response.finish_reasons"] == ("max_tokens",)
    assert span.attributes["gen_ai.output.messages"] == output_messages(CUT, "max_tokens")
    assert span.attributes["error.type"] == "ValidationError"


@plain_forms
def test_parser_is_called_once_with_the_clients_response(instrumented: Recorded, form: Form) -> None:
    body = completion('{"city": "Bonn"}')
    client = openai_client(FakeProvider(json_answer(body)), form[1])
    result: Any = result_of(chat_helpers(client).parse(**CHAT.arguments, response_format=Reply))
    assert result.choices[0].message.parsed == Reply(city="Bonn")
    assert instrumented.only == CHAT.span(
        form,
        {
            **HEAD,
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.output.messages": output_messages('{"city": "Bonn"}', "stop"),
        },
    )
