"""Golden rows of coding agents: Claude Code, Codex CLI, Gemini CLI, Copilot in VS Code."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span


def test_claude_code_requests_are_calls_with_input_without_the_cache() -> None:
    row = row_of(
        span(
            {
                "span.type": "llm_request",
                "session.id": "s1",
                "user.id": "u1",
                "gen_ai.system": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5-20250929",
                "model": "claude-sonnet-4-5-20250929",
                "query_source": "repl_main_thread",
                "speed": "normal",
                "duration_ms": 250,
                "ttft_ms": 90,
                "input_tokens": 4,
                "output_tokens": 310,
                "cache_read_tokens": 12000,
                "cache_creation_tokens": 900,
                "request_id": "req_011A",
                "attempt": 1,
                "success": True,
                "stop_reason": "tool_use",
                "cost_usd": 0.5,
                "user_system_prompt": "Be brief.",
                "response.model_output": "Reading it.",
                "new_context": "Fix the parser",
            },
            name="claude_code.llm_request",
        ),
        scope="com.anthropic.claude_code.tracing",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "claude_code.llm_request",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5-20250929",
        "provider_request_id": "req_011A",
        "dialect": "claude-code",
        "scope": "com.anthropic.claude_code.tracing",
        "input_tokens": 12904,
        "output_tokens": 310,
        "cache_read_tokens": 12000,
        "cache_write_tokens": 900,
        "cost_nano_usd": 11637000,
        "cost_source": "computed",
        "estimated_cost_nano_usd": 500000000,
        "finish_reason": "tool_calls",
        "time_to_first_token_ms": 90.0,
        "session_id": "s1",
        "user_id": "u1",
        "input_preview": "Fix the parser",
        "output_preview": "Reading it.",
        "metadata": {
            "attributes": {
                "span.type": "llm_request",
                "query_source": "repl_main_thread",
                "speed": "normal",
                "duration_ms": 250,
                "attempt": 1,
                "success": True,
            },
            "scope": {"name": "com.anthropic.claude_code.tracing"},
        },
        "request_body": {
            "model": "claude-sonnet-4-5-20250929",
            "system_instructions": "Be brief.",
            "messages": [{"role": "user", "content": "Fix the parser"}],
        },
        "response_body": {
            "id": "req_011A",
            "messages": [{"role": "assistant", "content": "Reading it."}],
            "finish_reasons": ["tool_use"],
        },
    }


def test_claude_code_requests_that_failed_have_no_tokens() -> None:
    row = row_of(
        span(
            {
                "session.id": "s1",
                "gen_ai.system": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5-20250929",
                "success": False,
                "error": "overloaded",
                "status_code": 529,
                "request_id": "req_011B",
            },
            name="claude_code.llm_request",
        ),
        scope="com.anthropic.claude_code.tracing",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "claude_code.llm_request",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5-20250929",
        "provider_request_id": "req_011B",
        "dialect": "claude-code",
        "scope": "com.anthropic.claude_code.tracing",
        "status": "error",
        "error_message": "overloaded",
        "session_id": "s1",
        "metadata": {
            "attributes": {"success": False, "status_code": 529},
            "scope": {"name": "com.anthropic.claude_code.tracing"},
        },
    }


def test_claude_code_interactions_are_agents() -> None:
    row = row_of(
        span(
            {
                "span.type": "interaction",
                "session.id": "s1",
                "user_prompt": "Fix the parser",
                "user_prompt_length": 14,
                "interaction.sequence": 1,
            },
            name="claude_code.interaction",
        ),
        scope="com.anthropic.claude_code.tracing",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "claude_code.interaction",
        "dialect": "claude-code",
        "scope": "com.anthropic.claude_code.tracing",
        "session_id": "s1",
        "input_preview": "Fix the parser",
        "metadata": {
            "attributes": {"span.type": "interaction", "user_prompt_length": 14, "interaction.sequence": 1},
            "scope": {"name": "com.anthropic.claude_code.tracing"},
        },
        "request_body": {"input": "Fix the parser"},
    }


def test_claude_code_tools_are_tools() -> None:
    row = row_of(
        span(
            {
                "span.type": "tool",
                "session.id": "s1",
                "tool_name": "Bash",
                "gen_ai.tool.call.id": "toolu_1",
                "full_command": "ls src",
                "duration_ms": 18,
            },
            name="claude_code.tool",
        ),
        scope="com.anthropic.claude_code.tracing",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "claude_code.tool",
        "dialect": "claude-code",
        "scope": "com.anthropic.claude_code.tracing",
        "session_id": "s1",
        "input_preview": "ls src",
        "metadata": {
            "attributes": {
                "span.type": "tool",
                "tool_name": "Bash",
                "gen_ai.tool.call.id": "toolu_1",
                "duration_ms": 18,
            },
            "scope": {"name": "com.anthropic.claude_code.tracing"},
        },
        "request_body": {"arguments": "ls src"},
    }


def test_codex_responses_have_their_tokens_on_the_last_event() -> None:
    row = row_of(
        span(
            {
                "codex.request.reasoning_effort": "medium",
                "gen_ai.usage.input_tokens": 9000,
                "gen_ai.usage.cache_read.input_tokens": 7000,
                "gen_ai.usage.output_tokens": 400,
                "codex.usage.reasoning_output_tokens": 120,
                "codex.usage.total_tokens": 9400,
            },
            name="handle_responses",
        ),
        scope="codex_cli_rs",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "handle_responses",
        "provider": "openai",
        "dialect": "codex",
        "scope": "codex_cli_rs",
        "input_tokens": 9000,
        "output_tokens": 400,
        "cache_read_tokens": 7000,
        "reasoning_tokens": 120,
        "metadata": {
            "attributes": {"codex.request.reasoning_effort": "medium"},
            "scope": {"name": "codex_cli_rs"},
        },
    }


def test_codex_turns_repeat_the_sums_of_their_calls() -> None:
    row = row_of(
        span(
            {
                "model": "gpt-5-codex",
                "thread.id": "t1",
                "turn.id": "turn-1",
                "codex.turn.token_usage.input_tokens": 18000,
                "codex.turn.token_usage.output_tokens": 800,
            },
            name="session_task.turn",
        ),
        scope="codex_exec",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "session_task.turn",
        "provider": "openai",
        "model_requested": "gpt-5-codex",
        "dialect": "codex",
        "scope": "codex_exec",
        "session_id": "t1",
        "metadata": {
            "usage": {"input": 18000, "output": 800},
            "attributes": {"turn.id": "turn-1"},
            "scope": {"name": "codex_exec"},
        },
    }


def test_gemini_cli_operation_names_are_recognised() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "llm_call",
                "gen_ai.agent.name": "gemini-cli",
                "gen_ai.conversation.id": "g1",
                "gen_ai.request.model": "gemini-2.5-flash",
                "gen_ai.response.model": "gemini-2.5-flash",
                "gen_ai.usage.input_tokens": 500,
                "gen_ai.usage.output_tokens": 40,
                "gen_ai.input.messages": as_json([{"role": "user", "parts": [{"text": "List files"}]}]),
                "gen_ai.output.messages": as_json([{"role": "model", "parts": [{"text": "Two files."}]}]),
            },
            name="llm_call",
        ),
        scope="gemini-cli",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "llm_call",
        "provider": "google",
        "model_requested": "gemini-2.5-flash",
        "model_used": "gemini-2.5-flash",
        "dialect": "gemini-cli",
        "scope": "gemini-cli",
        "input_tokens": 500,
        "output_tokens": 40,
        "cost_nano_usd": 250000,
        "cost_source": "computed",
        "session_id": "g1",
        "input_preview": "List files",
        "output_preview": "Two files.",
        "metadata": {"attributes": {"gen_ai.agent.name": "gemini-cli"}, "scope": {"name": "gemini-cli"}},
        "request_body": {
            "model": "gemini-2.5-flash",
            "messages": [{"role": "user", "parts": [{"text": "List files"}]}],
        },
        "response_body": {
            "model": "gemini-2.5-flash",
            "messages": [{"role": "model", "parts": [{"text": "Two files."}]}],
        },
    }


def test_copilot_chat_has_its_own_session_and_first_token() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.id": "chatcmpl-c1",
                "gen_ai.usage.input_tokens": 700,
                "gen_ai.usage.output_tokens": 60,
                "copilot_chat.chat_session_id": "vs-1",
                "copilot_chat.time_to_first_token": 140,
                "copilot_chat.user_request": "Rename it",
                "copilot_chat.location": "panel",
            },
            name="chat gpt-4o",
        ),
        scope="copilot-chat",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "provider_request_id": "chatcmpl-c1",
        "dialect": "copilot-chat",
        "scope": "copilot-chat",
        "input_tokens": 700,
        "output_tokens": 60,
        "cost_nano_usd": 141000,
        "cost_source": "computed",
        "time_to_first_token_ms": 140.0,
        "session_id": "vs-1",
        "input_preview": "Rename it",
        "metadata": {"attributes": {"copilot_chat.location": "panel"}, "scope": {"name": "copilot-chat"}},
        "request_body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Rename it"}]},
    }
