"""Detect the provider and the server address of a client from its class and base URL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pulse_instrumentation import attributes as names
from pulse_instrumentation.fields import Attributes, field, integer, text

OPENROUTER = "openrouter"

# By client class, before the host: an Azure resource may have any host. The first match in the MRO is used.
_CLASSES = {
    "AzureOpenAI": "azure.ai.openai",
    "AsyncAzureOpenAI": "azure.ai.openai",
    "BaseAzureClient": "azure.ai.openai",
    "BedrockOpenAI": "aws.bedrock",
    "AsyncBedrockOpenAI": "aws.bedrock",
    "BaseBedrockClient": "aws.bedrock",
    "AnthropicBedrock": "aws.bedrock",
    "AsyncAnthropicBedrock": "aws.bedrock",
    "AnthropicBedrockMantle": "aws.bedrock",
    "AsyncAnthropicBedrockMantle": "aws.bedrock",
    "AnthropicVertex": "gcp.vertex_ai",
    "AsyncAnthropicVertex": "gcp.vertex_ai",
    "AnthropicGoogleCloud": "gcp.vertex_ai",
    "AsyncAnthropicGoogleCloud": "gcp.vertex_ai",
    "AnthropicFoundry": "azure.ai.inference",
    "AsyncAnthropicFoundry": "azure.ai.inference",
}

# By host or parent domain. The names are those of the conventions, where these define one.
_HOSTS = {
    "openrouter.ai": OPENROUTER,
    "api.openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "models.ai.azure.com": "azure.ai.inference",
    "models.inference.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "api.mistral.ai": "mistral_ai",
    "api.x.ai": "x_ai",
    "api.perplexity.ai": "perplexity",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "api.cerebras.ai": "cerebras",
    "api.sambanova.ai": "sambanova",
    "api.hyperbolic.xyz": "hyperbolic",
    "api.novita.ai": "novita",
    "api.deepinfra.com": "deepinfra",
    "integrate.api.nvidia.com": "nvidia",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.z.ai": "z_ai",
    "dashscope.aliyuncs.com": "alibaba_cloud",
    "dashscope-intl.aliyuncs.com": "alibaba_cloud",
    "router.huggingface.co": "huggingface",
    "api.githubcopilot.com": "github",
    "models.github.ai": "github",
    "ai-gateway.vercel.sh": "vercel",
}


@dataclass(frozen=True, slots=True)
class Server:
    """The provider and address to which a client sends its calls."""

    provider: str
    attributes: Attributes


def server_of(client: object, chosen: str | None, default: str) -> Server:
    """Return the server of a client.

    The provider is `chosen`, else found by class, else by host, else `default`, which is the library's own
    provider.
    """
    url = base_url(client)
    host = text(field(url, "host"))
    port = integer(field(url, "port"))
    if port is None:
        port = 80 if field(url, "scheme") == "http" else 443
    provider = chosen or _by_class(type(client)) or _by_host(host) or default
    attributes: Attributes = {names.PROVIDER_NAME: provider}
    if host:
        attributes[names.SERVER_ADDRESS] = host
        attributes[names.SERVER_PORT] = port
    return Server(provider, attributes)


def base_url(client: object) -> object:
    """Return the base URL of a client.

    Read from the private attribute, because openai's property is slow: it executes an import at each access.
    """
    url: object = vars(client).get("_base_url") if _keeps_base_url(type(client)) else None
    return getattr(client, "base_url", None) if url is None else url


@lru_cache(maxsize=64)
def _keeps_base_url(client_class: type) -> bool:
    """Return whether `base_url` is the library's property, and no subclass has overridden it."""
    getter: object = getattr(getattr(client_class, "base_url", None), "fget", None)
    return getattr(getter, "__module__", "").startswith(("openai.", "anthropic."))


def _by_class(client_class: type) -> str | None:
    for base in client_class.__mro__:
        if provider := _CLASSES.get(base.__name__):
            return provider
    return None


def _by_host(host: str | None) -> str | None:
    domain = (host or "").lower()
    # bedrock-runtime.eu-west-1.amazonaws.com, bedrock-mantle.us-east-1.api.aws and similar hosts. Other hosts
    # of Amazon may serve any provider.
    if domain.startswith("bedrock-") and domain.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")):
        return "aws.bedrock"
    if domain.endswith("-aiplatform.googleapis.com"):
        return "gcp.vertex_ai"
    while domain:
        if provider := _HOSTS.get(domain):
            return provider
        _, _, domain = domain.partition(".")
    return None
