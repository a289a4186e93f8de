"""Golden rows of the OpenAI Agents SDK by Logfire: every span names the provider, few are calls."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span


def test_responses_are_the_calls() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "openai",
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                "logfire.msg_template": "Responses API with {gen_ai.request.model!r}",
                "logfire.span_type": "span",
                "response_id": "resp_1",
                "model_settings": "{}",
                "usage": as_json(
                    {
                        "requests": 1,
                        "input_tokens": 2048,
                        "output_tokens": 320,
                        "total_tokens": 2368,
                        "input_tokens_details": {"cached_tokens": 1536},
                        "output_tokens_details": {"reasoning_tokens": 256},
                    }
                ),
                "response": as_json(
                    {
                        "id": "resp_1",
                        "model": "gpt-4o-mini-2024-07-18",
                        "status": "completed",
                        "output": [
                            {
                                "type": "function_call",
                                "call_id": "call_1",
                                "name": "get_weather",
                                "arguments": "{}",
                            }
                        ],
                    }
                ),
                "raw_input": as_json([{"role": "user", "content": "Weather?"}]),
                "gen_ai.usage.input_tokens": 2048,
                "gen_ai.usage.output_tokens": 320,
            },
            name="Responses API with {gen_ai.request.model!r}",
        ),
        scope="logfire.openai_agents",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "Responses API with {gen_ai.request.model!r}",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "provider_request_id": "resp_1",
        "dialect": "logfire-agents",
        "scope": "logfire.openai_agents",
        "input_tokens": 2048,
        "output_tokens": 320,
        "cache_read_tokens": 1536,
        "reasoning_tokens": 256,
        "cost_nano_usd": 384000,
        "cost_source": "computed",
        "finish_reason": "tool_calls",
        "input_preview": "Weather?",
        "metadata": {"scope": {"name": "logfire.openai_agents"}},
        "request_body": {"messages": [{"role": "user", "content": "Weather?"}]},
        "response_body": {
            "id": "resp_1",
            "model": "gpt-4o-mini-2024-07-18",
            "status": "completed",
            "output": [
                {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"}
            ],
        },
    }


def test_chat_completions_have_messages_on_both_sides() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.model": "gpt-4o-mini",
                "input": as_json([{"role": "user", "content": "Weather?"}]),
                "output": as_json([{"role": "assistant", "content": "Cloudy."}]),
                "request_data": as_json(
                    {
                        "model": "gpt-4o-mini",
                        "messages": [
                            {"role": "user", "content": "Weather?"},
                            {"role": "assistant", "content": "Cloudy."},
                        ],
                    }
                ),
                "logfire.tags": ["LLM"],
                "model_config": "{}",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
            },
            name="Chat completion with {gen_ai.request.model!r}",
        ),
        scope="logfire.openai_agents",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "Chat completion with {gen_ai.request.model!r}",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini",
        "dialect": "logfire-agents",
        "scope": "logfire.openai_agents",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {"scope": {"name": "logfire.openai_agents"}},
        "request_body": {
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": "Cloudy."},
            ],
        },
        "response_body": {"messages": [{"role": "assistant", "content": "Cloudy."}]},
    }


def test_runs_of_an_agent_are_not_calls() -> None:
    row = row_of(
        span({"gen_ai.system": "openai", "name": "A", "tools": "[]"}, name="Agent run: {name!r}"),
        scope="logfire.openai_agents",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "Agent run: {name!r}",
        "provider": "openai",
        "dialect": "logfire-agents",
        "scope": "logfire.openai_agents",
        "metadata": {"attributes": {"name": "A", "tools": "[]"}, "scope": {"name": "logfire.openai_agents"}},
    }


def test_turns_repeat_the_usage_of_their_calls() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "openai",
                "turn": 1,
                "usage": as_json({"input_tokens": 42, "output_tokens": 12}),
            },
            name="Turn {turn} for agent A",
        ),
        scope="logfire.openai_agents",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "agent_step",
        "name": "Turn {turn} for agent A",
        "provider": "openai",
        "dialect": "logfire-agents",
        "scope": "logfire.openai_agents",
        "metadata": {
            "usage": {"input": 42, "output": 12},
            "attributes": {"turn": 1},
            "scope": {"name": "logfire.openai_agents"},
        },
    }


def test_functions_are_tools() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "openai",
                "name": "get_weather",
                "input": as_json({"city": "Paris"}),
                "output": "Cloudy",
                "mcp_data": "null",
            },
            name="Function: {name}",
        ),
        scope="logfire.openai_agents",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "Function: {name}",
        "provider": "openai",
        "dialect": "logfire-agents",
        "scope": "logfire.openai_agents",
        "output_preview": "Cloudy",
        "input_preview": '{"city":"Paris"}',
        "metadata": {
            "attributes": {"name": "get_weather", "mcp_data": "null"},
            "scope": {"name": "logfire.openai_agents"},
        },
        "request_body": {"city": "Paris"},
        "response_body": {"output": "Cloudy"},
    }


def test_handoffs_are_spans() -> None:
    row = row_of(
        span(
            {"gen_ai.system": "openai", "from_agent": "A", "to_agent": "B"},
            name="Handoff: {from_agent} → {to_agent}",
        ),
        scope="logfire.openai_agents",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "span",
        "name": "Handoff: {from_agent} → {to_agent}",
        "provider": "openai",
        "dialect": "logfire-agents",
        "scope": "logfire.openai_agents",
        "metadata": {
            "attributes": {"from_agent": "A", "to_agent": "B"},
            "scope": {"name": "logfire.openai_agents"},
        },
    }


def test_group_of_a_trace_is_the_session() -> None:
    row = row_of(
        span({"name": "wf", "group_id": "s1", "metadata": "null"}, name="OpenAI Agents trace: {name}"),
        scope="logfire.openai_agents",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_workflow",
        "name": "OpenAI Agents trace: {name}",
        "dialect": "logfire-agents",
        "scope": "logfire.openai_agents",
        "session_id": "s1",
        "metadata": {
            "attributes": {"name": "wf", "metadata": "null"},
            "scope": {"name": "logfire.openai_agents"},
        },
    }


def test_a_trace_without_a_group_has_no_session() -> None:
    row = row_of(
        span({"name": "wf", "group_id": "null"}, name="OpenAI Agents trace: {name}"),
        scope="logfire.openai_agents",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_workflow",
        "name": "OpenAI Agents trace: {name}",
        "dialect": "logfire-agents",
        "scope": "logfire.openai_agents",
        "metadata": {"attributes": {"name": "wf"}, "scope": {"name": "logfire.openai_agents"}},
    }
