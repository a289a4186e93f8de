"""Reads the usage objects of OpenAI's APIs and of the servers that are compatible with them.

Fields are read by name, whatever the API and the provider: many servers answer one API with the usage
object of another, or put a count where no other server has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import dumps
from pulse_instrumentation.fields import Attributes, count, field, number, text
from pulse_instrumentation.readers.tables import Table, boolean, read, some

# Read in order to compare it with its parts, never exported.
_TOTAL = "total_tokens"
_TICKS_PER_DOLLAR = 10**10


def cost_usd(value: object) -> float | None:
    """Read a cost in dollars: a number, or an object with a total (Perplexity)."""
    if (dollars := number(value)) is not None:
        return dollars
    return number(field(value, "total_cost")) if field(value, "currency") in {None, "USD"} else None


def _ticks(value: object) -> float | None:
    """Read xAI's cost, which counts ten-billionths of a dollar."""
    ticks = number(value)
    return None if ticks is None else ticks / _TICKS_PER_DOLLAR


_INPUT_DETAILS: Table = {
    "cached_tokens": (names.USAGE_CACHE_READ, count),
    "cache_write_tokens": (names.USAGE_CACHE_WRITE, count),
    "audio_tokens": (names.USAGE_AUDIO_INPUT, some),
    "image_tokens": (names.USAGE_IMAGE_INPUT, some),
}
_OUTPUT_DETAILS: Table = {
    "reasoning_tokens": (names.USAGE_REASONING, count),
    "audio_tokens": (names.USAGE_AUDIO_OUTPUT, some),
    "image_tokens": (names.USAGE_IMAGE_OUTPUT, some),
}
COST: Table = {
    "cost": (names.USAGE_COST, cost_usd),
    "cost_in_usd_ticks": (names.USAGE_COST, _ticks),
    "cost_details": {"upstream_inference_cost": (names.USAGE_UPSTREAM_COST, number)},
    "is_byok": (names.USAGE_IS_BYOK, boolean),
}
USAGE: Table = {
    # Chat, completions and embeddings have the first name of a pair; responses, images and audio the second.
    "prompt_tokens": (names.USAGE_INPUT_TOKENS, count),
    "input_tokens": (names.USAGE_INPUT_TOKENS, count),
    "completion_tokens": (names.USAGE_OUTPUT_TOKENS, count),
    "output_tokens": (names.USAGE_OUTPUT_TOKENS, count),
    "total_tokens": (_TOTAL, count),
    "prompt_tokens_details": _INPUT_DETAILS,
    "input_tokens_details": _INPUT_DETAILS,
    "input_token_details": _INPUT_DETAILS,
    "completion_tokens_details": _OUTPUT_DETAILS,
    "output_tokens_details": _OUTPUT_DETAILS,
    "output_token_details": _OUTPUT_DETAILS,
    # DeepSeek's and Moonshot's names; below them LiteLLM's for Anthropic's models.
    "prompt_cache_hit_tokens": (names.USAGE_CACHE_READ, count),
    "cached_tokens": (names.USAGE_CACHE_READ, count),
    "cache_read_input_tokens": (names.USAGE_CACHE_READ, count),
    "cache_creation_input_tokens": (names.USAGE_CACHE_WRITE, count),
    "reasoning_tokens": (names.USAGE_REASONING, count),
    **COST,
}


def completed_usage(attributes: Attributes, *, has_output: bool = True) -> Attributes:
    """Complete the counts that `USAGE` found. `has_output`: the API counts output tokens at all."""
    total = attributes.pop(_TOTAL, None)
    if isinstance(total, int):
        _apply_total(attributes, total, has_output)
    return with_both_cache_writes(attributes)


def _apply_total(attributes: Attributes, total: int, has_output: bool) -> None:
    input, output = attributes.get(names.USAGE_INPUT_TOKENS), attributes.get(names.USAGE_OUTPUT_TOKENS)
    reasoning = attributes.get(names.USAGE_REASONING)
    if isinstance(input, int) and isinstance(output, int) and isinstance(reasoning, int):
        # xAI counts reasoning apart from the output; the conventions count it within.
        if reasoning and total == input + output + reasoning:
            attributes[names.USAGE_OUTPUT_TOKENS] = output + reasoning
    elif input is None and not has_output:
        attributes[names.USAGE_INPUT_TOKENS] = total


def usage_of_choices(choices: Sequence[object]) -> Attributes:
    """Read usage that the choices have, each its own (Moonshot): they share the input, not the output."""
    shared: Attributes = {}
    for choice in choices:
        if (usage := field(choice, "usage")) is None:
            continue
        for name, value in read(usage, USAGE).items():
            known = shared.get(name)
            if type(known) is int and type(value) is int:
                value = known + value if ".output_tokens" in name else max(known, value)
            shared[name] = value
    if len(choices) > 1:
        # The total of one choice says nothing about their sum.
        shared.pop(_TOTAL, None)
    return shared


def with_both_cache_writes(attributes: Attributes) -> Attributes:
    """Return the attributes with the tokens written to a cache under both of their names."""
    if (written := attributes.get(names.USAGE_CACHE_WRITE)) is not None:
        attributes[names.USAGE_CACHE_CREATION] = written
    return attributes


class ModelUsage(NamedTuple):
    """What one model used on behalf of a call. Input includes what was read from and written to a cache."""

    model: str | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0


def model_usage(usage: object) -> ModelUsage:
    """Read a usage object that names its model, its input inclusive of cached tokens."""
    return ModelUsage(
        text(field(usage, "model")) or None,
        count(field(usage, "input_tokens")) or 0,
        count(field(usage, "output_tokens")) or 0,
    )


def other_models_usage(used: Iterable[ModelUsage]) -> Attributes:
    """Return the attribute for what other models than the one that answered used, each at its own price."""
    found = [
        {name: value for name, value in usage._asdict().items() if value}
        for usage in used
        if usage.input_tokens or usage.output_tokens
    ]
    return {names.OTHER_MODELS_USAGE: dumps(found)} if found else {}
