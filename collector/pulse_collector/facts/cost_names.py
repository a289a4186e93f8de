"""Recognises, by the words of its name, an attribute with a cost or with a term of billing."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

CostPart = Literal["total", "input", "output", "upstream", "own_key"]
#: Terms that change the price of a call: the service tier, a faster mode, the region of inference.
#: `other_models`: models that used tokens on behalf of the one that answered, at other prices.
BillingTerm = Literal["service_tier", "speed", "inference_geo", "other_models"]
#: The usage of such other models, in spans of Pulse's own instrumentation.
OTHER_MODELS_KEY = "pulse.usage.other_models"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

#: Words that do not identify a part of the cost. Names of sums over several calls (`agent.cost`) have other
#: words.
_NEUTRAL = frozenset(
    {
        *("cost", "costs", "usd", "dollars", "usage", "token", "tokens", "details", "inference"),
        *("gen", "ai", "genai", "llm", "response", "operation", "openrouter", "litellm", "openai"),
    }
)
_PARTS: dict[str, CostPart] = {
    "total": "total",
    "input": "input",
    "prompt": "input",
    "output": "output",
    "completion": "output",
    "upstream": "upstream",
}
_TERM_NAMESPACES = frozenset(
    {
        *("gen", "ai", "llm", "openai", "anthropic", "aws", "gcp", "google", "azure", "groq"),
        *("litellm", "openrouter"),
    }
)


@lru_cache(maxsize=8192)
def cost_part(key: str) -> CostPart | None:
    """Return the part of a call's cost (dollars) that an attribute with this key contains, or None.

    `upstream`: the charge of the provider behind OpenRouter. `own_key`: whether that provider charges the
    user.
    """
    if len(key) > 128:
        return None
    words = [word.lower() for word in _WORDS.findall(key)]
    if "byok" in words:
        return "own_key"
    # The application may use a bare `cost` for anything.
    if not {"cost", "costs"}.intersection(words) or len(words) == 1 or words[-1] == "details":
        return None
    parts: set[CostPart | None] = {_PARTS.get(word) for word in words if word not in _NEUTRAL}
    parts = parts or {"total"}
    part = next(iter(parts)) if len(parts) == 1 else None
    # `llm.cost.prompt_details.input` is only a share of the input cost.
    return part if "details" not in words or part == "upstream" else None


@lru_cache(maxsize=8192)
def billing_term(key: str) -> BillingTerm | None:
    """Return the term of billing that an attribute with this key contains, or None."""
    if len(key) > 128:
        return None
    if key == OTHER_MODELS_KEY:
        return "other_models"
    words = [word.lower() for word in _WORDS.findall(key)]
    if len(words) < 2 or words[0] not in _TERM_NAMESPACES:
        return None
    if words[-2:] == ["service", "tier"]:
        return "service_tier"
    if words[-2:] == ["inference", "geo"]:
        return "inference_geo"
    return "speed" if words[-1] == "speed" else None


def is_of_request(key: str) -> bool:
    """Return whether the key is of the request. A term of the response replaces that of the request."""
    return ".request." in key
