"""Golden rows of Spring AI and LangChain4j in Quarkus."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span


def test_spring_ai_models_are_calls_whose_values_are_texts() -> None:
    row = row_of(
        span(
            {
                "spring.ai.kind": "chat_model",
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.response.id": "chatcmpl-s1",
                "gen_ai.request.temperature": "0.2",
                "gen_ai.response.finish_reasons": as_json(["STOP"]),
                "gen_ai.usage.input_tokens": "42",
                "gen_ai.usage.output_tokens": "12",
                "gen_ai.usage.total_tokens": "54",
            },
            name="chat gpt-4o-mini",
        ),
        scope="org.springframework.boot",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "chatcmpl-s1",
        "dialect": "spring-ai",
        "scope": "org.springframework.boot",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "finish_reason": "stop",
        "metadata": {
            "attributes": {"gen_ai.request.temperature": "0.2"},
            "scope": {"name": "org.springframework.boot"},
        },
    }


def test_spring_ai_clients_repeat_their_child_calls() -> None:
    row = row_of(
        span(
            {
                "spring.ai.kind": "chat_client",
                "gen_ai.operation.name": "framework",
                "gen_ai.system": "spring_ai",
                "spring.ai.chat.client.stream": "false",
                "spring.ai.chat.client.conversation.id": "c-1",
                "spring.ai.chat.client.user.text": "Hi",
            },
            name="spring_ai chat_client",
        ),
        scope="org.springframework.boot",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "chain",
        "name": "spring_ai chat_client",
        "dialect": "spring-ai",
        "scope": "org.springframework.boot",
        "session_id": "c-1",
        "input_preview": "Hi",
        "metadata": {
            "attributes": {"spring.ai.chat.client.stream": "false"},
            "scope": {"name": "org.springframework.boot"},
        },
        "request_body": {"input": "Hi"},
    }


def test_spring_ai_conversations_called_default_are_not_sessions() -> None:
    row = row_of(
        span(
            {
                "spring.ai.kind": "chat_client",
                "gen_ai.operation.name": "framework",
                "gen_ai.system": "spring_ai",
                "spring.ai.chat.client.conversation.id": "default",
            },
            name="spring_ai chat_client",
        ),
        scope="org.springframework.boot",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "chain",
        "name": "spring_ai chat_client",
        "dialect": "spring-ai",
        "scope": "org.springframework.boot",
        "metadata": {"scope": {"name": "org.springframework.boot"}},
    }


def test_spring_ai_tools_have_arguments_and_a_result() -> None:
    row = row_of(
        span(
            {
                "spring.ai.kind": "tool_call",
                "gen_ai.operation.name": "framework",
                "gen_ai.system": "spring_ai",
                "spring.ai.tool.definition.name": "weather",
                "spring.ai.tool.call.arguments": as_json({"city": "Ulm"}),
                "spring.ai.tool.call.result": '"Sunny"',
            },
            name="tool_call weather",
        ),
        scope="org.springframework.boot",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "tool_call weather",
        "dialect": "spring-ai",
        "scope": "org.springframework.boot",
        "output_preview": "Sunny",
        "input_preview": '{"city":"Ulm"}',
        "metadata": {
            "attributes": {"spring.ai.tool.definition.name": "weather"},
            "scope": {"name": "org.springframework.boot"},
        },
        "request_body": {"city": "Ulm"},
        "response_body": {"result": "Sunny"},
    }


def test_spring_ai_vector_stores_are_retrievals() -> None:
    row = row_of(
        span(
            {
                "spring.ai.kind": "vector_store",
                "db.operation.name": "query",
                "db.system": "pg_vector",
                "db.vector.query.content": "dunes",
                "db.vector.query.top_k": "4",
                "db.vector.query.response.documents": as_json(["Marram."]),
            },
            name="pg_vector query",
        ),
        scope="org.springframework.boot",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "retrieval",
        "name": "pg_vector query",
        "dialect": "spring-ai",
        "scope": "org.springframework.boot",
        "input_preview": "dunes",
        "output_preview": "Marram.",
        "metadata": {
            "attributes": {
                "db.operation.name": "query",
                "db.system": "pg_vector",
                "db.vector.query.top_k": "4",
            },
            "scope": {"name": "org.springframework.boot"},
        },
        "request_body": {"query": "dunes"},
        "response_body": {"documents": ["Marram."]},
    }


def test_langchain4j_tools_are_recognised_by_name() -> None:
    row = row_of(
        span(
            {"gen_ai.tool.call.arguments": as_json({"city": "Ulm"}), "gen_ai.tool.call.result": "Sunny"},
            name="langchain4j.tools.weather",
        ),
        scope="io.quarkus.opentelemetry",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "langchain4j.tools.weather",
        "dialect": "langchain4j",
        "scope": "io.quarkus.opentelemetry",
        "output_preview": "Sunny",
        "input_preview": '{"city":"Ulm"}',
        "metadata": {"scope": {"name": "io.quarkus.opentelemetry"}},
        "request_body": {"city": "Ulm"},
        "response_body": {"result": "Sunny"},
    }


def test_langchain4j_calls_have_prompt_and_completion() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.response.id": "chatcmpl-q1",
                "gen_ai.response.finish_reasons": "TOOL_EXECUTION",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.prompt": "Hi",
                "gen_ai.completion": "Hello.",
                "gen_ai.client.estimated_cost": "0.0001EUR",
            },
            name="chat gpt-4o-mini",
        ),
        scope="io.quarkus.opentelemetry",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "chatcmpl-q1",
        "dialect": "langchain4j",
        "scope": "io.quarkus.opentelemetry",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "finish_reason": "tool_calls",
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {"scope": {"name": "io.quarkus.opentelemetry"}},
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]},
        "response_body": {
            "id": "chatcmpl-q1",
            "model": "gpt-4o-mini-2024-07-18",
            "messages": [{"role": "assistant", "content": "Hello."}],
            "finish_reasons": ["TOOL_EXECUTION"],
        },
    }
