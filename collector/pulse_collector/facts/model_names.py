"""Normalizes model names, and derives the provider from a model's name."""

from __future__ import annotations

import re
from functools import lru_cache

#: Google's resource names: `models/…` (Gemini API), `publishers/…/models/…` with or without a project
#: (Vertex).
_RESOURCE = re.compile(
    r"(?://aiplatform\.googleapis\.com/)?(?:v1[a-z0-9]*/)?"
    r"(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/(.+)",
    re.IGNORECASE,
)
_VERTEX_RESOURCE = re.compile(
    r"(?:.*/)?publishers/[^/]+/models/|(?:.*/)?projects/[^/]+/locations/", re.IGNORECASE
)

#: Providers whose own model names have no slash, and the prefixes that libraries put before these names.
_PREFIXES: dict[str, frozenset[str]] = {
    "openai": frozenset({"openai"}),
    "anthropic": frozenset({"anthropic"}),
    "google": frozenset({"google", "gemini", "googleai", "google_genai", "google-genai"}),
    "vertex": frozenset({"google", "vertex_ai", "vertexai", "vertex", "anthropic", "gemini"}),
    "bedrock": frozenset({"bedrock", "bedrock_converse", "amazon-bedrock", "converse"}),
    "azure": frozenset({"azure", "openai"}),
    "mistral": frozenset({"mistral", "mistralai"}),
    "xai": frozenset({"xai", "x-ai"}),
    "deepseek": frozenset({"deepseek"}),
    "cohere": frozenset({"cohere"}),
    "moonshot": frozenset({"moonshot", "moonshotai"}),
    "perplexity": frozenset({"perplexity"}),
}

#: Bedrock's names: the vendor before a dot, and before it the region of an inference profile.
_BEDROCK = re.compile(
    r"(?:arn:aws[\w-]*:bedrock:.*|(?:[a-z]{2,6}(?:-[a-z]+)?\.)?"
    r"(?:amazon|anthropic|meta|mistral|deepseek|cohere|ai21|qwen|openai|stability|writer|twelvelabs|luma"
    r"|moonshot|moonshotai|nvidia|minimax|zai|google)\.[a-z].*)",
    re.IGNORECASE,
)
_PROFILE = re.compile(r"arn:aws[\w-]*:bedrock:[^/]*:(?:inference-profile|foundation-model)/(.+)")
#: Vertex writes a date after `@` in Anthropic's model names.
_VERTEX_DATE = re.compile(r"claude-.*@(?:\d{8}|default|latest)", re.IGNORECASE)

#: Prefixes of names that only one company uses. Models with open weights are served by many.
_STARTS = (
    ("gpt-oss", None),
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4-", "openai"),
    ("codex-", "openai"),
    ("computer-use-", "openai"),
    ("text-embedding-3-", "openai"),
    ("text-embedding-ada-", "openai"),
    ("text-embedding-0", "google"),
    ("text-moderation-", "openai"),
    ("omni-moderation-", "openai"),
    ("dall-e-", "openai"),
    ("tts-1", "openai"),
    ("whisper-1", "openai"),
    ("ft:gpt-", "openai"),
    ("davinci", "openai"),
    ("babbage", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "google"),
    ("imagen-", "google"),
    ("veo-", "google"),
    ("learnlm-", "google"),
    ("mistral-", "mistral"),
    ("open-mistral-", "mistral"),
    ("open-mixtral-", "mistral"),
    ("ministral-", "mistral"),
    ("magistral-", "mistral"),
    ("pixtral-", "mistral"),
    ("devstral-", "mistral"),
    ("voxtral-", "mistral"),
    ("codestral", "mistral"),
    ("grok-", "xai"),
    ("deepseek-", "deepseek"),
    ("command-", "cohere"),
    ("embed-english-", "cohere"),
    ("embed-multilingual-", "cohere"),
    ("embed-v4", "cohere"),
    ("rerank-v", "cohere"),
    ("rerank-english-", "cohere"),
    ("rerank-multilingual-", "cohere"),
    ("c4ai-", "cohere"),
    ("sonar-", "perplexity"),
    ("kimi-", "moonshot"),
    ("moonshot-", "moonshot"),
    ("glm-", "z_ai"),
    ("qwen-", "alibaba"),
    ("qwen3-max", "alibaba"),
    ("qwq-plus", "alibaba"),
    ("voyage-", "voyageai"),
    ("jina-", "jina"),
    ("jamba-", "ai21"),
    ("minimax-m", "minimax"),
)
_EXACT = {"sonar": "perplexity", "command": "cohere"}

#: Prefixes that libraries (LiteLLM, LangChain, Pydantic AI) write before a model, and their providers.
_VENDORS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "gemini": "google",
    "vertex_ai": "vertex",
    "bedrock": "bedrock",
    "xai": "xai",
    "x-ai": "xai",
    "mistral": "mistral",
    "cohere": "cohere",
    "perplexity": "perplexity",
    "openrouter": "openrouter",
}
#: Spellings of OpenRouter alone: variants, its router, versions with a dot where Anthropic has a hyphen.
_OPENROUTER = r"openrouter/.+|.+/.+:(?:free|nitro|floor|online|exacto)|anthropic/claude-.*\d\.\d.*"
_OPENROUTER_NAME = re.compile(_OPENROUTER)
#: The same, and models of other companies: OpenAI's client reaches these only through a router.
_ROUTED_NAME = re.compile(
    _OPENROUTER
    + r"|anthropic/claude-(?!.*\d-\d).*|(?:google/gemini-|x-ai/grok-|perplexity/sonar|amazon/nova-).*"
)


@lru_cache(maxsize=8192)
def bare_model(model: str, provider: str | None) -> str:
    """Return the name by which the provider lists a model, without a resource path or a prefix."""
    if "/" not in model:
        return model
    resource = _RESOURCE.fullmatch(model) or _PROFILE.fullmatch(model)
    if resource is not None and "/" not in resource[1]:
        return resource[1]
    prefixes = _PREFIXES.get(provider or "", ())
    prefix, slash, rest = model.partition("/")
    while slash and rest and prefix.lower() in prefixes:
        model = rest
        prefix, slash, rest = model.partition("/")
    return model


@lru_cache(maxsize=8192)
def provider_by_model(model: str) -> str | None:
    """Return the provider that a model's name implies; None if several providers serve it."""
    if _VERTEX_RESOURCE.match(model):
        return "vertex"
    resource = _RESOURCE.fullmatch(model)
    if resource is not None:
        return "google"
    lowered = model.lower()
    if _BEDROCK.fullmatch(lowered):
        return "bedrock"
    prefix, slash, rest = lowered.partition("/")
    if slash:
        if _OPENROUTER_NAME.fullmatch(model):
            return "openrouter"
        vendor = _VENDORS.get(prefix)
        # Many providers serve `openai/gpt-oss-120b`.
        return vendor if vendor is not None and rest and not _has_open_weights(rest) else None
    if lowered in _EXACT:
        return _EXACT[lowered]
    if _VERTEX_DATE.fullmatch(lowered):
        return "vertex"
    return next((provider for start, provider in _STARTS if lowered.startswith(start)), None)


def is_embedding_model(model: str) -> bool:
    """Return whether a model is an embedding model."""
    return "embed" in model.lower() or model.lower().startswith(("voyage-", "bge-", "e5-", "gte-"))


def is_free_model(model: str | None) -> bool:
    """Return whether this is a free variant of a model at OpenRouter."""
    return model is not None and model.endswith(":free")


def is_openrouter_name(model: str) -> bool:
    """Return whether only OpenRouter serves a model by this name to OpenAI's client."""
    return _ROUTED_NAME.fullmatch(model) is not None


def _has_open_weights(name: str) -> bool:
    return name.startswith(("gpt-oss", "gemma", "open-mi", "codegemma"))
