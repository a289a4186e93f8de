"""Which company served a call: one name each, whatever the sender calls it."""

from __future__ import annotations

from functools import lru_cache

_NAMES = {
    "az.ai.openai": "azure",
    "azure.ai.openai": "azure",
    "azure_openai": "azure",
    "azure-openai": "azure",
    "azureopenai": "azure",
    "azure": "azure",
    "az.ai.inference": "azure_inference",
    "azure.ai.inference": "azure_inference",
    "azure_ai_inference": "azure_inference",
    "gemini": "google",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "google": "google",
    "google_genai": "google",
    "google-genai": "google",
    "google.genai": "google",
    "googleai": "google",
    "google-generativeai": "google",
    "google.generative-ai": "google",
    "google_ai_studio": "google",
    "google-gla": "google",
    "vertex_ai": "vertex",
    "vertexai": "vertex",
    "google.vertex": "vertex",
    "google-vertex": "vertex",
    "google_vertexai": "vertex",
    "gcp.vertex_ai": "vertex",
    "gcp.vertex.agent": "vertex",
    "xai": "xai",
    "x_ai": "xai",
    "x-ai": "xai",
    "grok": "xai",
    "bedrock": "bedrock",
    "aws": "bedrock",
    "aws.bedrock": "bedrock",
    "amazon_bedrock": "bedrock",
    "amazon-bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "mistral": "mistral",
    "ibm.watsonx.ai": "watsonx",
    "together_ai": "together",
    "togetherai": "together",
    "fireworks_ai": "fireworks",
    "openai_chat": "openai",
    "openai-chat": "openai",
}

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

#: What the Vercel AI SDK and others append: `openai.chat`, `anthropic.messages`.
_SUFFIXES = (".chat", ".messages", ".responses", ".response", ".embedding", ".embeddings", ".completion")

_HOSTS = (
    ("openrouter.ai", "openrouter"),
    ("openai.azure.com", "azure"),
    ("cognitiveservices.azure.com", "azure"),
    ("models.inference.ai.azure.com", "azure_inference"),
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "google"),
    ("aiplatform.googleapis.com", "vertex"),
    ("amazonaws.com", "bedrock"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "xai"),
    ("api.together.xyz", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.cohere.com", "cohere"),
    ("api.perplexity.ai", "perplexity"),
    ("api.cerebras.ai", "cerebras"),
)

#: Beginnings of model names that only one company uses.
_MODELS = (
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4-", "openai"),
    ("text-embedding-", "openai"),
    ("ft:gpt-", "openai"),
    ("davinci", "openai"),
    ("claude-", "anthropic"),
    ("anthropic.claude", "bedrock"),
    ("us.anthropic.", "bedrock"),
    ("eu.anthropic.", "bedrock"),
    ("amazon.", "bedrock"),
    ("gemini-", "google"),
    ("models/gemini-", "google"),
    ("mistral-", "mistral"),
    ("ministral-", "mistral"),
    ("codestral", "mistral"),
    ("grok-", "xai"),
    ("deepseek-", "deepseek"),
    ("command-", "cohere"),
)

#: Of a URL only its beginning tells.
_MAX_HOST_CHARS = 256

#: Providers whose name also stands where only the wire format of another is meant.
_COMPATIBLE = frozenset({None, "openai", "anthropic"})


def provider_name(
    raw: str | None, *, host: str | None, response_id: str | None, model: str | None
) -> str | None:
    """The provider by what is known of a call, or None.

    OpenRouter answers to OpenAI's client, so it is told by host, by its `gen-` response ids, or, where the
    host is not known, by `vendor/model` names. Where a framework put its own name the model decides.
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
    if name in _COMPATIBLE:
        if host is not None:
            by_host = _provider_by_host(host)
            if by_host == "openrouter" or (name is None and by_host is not None):
                return by_host
        if is_generation:
            return "openrouter"
        if name is not None:
            named_by_vendor = host is None and model is not None and "/" in model
            return "openrouter" if name == "openai" and named_by_vendor else name
        return _provider_by_model(model) if model else None
    # LangSmith takes the vendor in the model's name for the provider.
    return "openrouter" if is_generation and host is None else name


def is_framework(raw: str) -> bool:
    """Whether the name is that of a framework, which says nothing of who serves its calls."""
    return raw.strip().lower() in _FRAMEWORKS


def _normalised(raw: str) -> str | None:
    name = raw.strip().lower()
    if name in _NAMES:
        return _NAMES[name]
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            name = name.removesuffix(suffix)
            break
    if name in _FRAMEWORKS:
        return None
    return _NAMES.get(name, name) or None


def _provider_by_host(host: str) -> str | None:
    lowered = host.lower()
    for part, provider in _HOSTS:
        if part in lowered:
            return provider
    return None


def _provider_by_model(model: str) -> str | None:
    lowered = model.lower()
    for start, provider in _MODELS:
        if lowered.startswith(start):
            return provider
    return "openrouter" if lowered.count("/") == 1 and lowered.split("/")[0] in _VENDORS else None


#: The vendors of OpenRouter's `vendor/model` names that are also providers elsewhere.
_VENDORS = frozenset({"anthropic", "openai", "google", "meta-llama", "mistralai", "deepseek", "x-ai", "qwen"})
