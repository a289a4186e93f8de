"""Read the usage objects of OpenAI's APIs and of compatible servers.

Fields are read by name, independent of the API and provider: many servers answer one API with the usage
object of another API, or put a count in a place that other servers do not use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pulse_instrumentation import attributes as names
from pulse_instrumentation.content import dumps
from pulse_instrumentation.fields import Attributes, count, field, number, text
from pulse_instrumentation.readers.tables import Table, boolean, non_zero_count, read

# Read only to compare it with its parts; not set on spans.
_TOTAL = "total_tokens"
_TICKS_PER_DOLLAR = 10**10


def cost_usd(value: object) -> float | None:
    """Return a cost in dollars from a number, or from an object with a total (Perplexity)."""
    if (dollars := number(value)) is not None:
        return dollars
    return number(field(value, "total_cost")) if field(value, "currency") in {None, "USD"} else None


def _ticks(value: object) -> float | None:
    """Return a cost in dollars from xAI's unit, a ten-billionth of a dollar."""
    ticks = number(value)
    return None if ticks is None else ticks / _TICKS_PER_DOLLAR


_INPUT_DETAILS: Table = {
    "cached_tokens": (names.USAGE_CACHE_READ, count),
    "cache_write_tokens": (names.USAGE_CACHE_WRITE, count),
    "audio_tokens": (names.USAGE_AUDIO_INPUT, non_zero_count),
    "image_tokens": (names.USAGE_IMAGE_INPUT, non_zero_count),
}
_OUTPUT_DETAILS: Table = {
    "reasoning_tokens": (names.USAGE_REASONING, count),
    "audio_tokens": (names.USAGE_AUDIO_OUTPUT, non_zero_count),
    "image_tokens": (names.USAGE_IMAGE_OUTPUT, non_zero_count),
}
COST: Table = {
    "cost": (names.USAGE_COST, cost_usd),
    "cost_in_usd_ticks": (names.USAGE_COST, _ticks),
    "cost_details": {"upstream_inference_cost": (names.USAGE_UPSTREAM_COST, number)},
    "is_byok": (names.USAGE_IS_BYOK, boolean),
}
USAGE: Table = {
    # Chat, completions and embeddings use the first name of a pair; responses, images and audio the second.
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
    # Names of DeepSeek and Moonshot; below, names of LiteLLM for Anthropic's models.
    "prompt_cache_hit_tokens": (names.USAGE_CACHE_READ, count),
    "cached_tokens": (names.USAGE_CACHE_READ, count),
    "cache_read_input_tokens": (names.USAGE_CACHE_READ, count),
    "cache_creation_input_tokens": (names.USAGE_CACHE_WRITE, count),
    "reasoning_tokens": (names.USAGE_REASONING, count),
    **COST,
}


def complete_usage(attributes: Attributes, *, has_output: bool = True) -> Attributes:
    """Return the attributes that `USAGE` read, with derived counts. `has_output`: the API has output."""
    total = attributes.pop(_TOTAL, None)
    if isinstance(total, int):
        _apply_total(attributes, total, has_output)
    return with_both_cache_writes(attributes)


def _apply_total(attributes: Attributes, total: int, has_output: bool) -> None:
    input, output = attributes.get(names.USAGE_INPUT_TOKENS), attributes.get(names.USAGE_OUTPUT_TOKENS)
    reasoning = attributes.get(names.USAGE_REASONING)
    if isinstance(input, int) and isinstance(output, int) and isinstance(reasoning, int):
        # xAI's output tokens exclude reasoning tokens; those of the conventions include them.
        if reasoning and total == input + output + reasoning:
            attributes[names.USAGE_OUTPUT_TOKENS] = output + reasoning
    elif input is None and not has_output:
        attributes[names.USAGE_INPUT_TOKENS] = total


def usage_of_choices(choices: Sequence[object]) -> Attributes:
    """Return the usage of a completion whose choices have usage (Moonshot): same input, summed output."""
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
        # The total of one choice is not the total of the call.
        shared.pop(_TOTAL, None)
    return shared


def with_both_cache_writes(attributes: Attributes) -> Attributes:
    """Return the attributes with both names of the tokens that were written to a cache."""
    if (written := attributes.get(names.USAGE_CACHE_WRITE)) is not None:
        attributes[names.USAGE_CACHE_CREATION] = written
    return attributes


class ModelUsage(NamedTuple):
    """The tokens that one model used for a call. Input includes cache reads and cache writes."""

    model: str | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0


def model_usage(usage: object) -> ModelUsage:
    """Return the usage of a model from an object that contains its name; input includes cached tokens."""
    return ModelUsage(
        text(field(usage, "model")) or None,
        count(field(usage, "input_tokens")) or 0,
        count(field(usage, "output_tokens")) or 0,
    )


def other_models_usage(used: Iterable[ModelUsage]) -> Attributes:
    """Return the attribute with the usage of models other than the one that answered, as JSON."""
    found = [
        {name: value for name, value in usage._asdict().items() if value}
        for usage in used
        if usage.input_tokens or usage.output_tokens
    ]
    return {names.OTHER_MODELS_USAGE: dumps(found)} if found else {}
