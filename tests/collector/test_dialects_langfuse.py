"""Golden rows of Langfuse, LangSmith and MLflow."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span


def test_langfuse_usage_set_by_the_application() -> None:
    row = row_of(
        span(
            {
                "langfuse.observation.type": "generation",
                "langfuse.observation.input": as_json([{"role": "user", "content": "Weather?"}]),
                "langfuse.observation.output": "Cloudy.",
                "langfuse.observation.model.name": "claude-sonnet-4-5",
                "langfuse.observation.model.parameters": as_json(
                    {"max_tokens": "Infinity", "temperature": 0.2}
                ),
                "langfuse.observation.usage_details": as_json(
                    {
                        "input": 21,
                        "output": 12,
                        "cache_read_input_tokens": 1900,
                        "cache_creation_input_tokens": 188,
                    }
                ),
                "langfuse.observation.completion_start_time": as_json("2026-11-23T02:00:00.125000Z"),
                "langfuse.observation.metadata.finish_reason": '"stop"',
                "langfuse.trace.metadata.tier": '"gold"',
                "langfuse.trace.tags": ["beta"],
                "langfuse.environment": "staging",
                "langfuse.release": "1.4.2",
                "session.id": "s1",
                "user.id": "u1",
            },
            name="claude",
        ),
        scope="langfuse-sdk",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "claude",
        "provider": "anthropic",
        "model_used": "claude-sonnet-4-5",
        "dialect": "langfuse",
        "scope": "langfuse-sdk",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cost_nano_usd": 1518000,
        "cost_source": "computed",
        "finish_reason": "stop",
        "time_to_first_token_ms": 125.0,
        "session_id": "s1",
        "user_id": "u1",
        "tags": ("beta",),
        "environment": "staging",
        "release": "1.4.2",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {"tier": "gold", "scope": {"name": "langfuse-sdk"}},
        "request_body": {"messages": [{"role": "user", "content": "Weather?"}], "temperature": 0.2},
        "response_body": {"output": "Cloudy."},
    }


def test_langfuse_errors_have_a_level() -> None:
    row = row_of(
        span(
            {
                "langfuse.observation.type": "generation",
                "langfuse.observation.level": "ERROR",
                "langfuse.observation.status_message": "429 rate limited",
                "langfuse.observation.model.name": "gpt-4o-mini",
            },
            name="failing",
        ),
        scope="langfuse-sdk",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "failing",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "langfuse",
        "scope": "langfuse-sdk",
        "status": "error",
        "error_message": "429 rate limited",
        "metadata": {
            "attributes": {"langfuse.observation.level": "ERROR"},
            "scope": {"name": "langfuse-sdk"},
        },
    }


def test_langsmith_with_usage_in_pythons_repr() -> None:
    row = row_of(
        span(
            {
                "langsmith.span.kind": "llm",
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.prompt": as_json(
                    {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Weather?"}]}
                ),
                "gen_ai.completion": as_json(
                    {
                        "id": "msg_1",
                        "type": "message",
                        "role": "assistant",
                        "model": "claude-sonnet-4-5-20250929",
                        "content": [{"type": "text", "text": "Cloudy."}],
                        "stop_reason": "end_turn",
                    }
                ),
                "gen_ai.usage.input_tokens": 2109,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.input_token_details": repr(
                    {"cache_read": 1900, "ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 88}
                ),
                "langsmith.metadata.thread_id": "s1",
                "langsmith.metadata.LANGSMITH_API_KEY": "lsv2_secret",
                "langsmith.metadata.plan": "pro",
                "langsmith.span.tags": "beta, paris",
            },
            status=1,
            name="ChatAnthropic",
        ),
        scope="langsmith",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatAnthropic",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "model_used": "claude-sonnet-4-5-20250929",
        "provider_request_id": "msg_1",
        "dialect": "langsmith",
        "scope": "langsmith",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cache_write_tokens": 188,
        "cache_write_1h_tokens": 88,
        "cost_nano_usd": 1716000,
        "cost_source": "computed",
        "finish_reason": "stop",
        "session_id": "s1",
        "tags": ("beta", "paris"),
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {"plan": "pro", "scope": {"name": "langsmith"}},
        "request_body": {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Weather?"}]},
        "response_body": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": [{"type": "text", "text": "Cloudy."}],
            "stop_reason": "end_turn",
        },
    }


def test_langsmith_retrievers_are_not_embeddings() -> None:
    row = row_of(
        span(
            {
                "langsmith.span.kind": "retriever",
                "gen_ai.operation.name": "embeddings",
                "gen_ai.system": "langchain",
                "gen_ai.prompt": as_json({"q": "weather"}),
            },
            status=1,
            name="docs",
        ),
        scope="langsmith",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "retrieval",
        "name": "docs",
        "dialect": "langsmith",
        "scope": "langsmith",
        "input_preview": '{"q":"weather"}',
        "metadata": {"scope": {"name": "langsmith"}},
        "request_body": {"q": "weather"},
    }


def test_mlflow_with_every_value_in_json() -> None:
    row = row_of(
        span(
            {
                "mlflow.spanType": '"CHAT_MODEL"',
                "mlflow.traceRequestId": '"tr-1"',
                "mlflow.llm.provider": '"openai"',
                "mlflow.llm.model": as_json("gpt-4o-mini-2024-07-18"),
                "mlflow.spanInputs": as_json(
                    {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Weather?"}]}
                ),
                "mlflow.spanOutputs": as_json(
                    {
                        "id": "chatcmpl-1",
                        "model": "gpt-4o-mini-2024-07-18",
                        "choices": [
                            {"finish_reason": "stop", "message": {"role": "assistant", "content": "Cloudy."}}
                        ],
                    }
                ),
                "mlflow.chat.tokenUsage": as_json(
                    {"input_tokens": 2109, "output_tokens": 12, "cache_read_input_tokens": 1900}
                ),
                "mlflow.trace.session": '"s1"',
                "mlflow.trace.user": '"u1"',
            },
            name="Completions",
        ),
        scope="mlflow",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "Completions",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "chatcmpl-1",
        "dialect": "mlflow",
        "scope": "mlflow",
        "input_tokens": 2109,
        "output_tokens": 12,
        "cache_read_tokens": 1900,
        "cost_nano_usd": 181050,
        "cost_source": "computed",
        "finish_reason": "stop",
        "session_id": "s1",
        "user_id": "u1",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {"scope": {"name": "mlflow"}},
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Weather?"}]},
        "response_body": {
            "id": "chatcmpl-1",
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "Cloudy."}}],
        },
    }


def test_langfuse_langchain_callback_has_model_and_session_in_metadata() -> None:
    row = row_of(
        span(
            {
                "langfuse.observation.type": "generation",
                "langfuse.observation.model.name": "gpt-4o-mini-2024-07-18",
                "langfuse.observation.metadata.ls_model_name": '"gpt-4o-mini"',
                "langfuse.observation.metadata.ls_provider": '"openai"',
                "langfuse.observation.metadata.langfuse_session_id": '"s1"',
                "langfuse.observation.metadata.user_id": '"u1"',
                "langfuse.observation.usage_details": as_json({"input": 42, "output": 12, "total": 54}),
            },
            name="ChatOpenAI",
        ),
        scope="langfuse-sdk",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "ChatOpenAI",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "dialect": "langfuse",
        "scope": "langfuse-sdk",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "session_id": "s1",
        "user_id": "u1",
        "metadata": {
            "ls_model_name": "gpt-4o-mini",
            "ls_provider": "openai",
            "langfuse_session_id": "s1",
            "user_id": "u1",
            "scope": {"name": "langfuse-sdk"},
        },
    }
