"""Golden rows of Mastra and VoltAgent."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span


def test_mastra_generations_have_a_time_to_the_first_token() -> None:
    row = row_of(
        span(
            {
                "mastra.span.type": "model_generation",
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "gen_ai.response.id": "resp_m1",
                "gen_ai.usage.input_tokens": 120,
                "gen_ai.usage.output_tokens": 9,
                "gen_ai.usage.cache_read.input_tokens": 64,
                "mastra.completion_start_time": "2026-11-23T02:00:00.060Z",
                "mastra.metadata.userId": "u2",
                "mastra.metadata.threadId": "th-1",
                "mastra.metadata.plan": "pro",
                "mastra.tags": as_json(["a", "b"]),
                "gen_ai.input.messages": as_json(
                    [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
                ),
                "gen_ai.output.messages": as_json(
                    [{"role": "assistant", "parts": [{"type": "text", "content": "Hello."}]}]
                ),
            },
            name="chat gpt-4o-mini",
        ),
        scope="@mastra/otel-exporter",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "resp_m1",
        "dialect": "mastra",
        "scope": "@mastra/otel-exporter",
        "input_tokens": 120,
        "output_tokens": 9,
        "cache_read_tokens": 64,
        "cost_nano_usd": 18600,
        "cost_source": "computed",
        "time_to_first_token_ms": 60.0,
        "session_id": "th-1",
        "user_id": "u2",
        "tags": ("a", "b"),
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {"plan": "pro", "scope": {"name": "@mastra/otel-exporter"}},
        "request_body": {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
        },
        "response_body": {
            "id": "resp_m1",
            "model": "gpt-4o-mini-2024-07-18",
            "messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Hello."}]}],
        },
    }


def test_mastra_steps_are_details_of_a_generation() -> None:
    row = row_of(
        span(
            {
                "mastra.span.type": "model_step",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 120,
                "gen_ai.usage.output_tokens": 9,
                "mastra.model_step.input": as_json([{"role": "user", "parts": [{"text": "Hi"}]}]),
                "mastra.model_step.output": as_json({"text": "Hello."}),
                "mastra.metadata.body": '{"id":1}',
            },
            name="step: 0",
        ),
        scope="@mastra/otel-exporter",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "agent_step",
        "name": "step: 0",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "mastra",
        "scope": "@mastra/otel-exporter",
        "input_preview": "Hi",
        "output_preview": "Hello.",
        "metadata": {"usage": {"input": 120, "output": 9}, "scope": {"name": "@mastra/otel-exporter"}},
        "request_body": {"input": [{"role": "user", "parts": [{"text": "Hi"}]}]},
        "response_body": {"text": "Hello."},
    }


def test_mastra_agents_have_input_and_output() -> None:
    row = row_of(
        span(
            {
                "mastra.span.type": "agent_run",
                "gen_ai.agent.name": "guide",
                "mastra.agent_run.input": "Any boats?",
                "mastra.agent_run.output": as_json({"text": "Two.", "files": []}),
            },
            name="agent run: 'guide'",
        ),
        scope="@mastra/otel-exporter",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "agent run: 'guide'",
        "dialect": "mastra",
        "scope": "@mastra/otel-exporter",
        "input_preview": "Any boats?",
        "output_preview": "Two.",
        "metadata": {
            "attributes": {"gen_ai.agent.name": "guide"},
            "scope": {"name": "@mastra/otel-exporter"},
        },
        "request_body": {"input": "Any boats?"},
        "response_body": {"text": "Two.", "files": []},
    }


def test_mastra_tools_have_arguments_and_a_result() -> None:
    row = row_of(
        span(
            {
                "mastra.span.type": "mcp_tool_call",
                "mastra.mcp_tool_call.input": as_json({"pier": 4}),
                "mastra.mcp_tool_call.output": as_json({"boats": 2}),
            },
            name="tool: 'boats'",
        ),
        scope="mastra",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "tool: 'boats'",
        "dialect": "mastra",
        "scope": "mastra",
        "input_preview": '{"pier":4}',
        "output_preview": '{"boats":2}',
        "metadata": {"scope": {"name": "mastra"}},
        "request_body": {"pier": 4},
        "response_body": {"boats": 2},
    }


def test_voltagent_calls_are_recognised_by_the_type_of_the_span() -> None:
    row = row_of(
        span(
            {
                "span.type": "llm",
                "entity.type": "agent",
                "entity.id": "guide",
                "conversation.id": "conv-v",
                "user.id": "u3",
                "llm.operation": "streamText",
                "llm.model": "gpt-4o-mini",
                "llm.messages": as_json([{"role": "user", "content": "Any boats?"}]),
                "output": "Two.",
                "llm.usage.prompt_tokens": 21,
                "llm.usage.completion_tokens": 2,
                "llm.usage.total_tokens": 23,
                "llm.usage.cached_tokens": 16,
            },
            name="llm:streamText",
        ),
        scope="voltagent-core",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "llm:streamText",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "voltagent",
        "scope": "voltagent-core",
        "input_tokens": 21,
        "output_tokens": 2,
        "cache_read_tokens": 16,
        "cost_nano_usd": 3150,
        "cost_source": "computed",
        "session_id": "conv-v",
        "user_id": "u3",
        "input_preview": "Any boats?",
        "output_preview": "Two.",
        "metadata": {
            "attributes": {"entity.id": "guide", "llm.operation": "streamText"},
            "scope": {"name": "voltagent-core"},
        },
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Any boats?"}]},
        "response_body": {"messages": [{"role": "assistant", "content": "Two."}]},
    }


def test_voltagent_agents_repeat_the_sums_of_their_calls() -> None:
    row = row_of(
        span(
            {
                "entity.type": "agent",
                "agent.messages": as_json([{"role": "user", "content": "Any boats?"}]),
                "output": "Two.",
                "usage.prompt_tokens": 21,
                "usage.completion_tokens": 2,
                "ai.model.name": "gpt-4o-mini",
                "voltagent.conversation_id": "conv-v",
            },
            name="guide",
        ),
        scope="@voltagent/core",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "guide",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "voltagent",
        "scope": "@voltagent/core",
        "session_id": "conv-v",
        "input_preview": "Any boats?",
        "output_preview": "Two.",
        "metadata": {"usage": {"input": 21, "output": 2}, "scope": {"name": "@voltagent/core"}},
        "request_body": {"input": [{"role": "user", "content": "Any boats?"}]},
        "response_body": {"output": "Two."},
    }


def test_voltagent_tools_have_arguments_and_a_result() -> None:
    row = row_of(
        span(
            {
                "span.type": "tool",
                "entity.type": "agent",
                "tool.name": "lookup",
                "input": as_json({"pier": 4}),
                "output": as_json({"boats": 2}),
            },
            name="tool.execution:lookup",
        ),
        scope="voltagent-core",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "tool.execution:lookup",
        "dialect": "voltagent",
        "scope": "voltagent-core",
        "input_preview": '{"pier":4}',
        "output_preview": '{"boats":2}',
        "metadata": {"attributes": {"tool.name": "lookup"}, "scope": {"name": "voltagent-core"}},
        "request_body": {"pier": 4},
        "response_body": {"boats": 2},
    }
