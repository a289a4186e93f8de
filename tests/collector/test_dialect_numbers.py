"""Numbers that one dialect writes differently from all others."""

from __future__ import annotations

import pytest
from tests.support.spans import Value, as_json, row_of, span

from pulse_storage.rows import SpanRow


def langfuse(usage: dict[str, Value], *, model: str = "gpt-4o-mini", **attributes: Value) -> SpanRow:
    return row_of(
        span(
            {
                "langfuse.observation.type": "generation",
                "langfuse.observation.model.name": model,
                "langfuse.observation.usage_details": as_json(usage),
                **attributes,
            }
        ),
        scope="langfuse-sdk",
    )


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # Anthropic's own object.
        (
            {
                "input_tokens": 310,
                "output_tokens": 44,
                "cache_read_input_tokens": 5100,
                "cache_creation_input_tokens": 90,
            },
            (5500, 44, 5100, 90, None),
        ),
        ({"input_tokens": 310, "output_tokens": 44, "cache_read_input_tokens": 0}, (310, 44, 0, None, None)),
        # More input than was cached.
        (
            {"input_tokens": 6000, "output_tokens": 44, "cache_read_input_tokens": 5100},
            (11_100, 44, 5100, None, None),
        ),
        # Anthropic's names together with Langfuse's; the total shows whether the input includes them.
        ({"input": 6000, "output": 44, "cache_read_input_tokens": 5100}, (11_100, 44, 5100, None, None)),
        (
            {"input": 6000, "output": 44, "total": 6044, "cache_read_input_tokens": 5100},
            (6000, 44, 5100, None, None),
        ),
        # Langfuse's JavaScript client takes every part out of its whole.
        (
            {"input": 24, "input_cached_tokens": 7, "output": 9, "output_reasoning_tokens": 5, "total": 45},
            (31, 14, 7, None, 5),
        ),
        (
            {"input": 24, "input_cached_tokens": 7, "input_audio_tokens": 2, "output": 9, "total": 42},
            (33, 9, 7, None, None),
        ),
        ({"input": 31, "input_cached_tokens": 7, "output": 9, "total": 40}, (31, 9, 7, None, None)),
        # Google's and OpenAI's objects as they are.
        (
            {
                "promptTokenCount": 640,
                "candidatesTokenCount": 75,
                "toolUsePromptTokenCount": 210,
                "thoughtsTokenCount": 33,
                "totalTokenCount": 958,
            },
            (850, 108, None, None, 33),
        ),
        (
            {"prompt_tokens": 50, "completion_tokens": 6, "prompt_cache_hit_tokens": 32},
            (50, 6, 32, None, None),
        ),
    ],
)
def test_langfuse_usage(usage: dict[str, Value], expected: tuple[int | None, ...]) -> None:
    row = langfuse(usage)
    assert expected == (
        row.input_tokens,
        row.output_tokens,
        row.cache_read_tokens,
        row.cache_write_tokens,
        row.reasoning_tokens,
    )


@pytest.mark.parametrize(
    ("costs", "nano_usd"),
    [
        ({"input": 0.003, "cache_read_input_tokens": 0.0004, "output": 0.002}, 5_400_000),
        ({"input": 0.003, "output": 0.002, "total": 0.0049}, 4_900_000),
    ],
)
def test_langfuse_cost_is_the_total_else_the_sum(costs: dict[str, Value], nano_usd: int) -> None:
    row = langfuse({"input": 40, "output": 8}, **{"langfuse.observation.cost_details": as_json(costs)})
    assert (row.cost_nano_usd, row.cost_source) == (nano_usd, "reported")


def test_failed_langfuse_call_with_cost_zero_has_no_cost() -> None:
    row = langfuse(
        {},
        **{
            "langfuse.observation.level": "ERROR",
            "langfuse.observation.cost_details": as_json({"input": 0, "output": 0, "total": 0}),
        },
    )
    assert (row.status, row.cost_nano_usd, row.cost_source) == ("error", None, None)


def test_langfuse_spans_with_a_model_and_usage_are_calls() -> None:
    called = langfuse({"input": 40, "output": 8}, **{"langfuse.observation.type": "span"})
    assert (called.operation, called.model_call, called.input_tokens) == ("chat", True, 40)
    without = langfuse({}, **{"langfuse.observation.type": "span"})
    assert (without.operation, without.model_call) == ("span", False)


def test_langfuse_generations_of_an_embedding_model_are_embeddings() -> None:
    row = langfuse({"input": 2000, "output": 0, "total": 2000}, model="text-embedding-3-small")
    assert (row.operation, row.input_tokens, row.output_tokens) == ("embeddings", 2000, 0)
    assert row.cost_nano_usd == 2000 * 20


@pytest.mark.parametrize(
    ("name", "usage", "output_tokens"),
    [
        # OpenAI's plug-in includes thoughts in the output; Google's excludes them, whatever the total
        # includes.
        ("openai/gpt-5-mini", {"outputTokens": 200, "thoughtsTokens": 150, "totalTokens": 1100}, 200),
        ("openai/gpt-5-mini", {"outputTokens": 200, "thoughtsTokens": 150}, 200),
        ("googleai/gemini-2.5-flash", {"outputTokens": 200, "thoughtsTokens": 150, "totalTokens": 1250}, 350),
        ("googleai/gemini-2.5-flash", {"outputTokens": 200, "thoughtsTokens": 150}, 350),
        ("vertexai/gemini-2.5-flash", {"outputTokens": 200, "thoughtsTokens": 150, "totalTokens": 1100}, 200),
    ],
)
def test_genkit_thoughts(name: str, usage: dict[str, Value], output_tokens: int) -> None:
    row = row_of(
        span(
            {
                "genkit:name": name,
                "genkit:metadata:subtype": "model",
                "genkit:output": as_json({"usage": {"inputTokens": 900, "inputImages": 3, **usage}}),
            }
        ),
        scope="genkit-tracer",
    )
    assert (row.input_tokens, row.output_tokens, row.reasoning_tokens) == (900, output_tokens, 150)
    assert row.input_image_tokens is None


def vercel(metadata: dict[str, Value], **attributes: Value) -> SpanRow:
    return row_of(
        span(
            {
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.model.provider": "amazon-bedrock",
                "ai.model.id": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "gen_ai.usage.input_tokens": 700,
                "gen_ai.usage.output_tokens": 60,
                "ai.response.providerMetadata": as_json(metadata),
                **attributes,
            }
        ),
        scope="ai",
    )


def test_vercel_before_6_excludes_the_cache_from_bedrocks_input() -> None:
    usage: dict[str, Value] = {"cacheReadInputTokens": 300, "cacheWriteInputTokens": 50}
    row = vercel({"bedrock": {"usage": usage}})
    assert (row.provider, row.input_tokens) == ("bedrock", 1050)
    assert (row.cache_read_tokens, row.cache_write_tokens) == (300, 50)
    row = vercel({"bedrock": {"usage": {"cacheWriteInputTokens": 50}}}, **{"ai.usage.cachedInputTokens": 300})
    assert row.input_tokens == 1050
    row = vercel({"bedrock": {"usage": usage}}, **{"ai.usage.inputTokenDetails.cacheReadTokens": 300})
    assert row.input_tokens == 700


def test_vercel_gateway_reports_its_cost() -> None:
    row = vercel({"gateway": {"routing": {}, "cost": "0.00123"}}, **{"ai.model.provider": "gateway"})
    assert (row.cost_nano_usd, row.cost_source) == (1_230_000, "reported")


def test_litellm_reports_the_model_that_was_sent() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "house-fast",
                "litellm.provider.model": "openai/gpt-4o-mini",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.output_tokens": 10,
            }
        ),
        scope="litellm",
    )
    assert (row.provider, row.model_requested, row.model_used) == ("openai", "house-fast", "gpt-4o-mini")
    assert row.cost_nano_usd == 21_000


_GEMINI: dict[str, Value] = {
    "prompt_token_count": 640,
    "candidates_token_count": 75,
    "tool_use_prompt_token_count": 210,
    "thoughts_token_count": 33,
    "total_token_count": 958,
}


@pytest.mark.parametrize(
    ("scope", "attributes"),
    [
        (
            "langsmith",
            {
                "langsmith.span.kind": "llm",
                "gen_ai.usage.input_tokens": 640,
                "gen_ai.usage.output_tokens": 75,
                "gen_ai.completion": as_json({"usage_metadata": _GEMINI}),
            },
        ),
        (
            "mlflow",
            {
                "mlflow.spanType": '"CHAT_MODEL"',
                "mlflow.chat.tokenUsage": as_json(
                    {"input_tokens": 640, "output_tokens": 75, "total_tokens": 958}
                ),
                "mlflow.spanOutputs": as_json({"usage_metadata": _GEMINI}),
            },
        ),
        (
            "gcp.vertex.agent",
            {
                "gen_ai.operation.name": "generate_content",
                "gen_ai.usage.input_tokens": 640,
                "gen_ai.usage.output_tokens": 75,
                "gcp.vertex.agent.llm_response": as_json({"usage_metadata": _GEMINI}),
            },
        ),
        (
            "openinference.instrumentation.google_genai",
            {
                "openinference.span.kind": "LLM",
                "llm.token_count.prompt": 640,
                "llm.token_count.completion": 108,
                "output.value": as_json({"usage_metadata": _GEMINI}),
            },
        ),
    ],
)
def test_tool_results_fed_back_by_google_are_input(scope: str, attributes: dict[str, Value]) -> None:
    row = row_of(span({"gen_ai.request.model": "gemini-2.5-flash", **attributes}), scope=scope)
    assert (row.input_tokens, row.output_tokens, row.reasoning_tokens) == (850, 108, 33)
    assert row.cost_nano_usd == 850 * 300 + 108 * 2500


@pytest.mark.parametrize(
    ("costs", "nano_usd"),
    [
        ({"total_cost": 0.003, "input_cost": 0.001}, 3_000_000),
        ({"input_cost": 0.001, "output_cost": 0.0015}, 2_500_000),
    ],
)
def test_langsmith_reports_costs_in_the_usage_metadata(costs: dict[str, Value], nano_usd: int) -> None:
    usage = {"input_tokens": 40, "output_tokens": 8, "total_tokens": 48, **costs}
    row = row_of(
        span({"langsmith.span.kind": "llm", "langsmith.metadata.usage_metadata": as_json(usage)}),
        scope="langsmith",
    )
    assert (row.input_tokens, row.cost_nano_usd, row.cost_source) == (40, nano_usd, "reported")


def test_the_first_known_host_decides() -> None:
    row = row_of(
        span(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "deepseek-chat",
                "server.address": "10.1.2.3",
                "url.full": "https://api.deepseek.com/v1/chat/completions",
            }
        )
    )
    assert row.provider == "deepseek"


def test_native_ollama_response_has_counts_at_the_top_level() -> None:
    answer = {
        "model": "llama3.2",
        "message": {"role": "assistant", "content": "Ebb."},
        "done_reason": "stop",
        "prompt_eval_count": 26,
        "eval_count": 3,
        "eval_duration": 4_196_918_000,
    }
    attributes: dict[str, Value] = {"openinference.span.kind": "LLM", "output.value": as_json(answer)}
    row = row_of(span(attributes), scope="openinference.instrumentation.ollama")
    assert (row.input_tokens, row.output_tokens, row.output_preview) == (26, 3, "Ebb.")
