"""Golden rows of voice agents: LiveKit and Pipecat."""

from __future__ import annotations

from tests.support.spans import as_json, known_columns, row_of, span


def test_livekit_requests_have_messages_in_items() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 80,
                "gen_ai.usage.output_tokens": 11,
                "lk.pii.chat_ctx": as_json(
                    {
                        "items": [
                            {"type": "message", "role": "system", "content": ["You are Kay."]},
                            {"type": "message", "role": "user", "content": ["Any ferries?"]},
                        ]
                    }
                ),
                "lk.pii.response.text": "One at nine.",
                "lk.function_tools": as_json([{"name": "ferries"}]),
                "lk.llm_metrics": as_json(
                    {
                        "request_id": "chatcmpl-lk1",
                        "ttft": 0.12,
                        "prompt_tokens": 80,
                        "completion_tokens": 11,
                        "prompt_cached_tokens": 64,
                        "total_tokens": 91,
                    }
                ),
                "lk.pii.room_name": "room-1",
            },
            name="llm_request",
        ),
        scope="livekit-agents",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "llm_request",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "provider_request_id": "chatcmpl-lk1",
        "dialect": "livekit",
        "scope": "livekit-agents",
        "input_tokens": 80,
        "output_tokens": 11,
        "cache_read_tokens": 64,
        "cost_nano_usd": 13800,
        "cost_source": "computed",
        "time_to_first_token_ms": 120.0,
        "session_id": "room-1",
        "input_preview": "Any ferries?",
        "output_preview": "One at nine.",
        "metadata": {"scope": {"name": "livekit-agents"}},
        "request_body": {
            "model": "gpt-4o-mini",
            "messages": [
                {"type": "message", "role": "system", "content": ["You are Kay."]},
                {"type": "message", "role": "user", "content": ["Any ferries?"]},
            ],
            "tools": [{"name": "ferries"}],
        },
        "response_body": {
            "id": "chatcmpl-lk1",
            "messages": [{"role": "assistant", "content": "One at nine."}],
        },
    }


def test_livekit_turns_and_tools_are_recognised_by_name() -> None:
    row = row_of(
        span(
            {
                "lk.function_tool.id": "c1",
                "lk.function_tool.name": "ferries",
                "lk.pii.function_tool.arguments": as_json({"pier": 3}),
                "lk.pii.function_tool.output": "nine",
                "lk.function_tool.is_error": True,
            },
            name="function_tool",
        ),
        scope="livekit-agents",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "function_tool",
        "dialect": "livekit",
        "scope": "livekit-agents",
        "status": "error",
        "output_preview": "nine",
        "input_preview": '{"pier":3}',
        "metadata": {
            "attributes": {"lk.function_tool.id": "c1", "lk.function_tool.name": "ferries"},
            "scope": {"name": "livekit-agents"},
        },
        "request_body": {"pier": 3},
        "response_body": {"result": "nine"},
    }


def test_livekit_speech_is_a_call_with_its_text() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "tts",
                "gen_ai.provider.name": "cartesia",
                "gen_ai.request.model": "sonic-2",
                "lk.pii.input_text": "One at nine.",
                "lk.response.ttfb": 0.05,
            },
            name="tts_request",
        ),
        scope="livekit-agents",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "speech",
        "name": "tts_request",
        "provider": "cartesia",
        "model_requested": "sonic-2",
        "dialect": "livekit",
        "scope": "livekit-agents",
        "time_to_first_token_ms": 50.0,
        "input_preview": "One at nine.",
        "metadata": {"scope": {"name": "livekit-agents"}},
        "request_body": {"input": "One at nine."},
    }


def test_pipecat_chats_have_content_under_unprefixed_names() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.output.type": "text",
                "stream": True,
                "input": as_json([{"role": "user", "content": "Is it late?"}]),
                "output": "On time.",
                "tools": as_json([{"type": "function", "function": {"name": "delay"}}]),
                "gen_ai.system_instructions": "You run a desk.",
                "gen_ai.usage.input_tokens": 31,
                "gen_ai.usage.output_tokens": 4,
                "metrics.ttfb": 0.2,
                "conversation.id": "conv-1",
            },
            name="llm",
        ),
        scope="pipecat",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "llm",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "pipecat",
        "scope": "pipecat",
        "input_tokens": 31,
        "output_tokens": 4,
        "cost_nano_usd": 7050,
        "cost_source": "computed",
        "time_to_first_token_ms": 200.0,
        "session_id": "conv-1",
        "input_preview": "Is it late?",
        "output_preview": "On time.",
        "metadata": {
            "attributes": {"gen_ai.output.type": "text", "stream": True},
            "scope": {"name": "pipecat"},
        },
        "request_body": {
            "model": "gpt-4o-mini",
            "system_instructions": "You run a desk.",
            "messages": [{"role": "user", "content": "Is it late?"}],
            "tools": [{"type": "function", "function": {"name": "delay"}}],
        },
        "response_body": {"messages": [{"role": "assistant", "content": "On time."}]},
    }


def test_pipecat_transcriptions_answer_with_the_transcript() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "stt",
                "gen_ai.provider.name": "deepgram",
                "gen_ai.request.model": "nova-3",
                "transcript": "is it late",
                "is_final": True,
                "user_id": "u7",
                "metrics.ttfb": 0.1,
            },
            name="stt",
        ),
        scope="pipecat",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "transcription",
        "name": "stt",
        "provider": "deepgram",
        "model_requested": "nova-3",
        "dialect": "pipecat",
        "scope": "pipecat",
        "time_to_first_token_ms": 100.0,
        "user_id": "u7",
        "output_preview": "is it late",
        "metadata": {"attributes": {"is_final": True}, "scope": {"name": "pipecat"}},
        "response_body": {"text": "is it late"},
    }


def test_pipecat_tool_calls_are_tools() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "llm_tool_call",
                "tool.function_name": "delay",
                "tool.call_id": "c2",
                "tool.arguments": as_json({"line": 4}),
                "tool.result": as_json({"minutes": 0}),
                "tool.result_status": "success",
            },
            name="llm_tool_call",
        ),
        scope="pipecat",
    )
    assert known_columns(row) == {
        "model_call": False,
        "operation": "execute_tool",
        "name": "llm_tool_call",
        "dialect": "pipecat",
        "scope": "pipecat",
        "input_preview": '{"line":4}',
        "output_preview": '{"minutes":0}',
        "metadata": {
            "attributes": {
                "tool.function_name": "delay",
                "tool.call_id": "c2",
                "tool.result_status": "success",
            },
            "scope": {"name": "pipecat"},
        },
        "request_body": {"line": 4},
        "response_body": {"minutes": 0},
    }
