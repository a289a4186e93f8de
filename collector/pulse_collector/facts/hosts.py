"""Maps the host of a call to the provider that serves it."""

from __future__ import annotations

import re
from functools import lru_cache

_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/@\s]*@)?([^/:?#\s]+)")

#: Domains of providers; their subdomains count too.
_DOMAINS = {
    "openrouter.ai": "openrouter",
    "openai.com": "openai",
    "anthropic.com": "anthropic",
    "claude.com": "anthropic",
    "generativelanguage.googleapis.com": "google",
    "aiplatform.googleapis.com": "vertex",
    "openai.azure.com": "azure",
    "openai.azure.us": "azure",
    "openai.azure.cn": "azure",
    "cognitiveservices.azure.com": "azure",
    "cognitiveservices.azure.us": "azure",
    "services.ai.azure.com": "azure",
    "inference.ai.azure.com": "azure_inference",
    "models.ai.azure.com": "azure_inference",
    "groq.com": "groq",
    "mistral.ai": "mistral",
    "deepseek.com": "deepseek",
    "x.ai": "xai",
    "together.xyz": "together",
    "together.ai": "together",
    "fireworks.ai": "fireworks",
    "cohere.com": "cohere",
    "cohere.ai": "cohere",
    "perplexity.ai": "perplexity",
    "cerebras.ai": "cerebras",
    "sambanova.ai": "sambanova",
    "moonshot.ai": "moonshot",
    "moonshot.cn": "moonshot",
    "z.ai": "z_ai",
    "bigmodel.cn": "zhipuai",
    "minimax.io": "minimax",
    "minimaxi.com": "minimax",
    "dashscope.aliyuncs.com": "alibaba",
    "dashscope-intl.aliyuncs.com": "alibaba",
    "dashscope-us.aliyuncs.com": "alibaba",
    "api.nvidia.com": "nvidia",
    "huggingface.co": "huggingface",
    "models.github.ai": "github",
    "githubcopilot.com": "github",
    "deepinfra.com": "deepinfra",
    "novita.ai": "novita",
    "nebius.com": "nebius",
    "nebius.ai": "nebius",
    "hyperbolic.xyz": "hyperbolic",
    "replicate.com": "replicate",
    "voyageai.com": "voyageai",
    "jina.ai": "jina",
    "ai21.com": "ai21",
    "baseten.co": "baseten",
    "databricks.com": "databricks",
    "azuredatabricks.net": "databricks",
    "ml.cloud.ibm.com": "watsonx",
    "elevenlabs.io": "elevenlabs",
}


@lru_cache(maxsize=4096)
def provider_by_host(address: str) -> str | None:
    """Return the provider at a host, `host:port` or URL; None for an unknown host."""
    named = _HOST.match(address.strip().lower())
    if named is None:
        return None
    host = named[1].rstrip(".")
    # Vertex puts the region in front with a hyphen: `europe-west4-aiplatform.googleapis.com`.
    if host.endswith("-aiplatform.googleapis.com"):
        return "vertex"
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")):
        return _aws(host)
    labels = host.split(".")
    for start in range(len(labels) - 1):
        provider = _DOMAINS.get(".".join(labels[start:]))
        if provider is not None:
            return provider
    return None


def _aws(host: str) -> str | None:
    """Return the model service of an AWS host; None for hosts of AWS' customers, such as API gateways."""
    if "bedrock" in host:
        return "bedrock"
    return "sagemaker" if "sagemaker" in host else None
