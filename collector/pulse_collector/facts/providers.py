"""Normalizes the provider of a call: one name for each company, whatever the sender writes."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from pulse_collector.facts.hosts import provider_by_host
from pulse_collector.facts.model_names import is_openrouter_name, provider_by_model

#: Frameworks that write their own name in place of the provider.
_FRAMEWORKS = frozenset(
    {
        "langchain",
        "langgraph",
        "llamaindex",
        "llama_index",
        "strands-agents",
        "strands",
        "autogen",
        "crewai",
        "agno",
        "haystack",
        "litellm",
        "litellm_proxy",
        "pydantic_ai",
        "pydantic-ai",
        "microsoft.agent_framework",
        "agent_framework",
        "agents",
        "traceloop",
        "spring_ai",
        "semantic_kernel",
        "genkit",
        "dspy",
        "smolagents",
        "custom",
        "unknown",
        "_other",
        "none",
    }
)

_WORDS = re.compile(r"[a-z0-9]+")
#: Words in names of classes too: `AzureChatOpenAI`, `GoogleVertexAI`.
_CAMEL_WORDS = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")

#: Providers by the words of a name; the first matching entry wins. Hosting services come before the vendors
#: of the models: `bedrock.anthropic.messages` is Bedrock, `Azure OpenAI` is Azure. `open_ai` and `Open AI`
#: count as `openai`.
_BY_WORD: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("openrouter", ("openrouter",)),
    ("sagemaker", ("sagemaker",)),
    ("bedrock", ("bedrock", "aws", "amazon")),
    ("azure", ("azure", "az", "azureopenai", "azureopenaichat")),
    ("vertex", ("vertex", "vertexai", "chatvertexai", "aiplatform")),
    ("watsonx", ("watsonx", "watson")),
    ("huggingface", ("huggingface",)),
    ("github", ("github",)),
    ("databricks", ("databricks",)),
    ("cloudflare", ("cloudflare",)),
    ("nvidia", ("nvidia",)),
    ("ollama", ("ollama",)),
    ("groq", ("groq", "chatgroq")),
    ("together", ("together", "togetherai", "togethercomputer")),
    ("fireworks", ("fireworks", "fireworksai")),
    ("cerebras", ("cerebras",)),
    ("sambanova", ("sambanova",)),
    ("deepinfra", ("deepinfra",)),
    ("novita", ("novita", "novitaai")),
    ("nebius", ("nebius",)),
    ("hyperbolic", ("hyperbolic",)),
    ("replicate", ("replicate",)),
    ("baseten", ("baseten",)),
    ("perplexity", ("perplexity", "perplexityai")),
    ("xai", ("xai", "grok")),
    ("deepseek", ("deepseek",)),
    ("mistral", ("mistral", "mistralai", "chatmistralai")),
    ("moonshot", ("moonshot", "moonshotai", "kimi")),
    ("zhipuai", ("zhipu", "zhipuai", "bigmodel")),
    ("z_ai", ("zai",)),
    ("alibaba", ("alibaba", "alibabacloud", "dashscope", "tongyi", "bailian", "qwen")),
    ("minimax", ("minimax",)),
    ("cohere", ("cohere", "chatcohere")),
    ("ai21", ("ai21",)),
    ("voyageai", ("voyage", "voyageai")),
    ("jina", ("jina", "jinaai")),
    ("elevenlabs", ("elevenlabs",)),
    ("google", ("google", "gcp", "gemini", "googleai", "googlegenai", "chatgooglegenerativeai")),
    ("anthropic", ("anthropic", "claude", "chatanthropic")),
    ("openai", ("openai", "chatopenai", "openaichat")),
)
#: Words in names of services that only implement a provider's interface.
_LIKE = frozenset({"compatible", "like", "proxy", "gateway"})

#: Suffixes that the Vercel AI SDK and other libraries append: `openai.chat`, `anthropic.messages`.
_SUFFIX = re.compile(r"\.(?:chat|messages|responses?|embeddings?|completions?)$")

#: Only the first characters of a URL are examined.
_MAX_HOST_CHARS = 256

#: Names that may mean only the wire format instead of the provider.
_COMPATIBLE = frozenset({None, "openai", "anthropic"})
#: Services of one company with different prices but the same hosts.
_AZURE = frozenset({"azure", "azure_inference"})


def provider_name(
    raw: str | None, *, host: str | None, response_id: str | None, model: str | None
) -> str | None:
    """Return the provider from what is known of a call, or None.

    A known host takes precedence: OpenAI's client calls other companies too. OpenRouter is also recognised by
    its response ids (`gen-`) and by its model names. If the name is a framework's, the model decides.
    """
    return _provider(
        raw,
        host if host is None else host[:_MAX_HOST_CHARS],
        response_id is not None and response_id.startswith("gen-"),
        model,
    )


@lru_cache(maxsize=4096)
def _provider(raw: str | None, host: str | None, is_generation: bool, model: str | None) -> str | None:
    name = _normalised(raw) if raw else None
    by_host = None if host is None else provider_by_host(host)
    if by_host is not None:
        return by_host if _host_decides(name, by_host) else name
    # LangSmith writes the vendor in the model's name as the provider, with OpenRouter's response ids.
    if is_generation and (name in _COMPATIBLE or host is None):
        return "openrouter"
    if name is None:
        return provider_by_model(model) if model else None
    is_routed = name == "openai" and host is None and model is not None and is_openrouter_name(model)
    return "openrouter" if is_routed else name


def _host_decides(name: str | None, by_host: str) -> bool:
    if name in _AZURE and by_host in _AZURE:
        return False
    # Some instrumentors write OpenAI's host for every client that is derived from OpenAI's.
    return by_host != "openai" or name in (None, "openai")


def is_framework(raw: str) -> bool:
    """Return whether the name is a framework's, which does not identify the provider."""
    return raw.strip().lower() in _FRAMEWORKS


def _words(single: list[str]) -> set[str]:
    """Return the words, and each pair of neighbours as one word."""
    return {*single, *(one + other for one, other in pairwise(single))}


def _normalised(raw: str) -> str | None:
    """Return the provider that the words of a name mean, else the name in lower case."""
    name = raw.strip().lower()
    if not name or name in _FRAMEWORKS:
        return None
    if "." in name and (by_host := provider_by_host(name)) is not None:
        return by_host
    words = _words(_WORDS.findall(name))
    if name != raw:
        words |= _words([word.lower() for word in _CAMEL_WORDS.findall(raw)])
    provider = None
    if words.isdisjoint(_LIKE):
        provider = next((one for one, spellings in _BY_WORD if not words.isdisjoint(spellings)), None)
    if provider is None:
        return _SUFFIX.sub("", name)
    if (
        provider == "azure"
        and "openai" not in words
        and not words.isdisjoint(("inference", "foundry", "azureai"))
    ):
        return "azure_inference"
    return provider
