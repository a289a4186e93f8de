"""Golden rows of OpenInference and OpenLLMetry."""

from __future__ import annotations

from tests.support.spans import as_json, event, known_columns, row_of, span


def test_openinference_with_whole_documents() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.system": "openai",
                "input.value": as_json(
                    {
                        "model": "anthropic/claude-sonnet-4.5",
                        "messages": [{"role": "user", "content": "Weather?"}],
                        "user": "u1",
                    }
                ),
                "input.mime_type": "application/json",
                "output.value": as_json(
                    {
                        "id": "gen-1",
                        "model": "anthropic/claude-sonnet-4.5",
                        "choices": [
                            {
                                "index": 0,
                                "finish_reason": "stop",
                                "message": {"role": "assistant", "content": "Cloudy."},
                            }
                        ],
                        "usage": {"prompt_tokens": 42, "completion_tokens": 12, "cost": 0.000264},
                    }
                ),
                "output.mime_type": "application/json",
                "llm.model_name": "anthropic/claude-sonnet-4.5",
                "llm.token_count.prompt": 42,
                "llm.token_count.completion": 12,
                "llm.invocation_parameters": as_json({"model": "anthropic/claude-sonnet-4.5"}),
                "session.id": "s1",
                "metadata": as_json({"tier": "gold"}),
                "tag.tags": ["beta"],
            },
            name="ChatCompletion",
        ),
        scope="openinference.instrumentation.openai",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatCompletion",
        "provider": "openrouter",
        "model_requested": "anthropic/claude-sonnet-4.5",
        "model_used": "anthropic/claude-sonnet-4.5",
        "provider_request_id": "gen-1",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.openai",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 264000,
        "cost_source": "reported",
        "reported_cost_nano_usd": 264000,
        "finish_reason": "stop",
        "session_id": "s1",
        "user_id": "u1",
        "tags": ("beta",),
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {
            "tier": "gold",
            "attributes": {"llm.invocation_parameters": as_json({"model": "anthropic/claude-sonnet-4.5"})},
            "scope": {"name": "openinference.instrumentation.openai"},
        },
        "request_body": {
            "model": "anthropic/claude-sonnet-4.5",
            "messages": [{"role": "user", "content": "Weather?"}],
            "user": "u1",
        },
        "response_body": {
            "id": "gen-1",
            "model": "anthropic/claude-sonnet-4.5",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Cloudy."}}
            ],
            "usage": {"prompt_tokens": 42, "completion_tokens": 12, "cost": 0.000264},
        },
    }


def test_openinference_with_flattened_messages() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.provider": "anthropic",
                "llm.request.model_name": "claude-sonnet-4-5",
                "llm.response.model_name": "claude-sonnet-4-5-20250929",
                "input.value": "__REDACTED__",
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.contents.0.message_content.type": "text",
                "llm.input_messages.0.message.contents.0.message_content.text": "Weather?",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_1",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "get_weather",
                "llm.finish_reason": "tool_use",
                "llm.tools.0.tool.json_schema": as_json({"name": "get_weather"}),
                "llm.token_count.prompt": 42,
                "llm.token_count.completion": 12,
            },
            name="messages.create",
        ),
        scope="openinference.instrumentation.anthropic",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "messages.create",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "model_used": "claude-sonnet-4-5-20250929",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.anthropic",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 306000,
        "cost_source": "computed",
        "finish_reason": "tool_calls",
        "input_preview": "Weather?",
        "metadata": {"scope": {"name": "openinference.instrumentation.anthropic"}},
        "request_body": {
            "model": "claude-sonnet-4-5",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Weather?"}]}],
            "tools": [{"name": "get_weather"}],
        },
        "response_body": {
            "model": "claude-sonnet-4-5-20250929",
            "messages": [
                {"role": "assistant", "tool_calls": [{"id": "call_1", "function": {"name": "get_weather"}}]}
            ],
            "finish_reasons": ["tool_use"],
        },
    }


def test_openinference_reranking_is_a_model_call() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "RERANKER",
                "reranker.model_name": "rerank-3",
                "input.value": "weather",
            },
            name="rerank",
        ),
        scope="openinference.instrumentation.langchain",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "rerank",
        "name": "rerank",
        "model_requested": "rerank-3",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.langchain",
        "input_preview": "weather",
        "metadata": {"scope": {"name": "openinference.instrumentation.langchain"}},
        "request_body": {"input": "weather"},
    }


def test_openllmetry_before_the_conventions() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "Anthropic",
                "llm.request.type": "completion",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.prompt.0.role": "system",
                "gen_ai.prompt.0.content": "Be terse.",
                "gen_ai.prompt.10.role": "assistant",
                "gen_ai.prompt.10.content": "Yes?",
                "gen_ai.prompt.2.role": "user",
                "gen_ai.prompt.2.content": "Weather?",
                "gen_ai.completion.0.role": "assistant",
                "gen_ai.completion.0.content": "Cloudy.",
                "gen_ai.completion.0.finish_reason": "end_turn",
                "gen_ai.usage.prompt_tokens": 2109,
                "gen_ai.usage.completion_tokens": 12,
                "gen_ai.usage.cache_read_input_tokens": 1900,
                "gen_ai.usage.cache_creation_input_tokens": 188,
                "llm.request.functions.0.name": "get_weather",
                "llm.headers": "None",
                "traceloop.association.properties.session_id": "s1",
                "traceloop.association.properties.plan": "pro",
            },
            name="anthropic.chat",
        ),
        scope="opentelemetry.instrumentation.anthropic.v1",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "anthropic.chat",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "dialect": "openllmetry",
        "scope": "opentelemetry.instrumentation.anthropic.v1",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 1518000,
        "cost_source": "computed",
        "finish_reason": "stop",
        "session_id": "s1",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {"plan": "pro", "scope": {"name": "opentelemetry.instrumentation.anthropic.v1"}},
        "request_body": {
            "model": "claude-sonnet-4-5",
            "messages": [
                {"role": "system", "content": "Be terse."},
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": "Yes?"},
            ],
            "tools": [{"name": "get_weather"}],
        },
        "response_body": {
            "messages": [{"role": "assistant", "content": "Cloudy.", "finish_reason": "end_turn"}],
            "finish_reasons": ["end_turn"],
        },
    }


def test_openllmetry_event_dates_the_first_chunk_of_a_stream() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openrouter",
                "gen_ai.request.model": "claude-sonnet-4.5",
                "gen_ai.openai.api_base": "https://openrouter.ai/api/v1/",
                "gen_ai.is_streaming": True,
                "gen_ai.user": "u1",
            },
            name="openai.chat",
            events=[
                event("gen_ai.content.completion.chunk", {}, after_ms=125.0),
                event("gen_ai.content.completion.chunk", {}, after_ms=150.0),
            ],
        ),
        scope="opentelemetry.instrumentation.openai.v1",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "openai.chat",
        "provider": "openrouter",
        "model_requested": "claude-sonnet-4.5",
        "dialect": "openllmetry",
        "scope": "opentelemetry.instrumentation.openai.v1",
        "time_to_first_token_ms": 125.0,
        "user_id": "u1",
        "metadata": {
            "attributes": {
                "gen_ai.openai.api_base": "https://openrouter.ai/api/v1/",
                "gen_ai.is_streaming": True,
            },
            "scope": {"name": "opentelemetry.instrumentation.openai.v1"},
        },
    }


def test_openinference_embeddings_keep_texts_and_no_vectors() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "EMBEDDING",
                "embedding.model_name": "text-embedding-3-small",
                "embedding.embeddings.0.embedding.text": "hello",
                "embedding.embeddings.0.embedding.vector": [0.1, 0.2],
                "embedding.embeddings.1.embedding.text": "world",
                "llm.token_count.prompt": 2,
            },
            name="CreateEmbeddings",
        ),
        scope="openinference.instrumentation.openai",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "embeddings",
        "name": "CreateEmbeddings",
        "provider": "openai",
        "model_requested": "text-embedding-3-small",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.openai",
        "input_tokens": 2,
        "output_tokens": 0,
        "cost_nano_usd": 40,
        "cost_source": "computed",
        "input_preview": "world",
        "metadata": {"scope": {"name": "openinference.instrumentation.openai"}},
        "request_body": {"input": ["hello", "world"]},
    }


def test_openinference_retrievals_keep_their_documents() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "RETRIEVER",
                "input.value": "weather",
                "retrieval.documents.0.document.id": "d1",
                "retrieval.documents.0.document.score": 0.5,
            },
            name="docs",
        ),
        scope="openinference.instrumentation.llama_index",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "retrieval",
        "name": "docs",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.llama_index",
        "input_preview": "weather",
        "output_preview": '[{"document":{"id":"d1","score":0.5}}]',
        "metadata": {"scope": {"name": "openinference.instrumentation.llama_index"}},
        "request_body": {"input": "weather"},
        "response_body": {"documents": [{"document": {"id": "d1", "score": 0.5}}]},
    }
