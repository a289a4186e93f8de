"""Known facts under unusual names, in unusual places and under scopes of other dialects."""

from __future__ import annotations

import pytest
from tests.support.spans import CHAT, Value, as_json, event, known_columns, row_of, span

from pulse_collector.facts.urls import without_credentials

QUESTION, ANSWER = "How tall is Triglav?", "2864 m"


@pytest.mark.parametrize(
    "key",
    [
        "http.host",
        "gen_ai.openai.base_url",
        "gen_ai.request.api_base",
        "llm.apiBase",
        "litellm.api_base",
        "openai.baseURL",
    ],
)
def test_base_urls_name_the_provider(key: str) -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "deepseek-chat",
                key: "https://api.deepseek.com/v1",
            }
        )
    )
    assert row.provider == "deepseek"


def test_base_urls_of_unknown_hosts_keep_the_reported_provider() -> None:
    row = row_of(span({**CHAT, "gen_ai.provider.name": "groq", "shop.base_url": "https://shop.example"}))
    assert row.provider == "groq"


@pytest.mark.parametrize("scope", ["", "opentelemetry.instrumentation.openai_v2", "langfuse-sdk", "ai"])
@pytest.mark.parametrize(
    ("level", "status"), [("ERROR", "error"), ("error", "error"), ("FATAL", "error"), ("WARNING", "success")]
)
def test_level_decides_the_outcome_under_every_scope(level: str, status: str, scope: str) -> None:
    attributes: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 700,
        "gen_ai.usage.output_tokens": 31,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.input.messages": as_json([{"role": "user", "content": QUESTION}]),
        "gen_ai.output.messages": as_json([{"role": "assistant", "content": ANSWER}]),
        "langfuse.observation.level": level,
        "langfuse.observation.status_message": "out of luck",
    }
    said = known_columns(row_of(span(attributes), scope=scope))
    assert said.get("status", "success") == status
    assert said.get("error_message") == ("out of luck" if status == "error" else None)
    metadata = said["metadata"]
    assert isinstance(metadata, dict)
    kept = metadata["attributes"]
    assert isinstance(kept, dict)
    assert kept["langfuse.observation.level"] == level


@pytest.mark.parametrize(
    ("key", "kind", "operation"),
    [
        ("langfuse.observation.type", "GENERATION", "chat"),
        ("langfuse.observation.type", "Agent", "invoke_agent"),
        ("openinference.span.kind", "Llm", "chat"),
        ("langwatch.span.type", "LLM", "chat"),
    ],
)
def test_kinds_in_any_case(key: str, kind: str, operation: str) -> None:
    assert row_of(span({key: kind})).operation == operation


def test_livekit_tools_are_tools_under_any_span_name() -> None:
    row = row_of(
        span(
            {
                "lk.function_tool.name": "get_height",
                "lk.function_tool.arguments": as_json({"mountain": "Triglav"}),
                "lk.function_tool.output": ANSWER,
            },
            name="get_height",
        ),
        scope="livekit-agents",
    )
    assert (row.operation, row.model_call, row.output_preview) == ("execute_tool", False, ANSWER)


def test_older_openllmetry_names_of_messages_and_models_are_read() -> None:
    said = known_columns(
        row_of(
            span(
                {
                    "llm.vendor": "OpenAI",
                    "llm.request.type": "chat",
                    "llm.request.model": "gpt-4o-mini",
                    "llm.response.model": "gpt-4o-mini-2024-07-18",
                    "llm.usage.prompt_tokens": 700,
                    "llm.usage.completion_tokens": 31,
                    "llm.prompts.0.role": "user",
                    "llm.prompts.0.content": QUESTION,
                    "llm.completions.0.role": "assistant",
                    "llm.completions.0.content": ANSWER,
                    "llm.completions.0.finish_reason": "stop",
                }
            ),
            scope="opentelemetry.instrumentation.openai.v1",
        )
    )
    assert {
        name: said[name]
        for name in ("provider", "model_requested", "model_used", "input_tokens", "finish_reason")
    } == {
        "provider": "openai",
        "model_requested": "gpt-4o-mini",
        "model_used": "gpt-4o-mini-2024-07-18",
        "input_tokens": 700,
        "finish_reason": "stop",
    }
    assert (said["input_preview"], said["output_preview"]) == (QUESTION, ANSWER)
    assert QUESTION not in str(said["metadata"])
    assert ANSWER not in str(said["metadata"])


def test_openinference_prompts_under_openllmetrys_scope_are_read() -> None:
    row = row_of(
        span({**CHAT, "llm.prompts.0.prompt.text": QUESTION}),
        scope="opentelemetry.instrumentation.openai.v1",
    )
    assert row.input_preview == QUESTION


@pytest.mark.parametrize("entered", [None, as_json({"mountain": "Triglav"}), "another text"])
def test_openinference_parameters_of_tools_are_content(entered: str | None) -> None:
    attributes: dict[str, Value] = {
        "openinference.span.kind": "TOOL",
        "tool.name": "get_height",
        "tool.parameters": as_json({"mountain": "Triglav"}),
    }
    if entered is not None:
        attributes["input.value"] = entered
    said = known_columns(row_of(span(attributes), scope="openinference.instrumentation.agno"))
    assert "Triglav" not in str(said["metadata"])
    assert "Triglav" in str(said["request_body"])


@pytest.mark.parametrize(
    ("scope", "name", "attributes"),
    [
        ("com.anthropic.claude_code.tracing", "tool.output", {"output": ANSWER, "diff": ANSWER}),
        ("", "step", {"input": QUESTION, "output": ANSWER}),
        ("", "heard", {"transcript": ANSWER}),
    ],
)
def test_content_in_events_is_never_metadata(scope: str, name: str, attributes: dict[str, Value]) -> None:
    row = row_of(
        span({**CHAT, "session.id": "s1"}, name="claude_code.tool", events=[event(name, attributes)]),
        scope=scope,
    )
    assert ANSWER not in str(known_columns(row)["metadata"])


@pytest.mark.parametrize(
    "output",
    [
        {"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]},
        {"messages": [{"type": "human", "content": QUESTION}, {"type": "ai", "content": ANSWER}]},
        {"output": ANSWER},
    ],
)
def test_answers_in_framework_formats_have_a_preview(output: Value) -> None:
    attributes: dict[str, Value] = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini",
        "output.value": as_json(output),
    }
    row = row_of(span(attributes), scope="openinference.instrumentation.agno")
    assert row.output_preview == ANSWER


@pytest.mark.parametrize("scope", ["", "openinference.instrumentation.openai"])
@pytest.mark.parametrize(
    ("key", "url"),
    [
        (
            "url.full",
            "https://generativelanguage.googleapis.com/v1beta/models/x:generateContent?alt=sse&key=S3",
        ),
        ("http.url", "https://acme.example/v1?api_key=S3&model=x"),
        ("url.query", "key=S3&alt=sse"),
        ("http.target", "/v1/chat?access_token=S3"),
        ("gen_ai.openai.api_base", "https://user:S3@acme.example/v1"),
        ("acme.endpoint", "https://acme.example/?X-Amz-Signature=S3#top"),
    ],
)
def test_urls_in_the_metadata_have_no_credentials(key: str, url: str, scope: str) -> None:
    said = known_columns(row_of(span({**CHAT, key: url, "openinference.span.kind": "LLM"}), scope=scope))
    metadata = said["metadata"]
    assert isinstance(metadata, dict)
    kept = metadata["attributes"]
    assert isinstance(kept, dict)
    assert "S3" not in str(kept[key])


def test_urls_keep_parts_that_are_not_credentials() -> None:
    url = "https://acme.example:8443/v1/chat?api-version=2024-10-21&tokens=5&keyboard=a#top"
    assert without_credentials(url) == url
