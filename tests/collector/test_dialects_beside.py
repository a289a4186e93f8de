"""Golden rows of OpenInference for frameworks, whose calls the client's instrumentor may record too."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.support.spans import Value, as_json, row_of, span, told


def test_langchain_names_the_response_that_its_clients_span_names_too() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "openai",
                "llm.model_name": "gpt-4o-mini",
                "output.value": as_json(
                    {"generations": [[{"text": "Cloudy."}]], "llm_output": {"id": "chatcmpl-1"}}
                ),
                "output.mime_type": "application/json",
            },
            name="ChatOpenAI",
            parent_id=7,
        ),
        scope="openinference.instrumentation.langchain",
    )
    assert told(row) == {
        "parent_span_id": b"\x00\x00\x00\x00\x00\x00\x00\x07",
        "model_call": True,
        "operation": "chat",
        "name": "ChatOpenAI",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini",
        "provider_request_id": "chatcmpl-1",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.langchain",
        "output_preview": "Cloudy.",
        "metadata": {"scope": {"name": "openinference.instrumentation.langchain"}},
        "response_body": {"generations": [[{"text": "Cloudy."}]], "llm_output": {"id": "chatcmpl-1"}},
        "partner_key": "response:chatcmpl-1",
    }


def test_the_clients_span_without_a_parent_may_be_langchains() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "openai",
                "llm.model_name": "gpt-4o-mini",
                "output.value": as_json({"id": "chatcmpl-1"}),
                "output.mime_type": "application/json",
            },
            name="ChatCompletion",
        ),
        scope="openinference.instrumentation.openai",
    )
    assert told(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatCompletion",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini",
        "provider_request_id": "chatcmpl-1",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.openai",
        "metadata": {"scope": {"name": "openinference.instrumentation.openai"}},
        "response_body": {"id": "chatcmpl-1"},
        "partner_key": "response:chatcmpl-1",
    }


def test_the_clients_span_with_a_parent_has_its_own_trace_to_tell() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "openai",
                "llm.model_name": "gpt-4o-mini",
                "output.value": as_json({"id": "chatcmpl-1"}),
                "output.mime_type": "application/json",
            },
            name="ChatCompletion",
            parent_id=7,
        ),
        scope="openinference.instrumentation.openai",
    )
    assert told(row) == {
        "parent_span_id": b"\x00\x00\x00\x00\x00\x00\x00\x07",
        "model_call": True,
        "operation": "chat",
        "name": "ChatCompletion",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini",
        "provider_request_id": "chatcmpl-1",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.openai",
        "metadata": {"scope": {"name": "openinference.instrumentation.openai"}},
        "response_body": {"id": "chatcmpl-1"},
    }


def test_litellm_models_begin_with_the_provider() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.model_name": "openrouter/mistralai/mistral-small",
                "llm.token_count.prompt": 42,
                "llm.token_count.completion": 12,
                "llm.cost.total": 0.00012,
            },
            name="completion",
            parent_id=7,
        ),
        scope="openinference.instrumentation.litellm",
    )
    assert told(row) == {
        "parent_span_id": b"\x00\x00\x00\x00\x00\x00\x00\x07",
        "model_call": True,
        "operation": "chat",
        "name": "completion",
        "provider": "openrouter",
        "model_requested": "mistralai/mistral-small",
        "model_used": "mistralai/mistral-small",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.litellm",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 120000,
        "cost_source": "reported",
        "reported_cost_nano_usd": 120000,
        "metadata": {"scope": {"name": "openinference.instrumentation.litellm"}},
    }


def test_llama_index_steps_on_the_way_to_a_call_are_none() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "openai",
                "llm.model_name": "gpt-4o-mini",
            },
            name="OpenAI._prepare_chat_with_tools",
            parent_id=7,
        ),
        scope="openinference.instrumentation.llama_index",
    )
    assert told(row) == {
        "parent_span_id": b"\x00\x00\x00\x00\x00\x00\x00\x07",
        "model_call": False,
        "operation": "task",
        "name": "OpenAI._prepare_chat_with_tools",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.llama_index",
        "metadata": {"scope": {"name": "openinference.instrumentation.llama_index"}},
    }


def test_llama_index_completions_have_their_prompts_in_a_list() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "openai",
                "llm.model_name": "gpt-4o-mini",
                "llm.prompts": ["Weather?"],
                "output.value": "Cloudy.",
                "llm.finish_reason": "stop",
                "llm.token_count.prompt": 42,
                "llm.token_count.completion": 12,
            },
            name="OpenAI.complete",
            parent_id=7,
        ),
        scope="openinference.instrumentation.llama_index",
    )
    assert told(row) == {
        "parent_span_id": b"\x00\x00\x00\x00\x00\x00\x00\x07",
        "model_call": True,
        "operation": "text_completion",
        "name": "OpenAI.complete",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.llama_index",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "finish_reason": "stop",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {"scope": {"name": "openinference.instrumentation.llama_index"}},
        "response_body": {"output": "Cloudy."},
    }


_LANGCHAIN: dict[str, Value] = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.model_name": "gpt-4o-mini",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "Weather?",
}
_CLIENT: dict[str, Value] = {
    **_LANGCHAIN,
    "llm.invocation_parameters": as_json({"stream": True}),
    "output.value": as_json({"id": "chatcmpl-1"}),
}


def _key(attributes: Mapping[str, Value], library: str) -> str | None:
    return row_of(span(attributes), scope=f"openinference.instrumentation.{library}").partner_key


def test_streams_that_langchain_knows_no_id_of_are_told_by_what_was_asked() -> None:
    key = _key(_LANGCHAIN, "langchain")
    assert key is not None
    assert _key(_CLIENT, "openai") == key


def test_anthropics_calls_keep_the_key_of_its_clients_own_spans() -> None:
    client: dict[str, Value] = {
        **_CLIENT,
        "llm.provider": "anthropic",
        "output.value": as_json({"id": "msg_1"}),
    }
    assert _key(client, "anthropic") == "anthropic:msg_1"


@pytest.mark.parametrize(
    "other",
    [
        {**_LANGCHAIN, "llm.model_name": "gpt-5-mini"},
        {**_LANGCHAIN, "llm.input_messages.0.message.content": "Rain?"},
    ],
)
def test_other_questions_and_other_models_are_other_calls(other: Mapping[str, Value]) -> None:
    assert _key(other, "langchain") != _key(_LANGCHAIN, "langchain")
