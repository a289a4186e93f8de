"""Spans with a second dialect's attributes under the scope of a first, as span processors leave them."""

from __future__ import annotations

import pytest
from tests.support.spans import Value, as_json, known_columns, row_of, span

#: A scope of each dialect.
SCOPES = (
    "",
    "com.anthropic.sdk.python",
    "openinference.instrumentation.openai",
    "langfuse-sdk",
    "langsmith",
    "ai",
    "traceloop.tracer",
    "opentelemetry.instrumentation.openai.v1",
    "mlflow.openai",
    "logfire.openai",
    "logfire.openai_agents",
    "pydantic-ai",
    "openlit.otel.tracing",
    "litellm",
    "strands.telemetry.tracer",
    "gcp.vertex.agent",
    "genkit-tracer",
    "haystack.tracing",
    "agent_framework",
    "opentelemetry.instrumentation.botocore.bedrock-runtime",
    "opentelemetry.instrumentation.openai_v2",
    "a.library.that.no.dialect.names",
)

QUESTION, ANSWER = "How tall is Triglav?", "2864 m"
_MESSAGES: list[Value] = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi"},
    {"role": "user", "content": QUESTION},
]
_RESPONSE: dict[str, Value] = {
    "id": "chatcmpl-7",
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"finish_reason": "length", "message": {"role": "assistant", "content": ANSWER}}],
    "usage": {"prompt_tokens": 700, "completion_tokens": 31},
}

#: The same call in the attributes of each dialect that has its own for content.
FORMS: dict[str, dict[str, Value]] = {
    "conventions": {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 700,
        "gen_ai.usage.output_tokens": 31,
        "gen_ai.input.messages": as_json(_MESSAGES),
        "gen_ai.output.messages": as_json(
            [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}], "finish_reason": "length"}]
        ),
    },
    "openinference": {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini",
        "llm.token_count.prompt": 700,
        "llm.token_count.completion": 31,
        "input.value": as_json({"messages": _MESSAGES}),
        "output.value": as_json(_RESPONSE),
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": QUESTION,
    },
    "openinference, flattened only": {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini",
        "llm.token_count.prompt": 700,
        "llm.token_count.completion": 31,
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": QUESTION,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": ANSWER,
        "llm.output_messages.0.message.finish_reason": "length",
    },
    "langfuse": {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "gpt-4o-mini",
        "langfuse.observation.usage_details": as_json({"input": 700, "output": 31, "total": 731}),
        "langfuse.observation.input": as_json(_MESSAGES),
        "langfuse.observation.output": ANSWER,
        "langfuse.observation.metadata.finish_reason": "length",
    },
    "langsmith": {
        "langsmith.span.kind": "llm",
        "langsmith.metadata.ls_model_name": "gpt-4o-mini",
        "langsmith.metadata.usage_metadata": as_json({"input_tokens": 700, "output_tokens": 31}),
        "gen_ai.prompt": as_json({"messages": _MESSAGES}),
        "gen_ai.completion": as_json(_RESPONSE),
    },
    "vercel": {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.id": "gpt-4o-mini",
        "ai.usage.inputTokens": 700,
        "ai.usage.outputTokens": 31,
        "ai.prompt.messages": as_json(_MESSAGES),
        "ai.response.text": ANSWER,
        "ai.response.finishReason": "length",
    },
    "mlflow": {
        "mlflow.spanType": as_json("CHAT_MODEL"),
        "mlflow.chat.tokenUsage": as_json({"input_tokens": 700, "output_tokens": 31}),
        "mlflow.spanInputs": as_json({"model": "gpt-4o-mini", "messages": _MESSAGES}),
        "mlflow.spanOutputs": as_json(_RESPONSE),
    },
    "genkit": {
        "genkit:metadata:subtype": "model",
        "genkit:name": "openai/gpt-4o-mini",
        "genkit:input": as_json({"messages": _MESSAGES}),
        "genkit:output": as_json(
            {
                "message": {"role": "model", "content": [{"text": ANSWER}]},
                "finishReason": "length",
                "usage": {"inputTokens": 700, "outputTokens": 31},
            }
        ),
    },
    "google-adk": {
        "gen_ai.operation.name": "generate_content",
        "gcp.vertex.agent.llm_request": as_json(
            {"model": "gpt-4o-mini", "contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}
        ),
        "gcp.vertex.agent.llm_response": as_json(
            {
                "content": {"role": "model", "parts": [{"text": ANSWER}]},
                "finish_reason": "MAX_TOKENS",
                "usage_metadata": {"prompt_token_count": 700, "candidates_token_count": 31},
            }
        ),
    },
    "openllmetry before 0.5": {
        "llm.request.type": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "llm.usage.prompt_tokens": 700,
        "llm.usage.completion_tokens": 31,
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": QUESTION,
        "gen_ai.completion.0.content": ANSWER,
        "gen_ai.completion.0.finish_reason": "length",
    },
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("form", FORMS)
def test_a_call_is_read_by_its_attributes_under_every_scope(form: str, scope: str) -> None:
    row = row_of(span(FORMS[form], name="call", parent_id=9), scope=scope)

    assert (row.model_call, row.input_tokens, row.output_tokens) == (True, 700, 31)
    assert (row.input_preview, row.output_preview, row.finish_reason) == (QUESTION, ANSWER, "length")
    facts = known_columns(row)
    assert QUESTION in str(facts["request_body"])
    assert ANSWER in str(facts["response_body"])
    assert QUESTION not in str(facts["metadata"])
    assert ANSWER not in str(facts["metadata"])
    assert not (row.partner_key or "").startswith("stream:")


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("form", FORMS)
def test_content_of_a_second_dialect_is_never_metadata(form: str, scope: str) -> None:
    """The conventions' own attributes stay: their usage counts; only the second content is removed."""
    row = row_of(span({**FORMS[form], **FORMS["conventions"]}, name="call", parent_id=9), scope=scope)

    assert (row.input_tokens, row.output_tokens) == (700, 31)
    assert (row.input_preview, row.output_preview) == (QUESTION, ANSWER)
    metadata = str(known_columns(row)["metadata"])
    assert QUESTION not in metadata
    assert ANSWER not in metadata


def test_the_scopes_own_usage_is_not_mixed_with_the_translation() -> None:
    """Strands' input excludes Bedrock's cache, OpenInference's includes it: usage comes from one of them."""
    row = row_of(
        span(
            {
                **_TRANSLATED,
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "strands-agents",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 31,
                "gen_ai.usage.cache_read_input_tokens": 600,
            }
        ),
        scope="strands.telemetry.tracer",
    )
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens) == (700, 31, 600)
    assert (row.provider, row.session_id, row.tags) == ("bedrock", "s-1", ("beta",))


def test_parts_that_only_the_translation_has_complete_the_same_usage() -> None:
    row = row_of(
        span({**_TRANSLATED, "gen_ai.usage.input_tokens": 700, "gen_ai.usage.output_tokens": 31}),
        scope="opentelemetry.instrumentation.openai.v1",
    )
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens) == (700, 31, 600)


def test_usage_of_another_amount_is_not_completed() -> None:
    row = row_of(
        span({**_TRANSLATED, "gen_ai.usage.input_tokens": 800, "gen_ai.usage.output_tokens": 31}),
        scope="opentelemetry.instrumentation.openai.v1",
    )
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens) == (800, 31, None)


_TRANSLATED: dict[str, Value] = {
    "openinference.span.kind": "LLM",
    "llm.provider": "bedrock",
    "llm.model_name": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "llm.token_count.prompt": 700,
    "llm.token_count.completion": 31,
    "llm.token_count.prompt_details.cache_read": 600,
    "session.id": "s-1",
    "tag.tags": ["beta"],
}


@pytest.mark.parametrize(
    ("scope", "kind", "operation"),
    [
        ("openlit.otel.tracing", "TOOL", "execute_tool"),
        ("a.library.that.no.dialect.names", "RETRIEVER", "retrieval"),
        ("logfire.openai_agents", "CHAIN", "chain"),
        ("pydantic-ai", "AGENT", "invoke_agent"),
    ],
)
def test_content_of_spans_around_calls_is_read_too(scope: str, kind: str, operation: str) -> None:
    row = row_of(
        span(
            {
                "openinference.span.kind": kind,
                "input.value": as_json({"city": QUESTION}),
                "output.value": ANSWER,
            },
            name="step",
        ),
        scope=scope,
    )
    facts = known_columns(row)
    assert (row.operation, row.model_call, row.output_preview) == (operation, False, ANSWER)
    assert facts["request_body"] == {"city": QUESTION}
    assert facts["response_body"] == {"output": ANSWER}
    assert facts["metadata"] == {"scope": {"name": scope}}
