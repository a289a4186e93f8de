"""Reads the names of attributes that state a call's cost, or the terms it is billed by, by their words."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

CostPart = Literal["total", "input", "output", "upstream", "own_key"]
#: What changes the price of a call: the tier that served it, a faster mode, the place of inference.
#: `other_models` are those that used tokens on behalf of the one that answered, at prices of their own.
BillingTerm = Literal["service_tier", "speed", "inference_geo", "other_models"]
#: What they used, in spans of Pulse's own instrumentation.
OTHER_MODELS_KEY = "pulse.usage.other_models"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

#: Words that leave open which cost it is; sums over several calls (`agent.cost`) have another.
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
    """Return which part of a call's cost in dollars an attribute with this key is; None if it is none.

    `upstream` is what the provider behind OpenRouter charges, and `own_key` whether it charges the user.
    """
    if len(key) > 128:
        return None
    words = [word.lower() for word in _WORDS.findall(key)]
    if "byok" in words:
        return "own_key"
    # A bare `cost` may be anything of the application's.
    if not {"cost", "costs"}.intersection(words) or len(words) == 1 or words[-1] == "details":
        return None
    parts: set[CostPart | None] = {_PARTS.get(word) for word in words if word not in _NEUTRAL}
    parts = parts or {"total"}
    part = next(iter(parts)) if len(parts) == 1 else None
    # `llm.cost.prompt_details.input` is a part of a part.
    return part if "details" not in words or part == "upstream" else None


@lru_cache(maxsize=8192)
def billing_term(key: str) -> BillingTerm | None:
    """Return which term of billing an attribute with this key states; None if it states none."""
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
    """Return whether the term was asked for, which the answer may overrule."""
    return ".request." in key
