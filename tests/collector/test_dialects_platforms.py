"""Golden rows of LangWatch, Braintrust, Laminar, Sentry, Dify, and OpenRouter's export."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span


def test_langwatch_values_are_typed() -> None:
    row = row_of(
        span(
            {
                "langwatch.span.type": "llm",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "langwatch.input": as_json(
                    {"type": "chat_messages", "value": [{"role": "user", "content": "Hi"}]}
                ),
                "langwatch.output": as_json(
                    {"type": "chat_messages", "value": [{"role": "assistant", "content": "Hello."}]}
                ),
                "langwatch.metrics": as_json(
                    {"type": "json", "value": {"promptTokens": 42, "completionTokens": 12, "cost": 0.001}}
                ),
                "langwatch.timestamps": as_json(
                    {
                        "started_at": 1795399200000,
                        "first_token_at": 1795399200080,
                        "finished_at": 1795399200250,
                    }
                ),
                "langwatch.thread.id": "t5",
                "metadata": as_json({"user_id": "u5", "labels": ["beta"], "plan": "pro"}),
            },
            name="chat",
        ),
        scope="langwatch",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "dialect": "langwatch",
        "scope": "langwatch",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 1000000,
        "cost_source": "reported",
        "reported_cost_nano_usd": 1000000,
        "time_to_first_token_ms": 80.0,
        "session_id": "t5",
        "user_id": "u5",
        "tags": ("beta",),
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {"user_id": "u5", "plan": "pro", "scope": {"name": "langwatch"}},
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]},
        "response_body": {
            "model": "gpt-4o-mini-2024-07-18",
            "messages": [{"role": "assistant", "content": "Hello."}],
        },
    }


def test_langwatch_retrievals_have_their_contexts() -> None:
    row = row_of(
        span(
            {
                "langwatch.span.type": "rag",
                "langwatch.input": as_json({"type": "text", "value": "dunes"}),
                "langwatch.rag.contexts": as_json(
                    {"type": "json", "value": [{"document_id": "d1", "content": "Marram."}]}
                ),
            },
            name="search",
        ),
        scope="langwatch",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "retrieval",
        "name": "search",
        "dialect": "langwatch",
        "scope": "langwatch",
        "input_preview": "dunes",
        "output_preview": "Marram.",
        "metadata": {"scope": {"name": "langwatch"}},
        "request_body": {"query": "dunes"},
        "response_body": {"documents": [{"document_id": "d1", "content": "Marram."}]},
    }


def test_braintrust_has_documents() -> None:
    row = row_of(
        span(
            {
                "braintrust.span_attributes": as_json({"type": "llm", "name": "Chat Completion"}),
                "braintrust.input_json": as_json([{"role": "user", "content": "Hi"}]),
                "braintrust.output_json": as_json(
                    [
                        {
                            "index": 0,
                            "message": {"role": "assistant", "content": "Hello."},
                            "finish_reason": "stop",
                        }
                    ]
                ),
                "braintrust.metadata": as_json(
                    {"provider": "openai", "model": "gpt-4o-mini", "temperature": 0.2, "user_id": "u6"}
                ),
                "braintrust.metrics": as_json(
                    {
                        "prompt_tokens": 42,
                        "completion_tokens": 12,
                        "tokens": 54,
                        "prompt_cached_tokens": 32,
                        "time_to_first_token": 0.07,
                    }
                ),
                "braintrust.tags": ["x"],
            },
            name="Chat Completion",
        ),
        scope="braintrust",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "Chat Completion",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "braintrust",
        "scope": "braintrust",
        "input_tokens": 42,
        "output_tokens": 12,
        "cache_read_tokens": 32,
        "cost_nano_usd": 11100,
        "cost_source": "computed",
        "finish_reason": "stop",
        "time_to_first_token_ms": 70.0,
        "user_id": "u6",
        "tags": ("x",),
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {
            "provider": "openai",
            "model": "gpt-4o-mini",
            "temperature": 0.2,
            "user_id": "u6",
            "scope": {"name": "braintrust"},
        },
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]},
        "response_body": {
            "messages": [
                {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
            ],
            "finish_reasons": ["stop"],
        },
    }


def test_braintrust_members_may_be_flat() -> None:
    row = row_of(
        span(
            {
                "braintrust.span_attributes.type": "llm",
                "braintrust.metadata.model": "gpt-4o-mini",
                "braintrust.metrics.prompt_tokens": 42,
                "braintrust.metrics.completion_tokens": 12,
                "braintrust.input": "Hi",
                "braintrust.output": "Hello.",
            },
            name="call",
        ),
        scope="braintrust.functions",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "call",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "braintrust",
        "scope": "braintrust.functions",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {"scope": {"name": "braintrust.functions"}},
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]},
        "response_body": {"messages": [{"role": "assistant", "content": "Hello."}]},
    }


def test_laminar_spans_have_input_and_output() -> None:
    row = row_of(
        span(
            {
                "lmnr.span.type": "TOOL",
                "lmnr.span.input": as_json({"goal": "walk"}),
                "lmnr.span.output": '"done"',
                "lmnr.span.path": ["app", "plan"],
                "lmnr.association.properties.session_id": "s8",
                "lmnr.association.properties.user_id": "u8",
                "lmnr.association.properties.metadata.plan": "pro",
                "lmnr.association.properties.tags": ["t"],
            },
            name="plan",
        ),
        scope="lmnr.tracer",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "plan",
        "dialect": "laminar",
        "scope": "lmnr.tracer",
        "session_id": "s8",
        "user_id": "u8",
        "tags": ("t",),
        "output_preview": "done",
        "input_preview": '{"goal":"walk"}',
        "metadata": {"plan": "pro", "scope": {"name": "lmnr.tracer"}},
        "request_body": {"goal": "walk"},
        "response_body": {"result": "done"},
    }


def test_laminar_answers_from_its_cache_are_not_calls() -> None:
    row = row_of(
        span(
            {
                "lmnr.span.type": "CACHED",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "lmnr.span.output": "Hello.",
            },
            name="openai.chat",
        ),
        scope="lmnr.tracer",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "cached",
        "name": "openai.chat",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "laminar",
        "scope": "lmnr.tracer",
        "output_preview": "Hello.",
        "metadata": {"usage": {"input": 42, "output": 12}, "scope": {"name": "lmnr.tracer"}},
        "response_body": {"output": "Hello."},
    }


def test_openrouter_reports_its_cost() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "Anthropic",
                "gen_ai.request.model": "anthropic/claude-sonnet-4.5",
                "gen_ai.response.model": "anthropic/claude-4.5-sonnet-20250929",
                "gen_ai.response.id": "gen-17-a",
                "gen_ai.response.finish_reason": "stop",
                "gen_ai.usage.input_tokens": 2400,
                "gen_ai.usage.output_tokens": 320,
                "gen_ai.usage.input_tokens.cached": 2048,
                "gen_ai.usage.output_tokens.reasoning": 120,
                "gen_ai.usage.total_cost": 0.0064704,
                "gen_ai.prompt": as_json({"messages": [{"role": "user", "content": "KeyPlan a walk"}]}),
                "gen_ai.completion": as_json({"completion": "Start early.", "reasoning": "short"}),
                "span.input": as_json({"messages": [{"role": "user", "content": "KeyPlan a walk"}]}),
                "trace.output": as_json({"completion": "Start early."}),
                "span.type": "generation",
                "session.id": "s9",
                "user.id": "u9",
                "trace.metadata.team": "coast",
                "trace.metadata.openrouter.api_key_name": "walks",
            },
            name="LLM Generation",
        ),
        scope="openrouter",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "LLM Generation",
        "provider": "openrouter",
        "model_requested": "anthropic/claude-sonnet-4.5",
        "model_used": "anthropic/claude-4.5-sonnet-20250929",
        "provider_request_id": "gen-17-a",
        "dialect": "openrouter",
        "scope": "openrouter",
        "input_tokens": 2400,
        "output_tokens": 320,
        "cache_read_tokens": 2048,
        "reasoning_tokens": 120,
        "cost_nano_usd": 6470400,
        "cost_source": "reported",
        "reported_cost_nano_usd": 6470400,
        "finish_reason": "stop",
        "session_id": "s9",
        "user_id": "u9",
        "input_preview": "KeyPlan a walk",
        "output_preview": "Start early.",
        "metadata": {
            "team": "coast",
            "openrouter.api_key_name": "walks",
            "attributes": {"gen_ai.provider.name": "Anthropic"},
            "scope": {"name": "openrouter"},
        },
        "request_body": {
            "model": "anthropic/claude-sonnet-4.5",
            "messages": [{"role": "user", "content": "KeyPlan a walk"}],
        },
        "response_body": {
            "id": "gen-17-a",
            "model": "anthropic/claude-4.5-sonnet-20250929",
            "messages": [{"role": "assistant", "content": "Start early.", "reasoning": "short"}],
            "finish_reasons": ["stop"],
        },
    }


def test_sentry_names_are_recognised() -> None:
    row = row_of(
        span(
            {
                "sentry.op": "gen_ai.chat",
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.request.messages": as_json([{"role": "user", "content": "Hi"}]),
                "gen_ai.response.text": as_json(["Hello."]),
                "gen_ai.response.tool_calls": as_json([{"id": "c1", "name": "f", "arguments": "{}"}]),
                "gen_ai.request.available_tools": as_json([{"name": "f"}]),
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.input_tokens.cached": 32,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.output_tokens.reasoning": 4,
                "gen_ai.usage.total_tokens": 54,
            },
            name="chat gpt-4o-mini",
        ),
        scope="sentry.python",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "dialect": "sentry",
        "scope": "sentry.python",
        "input_tokens": 42,
        "output_tokens": 12,
        "cache_read_tokens": 32,
        "reasoning_tokens": 4,
        "cost_nano_usd": 11100,
        "cost_source": "computed",
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {"attributes": {"sentry.op": "gen_ai.chat"}, "scope": {"name": "sentry.python"}},
        "request_body": {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "Hi"}],
            "tools": [{"name": "f"}],
        },
        "response_body": {
            "model": "gpt-4o-mini-2024-07-18",
            "messages": [
                {
                    "role": "assistant",
                    "content": "Hello.",
                    "tool_calls": [{"id": "c1", "name": "f", "arguments": "{}"}],
                }
            ],
        },
    }


def test_sentry_tools_have_input_and_output() -> None:
    row = row_of(
        span(
            {
                "sentry.op": "gen_ai.execute_tool",
                "gen_ai.tool.name": "f",
                "gen_ai.tool.input": as_json({"a": 1}),
                "gen_ai.tool.output": "2",
            },
            name="execute_tool f",
        ),
        scope="sentry",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "execute_tool f",
        "dialect": "sentry",
        "scope": "sentry",
        "input_preview": '{"a":1}',
        "output_preview": "2",
        "metadata": {
            "attributes": {"sentry.op": "gen_ai.execute_tool", "gen_ai.tool.name": "f"},
            "scope": {"name": "sentry"},
        },
        "request_body": {"a": 1},
        "response_body": {"result": 2},
    }


def test_sentry_spans_of_other_operations_are_not_gen_ai() -> None:
    row = row_of(
        span({"sentry.op": "http.client", "sentry.environment": "prod"}, name="GET /"), scope="sentry"
    )
    assert known_columns(row) == {
        "model_call": False,
        "gen_ai": False,
        "name": "GET /",
        "scope": "sentry",
        "environment": "prod",
        "metadata": {"attributes": {"sentry.op": "http.client"}, "scope": {"name": "sentry"}},
    }


def test_dify_nodes_have_kinds() -> None:
    row = row_of(
        span(
            {
                "gen_ai.span.kind": "GENERATION",
                "gen_ai.framework": "dify",
                "gen_ai.session.id": "s10",
                "gen_ai.user.id": "u10",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.usage.total_tokens": 54,
                "gen_ai.prompt": as_json([{"role": "user", "text": "Hi"}]),
                "gen_ai.completion": "Hello.",
                "gen_ai.response.finish_reason": "stop",
            },
            name="GENERATION",
        ),
        scope="dify-sdk",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "GENERATION",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini",
        "dialect": "dify",
        "scope": "dify-sdk",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "finish_reason": "stop",
        "session_id": "s10",
        "user_id": "u10",
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {"attributes": {"gen_ai.framework": "dify"}, "scope": {"name": "dify-sdk"}},
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "text": "Hi"}]},
        "response_body": {
            "model": "gpt-4o-mini",
            "messages": [{"role": "assistant", "content": "Hello."}],
            "finish_reasons": ["stop"],
        },
    }


def test_dify_retrievals_have_query_and_documents() -> None:
    row = row_of(
        span(
            {
                "gen_ai.span.kind": "RETRIEVER",
                "gen_ai.framework": "dify",
                "retrieval.query": "dunes",
                "retrieval.document": as_json([{"content": "Marram.", "score": 0.9}]),
            },
            name="RETRIEVER",
        ),
        scope="dify-sdk",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "retrieval",
        "name": "RETRIEVER",
        "dialect": "dify",
        "scope": "dify-sdk",
        "input_preview": "dunes",
        "output_preview": "Marram.",
        "metadata": {"attributes": {"gen_ai.framework": "dify"}, "scope": {"name": "dify-sdk"}},
        "request_body": {"query": "dunes"},
        "response_body": {"documents": [{"content": "Marram.", "score": 0.9}]},
    }


def test_dify_workflows_have_input_and_output() -> None:
    row = row_of(
        span(
            {
                "gen_ai.span.kind": "WORKFLOW",
                "gen_ai.entity.input": as_json({"sys.query": "Hi"}),
                "gen_ai.entity.output": as_json({"answer": "Hello."}),
            },
            name="WORKFLOW",
        ),
        scope="dify-sdk",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_workflow",
        "name": "WORKFLOW",
        "dialect": "dify",
        "scope": "dify-sdk",
        "output_preview": "Hello.",
        "input_preview": '{"sys.query":"Hi"}',
        "metadata": {"scope": {"name": "dify-sdk"}},
        "request_body": {"sys.query": "Hi"},
        "response_body": {"answer": "Hello."},
    }
