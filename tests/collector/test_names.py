"""Providers and finish reasons have one name each, whatever the sender writes."""

from __future__ import annotations

import pytest

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.finish_reasons import finish_reason, finish_reasons
from pulse_collector.facts.providers import provider_name


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("openai", "openai"),
        ("Anthropic", "anthropic"),
        # By their words, whatever stands between them.
        ("open_ai", "openai"),
        ("OpenAI Chat", "openai"),
        ("langgenius/openai/openai", "openai"),
        ("langgenius/anthropic/anthropic", "anthropic"),
        ("Azure OpenAI", "azure"),
        ("azure_ai", "azure_inference"),
        ("AWS Bedrock", "bedrock"),
        ("Amazon Bedrock", "bedrock"),
        ("bedrock.anthropic.messages", "bedrock"),
        ("aws_sagemaker", "sagemaker"),
        ("vertex.anthropic", "vertex"),
        ("Vertex AI", "vertex"),
        ("google.vertex.chat", "vertex"),
        ("google_ai_gemini", "google"),
        ("Google AI Studio", "google"),
        ("gcp.gen_ai", "google"),
        ("MistralAI", "mistral"),
        ("X AI", "xai"),
        ("Together AI", "together"),
        ("Fireworks AI", "fireworks"),
        ("Moonshot AI", "moonshot"),
        ("Hugging Face", "huggingface"),
        ("z.ai", "z_ai"),
        ("tongyi", "alibaba"),
        # Names of classes.
        ("AzureChatOpenAI", "azure"),
        ("AzureOpenAI", "azure"),
        ("ChatBedrockConverse", "bedrock"),
        ("AmazonBedrock", "bedrock"),
        ("AnthropicBedrock", "bedrock"),
        ("GoogleVertexAI", "vertex"),
        ("VertexAnthropic", "vertex"),
        ("GoogleGenerativeAI", "google"),
        ("HuggingFaceEndpoint", "huggingface"),
        ("OpenAILike", "openailike"),
        # Hosts.
        ("api.deepseek.com", "deepseek"),
        ("api.openai.com:443", "openai"),
        ("https://api.x.ai/v1", "xai"),
        ("generativelanguage.googleapis.com", "google"),
        ("europe-west4-aiplatform.googleapis.com", "vertex"),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "bedrock"),
        # A service that only implements OpenAI's interface is not OpenAI.
        ("openai-compatible", "openai-compatible"),
        ("acme", "acme"),
        ("acme.chat", "acme"),
        ("openai.chat", "openai"),
        ("anthropic.messages", "anthropic"),
        ("openai.embedding", "openai"),
        ("google.generative-ai", "google"),
        ("az.ai.openai", "azure"),
        ("azure.ai.inference", "azure_inference"),
        ("gcp.gemini", "google"),
        ("gcp.vertex_ai", "vertex"),
        ("x_ai", "xai"),
        ("aws.bedrock", "bedrock"),
        ("mistral_ai", "mistral"),
        ("moonshot_ai", "moonshot"),
        ("groq", "groq"),
        ("langchain", None),
        ("strands-agents", None),
        (None, None),
    ],
)
def test_providers(raw: str | None, expected: str | None) -> None:
    assert provider_name(raw, host=None, response_id=None, model=None) == expected


@pytest.mark.parametrize(
    ("raw", "host", "response_id", "model", "expected"),
    [
        ("openai", "openrouter.ai", None, None, "openrouter"),
        ("openai", "https://openrouter.ai/api/v1/", None, None, "openrouter"),
        ("openai", None, "gen-1", None, "openrouter"),
        ("openai", None, "chatcmpl-1", "anthropic/claude-sonnet-4.5", "openrouter"),
        ("anthropic", "api.anthropic.com", "msg_1", "claude-sonnet-4-5", "anthropic"),
        # The host of an unknown gateway with OpenAI's interface does not identify a provider.
        ("openai", "llm.example.com", None, "gpt-4o-mini", "openai"),
        ("openai", "llm.example.com", None, "meta-llama/Llama-3.1-8B", "openai"),
        ("langchain", None, None, "claude-sonnet-4-5", "anthropic"),
        (None, "api.openai.com", None, None, "openai"),
        (None, None, None, "gemini-2.5-flash", "google"),
        (None, None, None, "anthropic/claude-sonnet-4.5", "openrouter"),
        (None, None, None, "our-own-model", None),
        # The host identifies the company; OpenAI's client calls all of them.
        ("openai", "api.deepseek.com", None, "deepseek-chat", "deepseek"),
        ("openai", "api.x.ai:443", None, "grok-4", "xai"),
        ("openai", "https://api.groq.com/openai/v1", None, "openai/gpt-oss-120b", "groq"),
        ("openai", "api.mistral.ai", None, "codestral-latest", "mistral"),
        ("openai", "generativelanguage.googleapis.com", None, "gemini-2.5-pro", "google"),
        ("openai", "api.together.xyz", "gen-1", "Qwen/Qwen3-8B", "together"),
        ("openai", "api.fireworks.ai", None, "accounts/fireworks/models/x", "fireworks"),
        ("openai", "acme.openai.azure.com", None, "gpt-4o", "azure"),
        ("openai", "acme.services.ai.azure.com", None, "gpt-4o", "azure"),
        ("azure_inference", "acme.services.ai.azure.com", None, "Phi-4", "azure_inference"),
        ("openai", "api.moonshot.ai", None, "kimi-k2", "moonshot"),
        ("google", "us-east5-aiplatform.googleapis.com", None, "gemini-2.5-pro", "vertex"),
        ("anthropic", "us-east5-aiplatform.googleapis.com", None, "claude-sonnet-4-5", "vertex"),
        ("anthropic", "bedrock-runtime.us-east-1.amazonaws.com", None, "claude", "bedrock"),
        # An API gateway at Amazon is not Bedrock, and the end of a domain alone does not identify it.
        ("openai", "a1b2.execute-api.us-east-1.amazonaws.com", None, "gpt-4o", "openai"),
        ("openai", "fox.ai", None, "gpt-4o", "openai"),
        # Written for every client that is built on OpenAI's.
        ("groq", "api.openai.com", None, "llama-3.1-8b-instant", "groq"),
        # A slash alone is not OpenRouter.
        ("openai", None, None, "openai/gpt-4o-mini", "openai"),
        ("openai", None, None, "meta-llama/Llama-3.3-70B-Instruct", "openai"),
        ("openai", None, None, "google/gemini-2.5-flash", "openrouter"),
        ("openai", None, None, "deepseek/deepseek-r1:free", "openrouter"),
        (None, None, None, "openai/gpt-4o-mini", "openai"),
        (None, None, None, "openrouter/auto", "openrouter"),
        (None, None, None, "meta-llama/Llama-3.3-70B-Instruct", None),
        (None, None, None, "Qwen/Qwen2.5-72B-Instruct", None),
        (None, None, None, "mistralai/Mistral-7B-Instruct-v0.2", None),
        (None, None, None, "openai/gpt-oss-20b", None),
        ("huggingface", None, None, "Qwen/Qwen2.5-72B-Instruct", "huggingface"),
        # Another provider's name is used, with or without a slash.
        ("together", None, None, "meta-llama/Llama-3", "together"),
    ],
)
def test_providers_by_host_response_id_and_model(
    raw: str | None, host: str | None, response_id: str | None, model: str | None, expected: str | None
) -> None:
    assert provider_name(raw, host=host, response_id=response_id, model=model) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("FinishReason.MAX_TOKENS", "length"),
        ("max_output_tokens", "length"),
        ("tool_call", "tool_calls"),
        ("tool-calls", "tool_calls"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("SAFETY", "content_filter"),
        ("pause_turn", "pause"),
        ("error", "error"),
        ("Moonstruck", "moonstruck"),
        ("unknown", None),
        ("", None),
        (None, None),
    ],
)
def test_finish_reasons(raw: str | None, expected: str | None) -> None:
    assert finish_reason(raw) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["stop", "length"], ["stop", "length"]),
        ('["stop"]', ["stop"]),
        ("['stop']", ["stop"]),
        ('"stop"', ["stop"]),
        ("stop", ["stop"]),
        (["stop", None, 1], ["stop"]),
        ("", []),
        (None, []),
        (7, []),
    ],
)
def test_finish_reasons_in_any_wrapping(value: AttributeValue, expected: list[str]) -> None:
    assert finish_reasons(value) == expected
