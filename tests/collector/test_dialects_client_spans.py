"""Golden rows of OpenInference for frameworks whose calls the client's instrumentor may record too."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span


def test_langchain_has_the_response_id_of_its_clients_span() -> None:
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
    assert known_columns(row) == {
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
    }


def test_client_span_with_a_parent_has_no_partner_key() -> None:
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
    assert known_columns(row) == {
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


def test_litellm_models_have_the_provider_as_prefix() -> None:
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
    assert known_columns(row) == {
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


def test_llama_index_internal_steps_are_not_calls() -> None:
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
    assert known_columns(row) == {
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
    assert known_columns(row) == {
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
