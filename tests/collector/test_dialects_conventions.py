"""Golden rows of OpenTelemetry's conventions, old and current, and of the Anthropic client."""

from __future__ import annotations

from tests.support.spans import event, known_columns, row_of, span


def test_present_conventions_with_structured_values() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.input.messages": [
                    {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}
                ],
                "gen_ai.output.messages": [
                    {
                        "role": "assistant",
                        "parts": [{"type": "text", "content": "Cloudy."}],
                        "finish_reason": "stop",
                    }
                ],
                "gen_ai.system_instructions": b'[{"type":"text","content":"Be terse."}]',
            }
        ),
        scope="",
    )
    assert known_columns(row) == {
        "model_call": True,
        "operation": "chat",
        "name": "chat gpt-4o-mini",
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "dialect": "otel-genai",
        "finish_reason": "stop",
        "input_preview": "Weather?",
        "output_preview": "Cloudy.",
        "metadata": {},
        "request_body": {
            "model": "gpt-4o-mini",
            "system_instructions": [{"type": "text", "content": "Be terse."}],
            "messages": [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]}],
        },
        "response_body": {
            "messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "Cloudy."}],
                    "finish_reason": "stop",
                }
            ],
            "finish_reasons": ["stop"],
        },
    }


def test_one_lifetime_of_cache_writes_alone_is_not_a_sum() -> None:
    usage = {"gen_ai.usage.cache_creation.ephemeral_1h_input_tokens": 88}
    row = row_of(span({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 2109, **usage}))
    assert (row.cache_write_tokens, row.cache_write_1h_tokens) == (None, None)


def test_content_of_unknown_gen_ai_events_is_not_metadata() -> None:
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
    values = {"content": "secret", "index": 1}
    row = row_of(span(attributes, events=[event("gen_ai.guardrail", values), event("retry", values)]))
    attributes_of_events = [
        {"name": "gen_ai.guardrail", "after_ms": 0.0, "attributes": {"index": 1}},
        {"name": "retry", "after_ms": 0.0, "attributes": values},
    ]
    assert known_columns(row)["metadata"] == {"events": attributes_of_events}
