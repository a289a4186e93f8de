"""Which company served a call: one name each, whatever the sender calls it."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from pulse_collector.facts.hosts import provider_by_host
from pulse_collector.facts.model_names import is_openrouter_name, provider_by_model

#: Frameworks that name themselves where a provider belongs.
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
#: Words of names of classes, too: `AzureChatOpenAI`, `GoogleVertexAI`.
_CAMEL_WORDS = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")

#: Who serves before whose models: `bedrock.anthropic.messages` is Bedrock, `Azure OpenAI` Azure. The first
#: entry that has one of the words wins; `open_ai` and `Open AI` count as `openai`.
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
#: Names of what only speaks like a provider.
_LIKE = frozenset({"compatible", "like", "proxy", "gateway"})

#: What the Vercel AI SDK and others append: `openai.chat`, `anthropic.messages`.
_SUFFIX = re.compile(r"\.(?:chat|messages|responses?|embeddings?|completions?)$")

#: Of a URL only its beginning counts.
_MAX_HOST_CHARS = 256

#: Providers whose name also stands where only the wire format of another is meant.
_COMPATIBLE = frozenset({None, "openai", "anthropic"})
#: Services of one company, which differ in their prices but not in their hosts.
_AZURE = frozenset({"azure", "azure_inference"})


def provider_name(
    raw: str | None, *, host: str | None, response_id: str | None, model: str | None
) -> str | None:
    """Return the provider by what is known of a call, or None.

    A known host decides: other companies answer to OpenAI's client too. OpenRouter is also recognised by its
    `gen-` response ids and by names that only it has. Where a framework wrote its own name, the model
    decides.
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
    # LangSmith writes the vendor in the model's name as the provider, with OpenRouter's ids.
    if is_generation and (name in _COMPATIBLE or host is None):
        return "openrouter"
    if name is None:
        return provider_by_model(model) if model else None
    is_routed = name == "openai" and host is None and model is not None and is_openrouter_name(model)
    return "openrouter" if is_routed else name


def _host_decides(name: str | None, by_host: str) -> bool:
    if name in _AZURE and by_host in _AZURE:
        return False
    # Some instrumentors write OpenAI's host for every client that is built on OpenAI's.
    return by_host != "openai" or name in (None, "openai")


def is_framework(raw: str) -> bool:
    """Return whether the name is that of a framework, which leaves open who serves its calls."""
    return raw.strip().lower() in _FRAMEWORKS


def _words(single: list[str]) -> set[str]:
    """Return the words, and each two neighbours as one word."""
    return {*single, *(one + other for one, other in pairwise(single))}


def _normalised(raw: str) -> str | None:
    """Return the provider that a name means, by its words; if they mean none, the name in lower case."""
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
