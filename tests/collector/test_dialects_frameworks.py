"""Golden rows of LiteLLM, Strands, Google's ADK, AutoGen, Microsoft's agent framework and smolagents."""

from __future__ import annotations

from tests.support.spans import as_json, event, known_columns, row_of, span


def test_litellm_calls_have_an_invented_id_and_a_cost() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.response.id": "chatcmpl-0a1b",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
                "gen_ai.cost.total_cost": 0.000306,
                "gen_ai.prompt.0.role": "user",
                "gen_ai.prompt.0.content": "Weather?",
                "metadata.user_api_key_hash": "88dc",
            },
            name="litellm_request",
        ),
        scope="litellm",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "litellm_request",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "provider_request_id": "chatcmpl-0a1b",
        "dialect": "litellm",
        "scope": "litellm",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 306000,
        "cost_source": "reported",
        "reported_cost_nano_usd": 306000,
        "input_preview": "Weather?",
        "metadata": {"scope": {"name": "litellm"}},
        "request_body": {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Weather?"}]},
    }


def test_litellm_raw_requests_are_not_calls() -> None:
    row = row_of(
        span(
            {"gen_ai.system": "anthropic", "llm.anthropic.model": "claude-sonnet-4-5"},
            name="raw_gen_ai_request",
        ),
        scope="litellm",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "raw_request",
        "name": "raw_gen_ai_request",
        "provider": "anthropic",
        "dialect": "litellm",
        "scope": "litellm",
        "metadata": {
            "attributes": {"llm.anthropic.model": "claude-sonnet-4-5"},
            "scope": {"name": "litellm"},
        },
    }


def test_strands_has_content_in_events_and_its_own_name_as_provider() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "strands-agents",
                "gen_ai.request.model": "claude-sonnet-4-5",
                "gen_ai.usage.prompt_tokens": 42,
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.completion_tokens": 12,
                "gen_ai.usage.output_tokens": 12,
            },
            name="chat",
            events=[
                event("gen_ai.user.message", {"content": as_json([{"text": "Weather?"}])}, after_ms=0.0),
                event(
                    "gen_ai.choice",
                    {"finish_reason": "end_turn", "message": as_json([{"text": "Cloudy."}])},
                    after_ms=200.0,
                ),
            ],
        ),
        scope="strands.telemetry.tracer",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "dialect": "strands",
        "scope": "strands.telemetry.tracer",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 306000,
        "cost_source": "computed",
        "finish_reason": "stop",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {"scope": {"name": "strands.telemetry.tracer"}},
        "request_body": {
            "model": "claude-sonnet-4-5",
            "messages": [{"role": "user", "content": [{"text": "Weather?"}]}],
        },
        "response_body": {
            "messages": [
                {"role": "assistant", "finish_reason": "end_turn", "content": [{"text": "Cloudy."}]}
            ],
            "finish_reasons": ["end_turn"],
        },
    }


def test_strands_cycles_are_steps_of_an_agent() -> None:
    row = row_of(
        span({"event_loop.cycle_id": "c1"}, name="Cycle c1"),
        scope="strands.telemetry.tracer",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "agent_step",
        "name": "Cycle c1",
        "dialect": "strands",
        "scope": "strands.telemetry.tracer",
        "metadata": {
            "attributes": {"event_loop.cycle_id": "c1"},
            "scope": {"name": "strands.telemetry.tracer"},
        },
    }


def test_google_adk_calls() -> None:
    row = row_of(
        span(
            {
                "gen_ai.system": "gcp.vertex.agent",
                "gen_ai.request.model": "gemini-2.5-flash",
                "gcp.vertex.agent.session_id": "s1",
                "gcp.vertex.agent.llm_request": as_json(
                    {
                        "model": "gemini-2.5-flash",
                        "contents": [{"role": "user", "parts": [{"text": "Weather?"}]}],
                    }
                ),
                "gcp.vertex.agent.llm_response": as_json(
                    {
                        "content": {"role": "model", "parts": [{"text": "Cloudy."}]},
                        "finish_reason": "STOP",
                        "usage_metadata": {
                            "prompt_token_count": 42,
                            "candidates_token_count": 10,
                            "thoughts_token_count": 2,
                        },
                    }
                ),
            },
            name="call_llm",
        ),
        scope="gcp.vertex.agent",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "call_llm",
        "provider": "vertex",
        "model_requested": "gemini-2.5-flash",
        "dialect": "google-adk",
        "scope": "gcp.vertex.agent",
        "input_tokens": 42,
        "output_tokens": 12,
        "reasoning_tokens": 2,
        "cost_nano_usd": 42600,
        "cost_source": "computed",
        "finish_reason": "stop",
        "session_id": "s1",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {"scope": {"name": "gcp.vertex.agent"}},
        "request_body": {
            "model": "gemini-2.5-flash",
            "contents": [{"role": "user", "parts": [{"text": "Weather?"}]}],
        },
        "response_body": {
            "content": {"role": "model", "parts": [{"text": "Cloudy."}]},
            "finish_reason": "STOP",
            "usage_metadata": {
                "prompt_token_count": 42,
                "candidates_token_count": 10,
                "thoughts_token_count": 2,
            },
        },
    }


def test_autogen_messages_are_not_calls() -> None:
    row = row_of(
        span({"gen_ai.system": "autogen", "messaging.operation": "publish"}, name="autogen publish x"),
        scope="autogen-core",
    )
    assert known_columns(row) == {
        "model_call": False,
        "gen_ai": False,
        "name": "autogen publish x",
        "scope": "autogen-core",
        "metadata": {"attributes": {"messaging.operation": "publish"}, "scope": {"name": "autogen-core"}},
    }


def test_agent_framework_continues_a_response_not_a_session() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.response.id": "resp_2",
                "gen_ai.conversation.id": "resp_1",
                "gen_ai.usage.input_tokens": 42,
                "gen_ai.usage.output_tokens": 12,
            }
        ),
        scope="agent_framework",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "provider_request_id": "resp_2",
        "dialect": "agent-framework",
        "scope": "agent_framework",
        "input_tokens": 42,
        "output_tokens": 12,
        "cost_nano_usd": 13500,
        "cost_source": "computed",
        "metadata": {
            "attributes": {"gen_ai.conversation.id": "resp_1"},
            "scope": {"name": "agent_framework"},
        },
    }


def test_smolagents_agents_by_openinference() -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": "AGENT",
                "input.value": "Weather?",
                "output.value": "Cloudy.",
                "llm.token_count.prompt": 126,
                "llm.token_count.completion": 36,
            },
            name="ToolCallingAgent.run",
        ),
        scope="openinference.instrumentation.smolagents",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "invoke_agent",
        "name": "ToolCallingAgent.run",
        "dialect": "openinference",
        "scope": "openinference.instrumentation.smolagents",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {
            "usage": {"input": 126, "output": 36},
            "scope": {"name": "openinference.instrumentation.smolagents"},
        },
        "request_body": {"input": "Weather?"},
        "response_body": {"output": "Cloudy."},
    }
