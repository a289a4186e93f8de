"""Read the usage of Anthropic's messages, including billed tokens that the top-level counts lack."""

from __future__ import annotations

from collections.abc import Iterable

from pulse_instrumentation import attributes as names
from pulse_instrumentation.fields import Attributes, count, field, items, text
from pulse_instrumentation.readers.tables import Table, non_zero_count, read
from pulse_instrumentation.readers.usage import (
    COST,
    ModelUsage,
    other_models_usage,
    with_both_cache_writes,
)

USAGE: Table = {
    "input_tokens": (names.USAGE_INPUT_TOKENS, count),
    "cache_read_input_tokens": (names.USAGE_CACHE_READ, count),
    "cache_creation_input_tokens": (names.USAGE_CACHE_WRITE, count),
    "cache_creation": {
        "ephemeral_5m_input_tokens": (names.ANTHROPIC_CACHE_5M, count),
        "ephemeral_1h_input_tokens": (names.ANTHROPIC_CACHE_1H, count),
    },
    "output_tokens": (names.USAGE_OUTPUT_TOKENS, count),
    "output_tokens_details": {"thinking_tokens": (names.USAGE_REASONING, count)},
    "server_tool_use": {"web_search_requests": (names.ANTHROPIC_WEB_SEARCHES, non_zero_count)},
    "service_tier": (names.ANTHROPIC_RESPONSE_SERVICE_TIER, text),
    "speed": (names.ANTHROPIC_RESPONSE_SPEED, text),
    "inference_geo": (names.ANTHROPIC_RESPONSE_INFERENCE_GEO, text),
    **COST,
}
# The counts that are summed, without those that are parts of another count.
_SUMMED = (
    names.USAGE_INPUT_TOKENS,
    names.USAGE_OUTPUT_TOKENS,
    names.USAGE_CACHE_READ,
    names.USAGE_CACHE_WRITE,
)
_COUNTS = (*_SUMMED, names.ANTHROPIC_CACHE_5M, names.ANTHROPIC_CACHE_1H)
_SAMPLED = ("message", "fallback_message")


def complete_usage(attributes: Attributes, usage: object) -> Attributes:
    """Return the attributes that `USAGE` read, with derived counts.

    Anthropic's input tokens exclude cached tokens. The conventions' count includes them, so they are added.
    """
    if iterations := items(field(usage, "iterations")):
        _add_iterations(attributes, [_Iteration(iteration) for iteration in iterations])
    fresh = attributes.get(names.USAGE_INPUT_TOKENS)
    if isinstance(fresh, int):
        for name in (names.USAGE_CACHE_READ, names.USAGE_CACHE_WRITE):
            cached = attributes.get(name)
            fresh += cached if isinstance(cached, int) else 0
        attributes[names.USAGE_INPUT_TOKENS] = fresh
    return with_both_cache_writes(attributes)


class _Iteration:
    """The usage of one sampling of a call, an element of `usage.iterations`."""

    __slots__ = ("counts", "kind", "model")

    def __init__(self, iteration: object) -> None:
        self.kind = text(field(iteration, "type")) or ""
        self.model = text(field(iteration, "model")) or None
        self.counts = read(iteration, USAGE)

    def get(self, name: str) -> int:
        value = self.counts.get(name)
        return value if isinstance(value, int) else 0

    @property
    def total(self) -> int:
        """The sum of its tokens of every kind."""
        return sum(map(self.get, _SUMMED))


def _add_iterations(attributes: Attributes, iterations: list[_Iteration]) -> None:
    """Add the tokens of iterations that the top-level counts do not include.

    The top-level counts cover the samplings of the model that answered. Compactions, calls of an advisor, and
    attempts of models that declined during their output are billed in addition. Those of the same model are
    added to the counts; those of other models are set as the attribute `pulse.usage.other_models`.
    """
    sampled = [iteration for iteration in iterations if iteration.kind in _SAMPLED]
    answered = next((iteration.model for iteration in reversed(sampled) if iteration.model), None)
    if answered and any(iteration.kind == "fallback_message" for iteration in iterations):
        attributes[names.RESPONSE_MODEL] = answered
    covered = [iteration for iteration in sampled if iteration.model in {None, answered}]
    for name in _COUNTS:
        # After a fallback, only the iterations contain these counts.
        if name not in attributes and any(name in iteration.counts for iteration in covered):
            attributes[name] = _sum(covered, name)
    if _tokens(attributes) == sum(iteration.total for iteration in iterations):
        return
    billed = [
        iteration
        for iteration in iterations
        # A model that declined before its first output is not billed.
        if iteration not in covered and (iteration.kind not in _SAMPLED or iteration.get(_SUMMED[1]))
    ]
    own_models = (None, answered, attributes.get(names.RESPONSE_MODEL))
    own = [iteration for iteration in billed if iteration.model in own_models]
    for name in _COUNTS:
        if added := _sum(own, name):
            known = attributes.get(name)
            attributes[name] = added + (known if isinstance(known, int) else 0)
    compactions = [iteration for iteration in own if iteration.kind == "compaction"]
    if compactions:
        attributes[names.ANTHROPIC_COMPACTION_INPUT] = sum(map(_input, compactions))
        attributes[names.ANTHROPIC_COMPACTION_OUTPUT] = _sum(compactions, names.USAGE_OUTPUT_TOKENS)
    attributes.update(
        other_models_usage(_model_usage(iteration) for iteration in billed if iteration not in own)
    )


def _tokens(attributes: Attributes) -> int:
    return sum(value for name in _SUMMED if isinstance(value := attributes.get(name), int))


def _sum(iterations: Iterable[_Iteration], name: str) -> int:
    return sum(iteration.get(name) for iteration in iterations)


def _input(iteration: _Iteration) -> int:
    return iteration.total - iteration.get(names.USAGE_OUTPUT_TOKENS)


def _model_usage(iteration: _Iteration) -> ModelUsage:
    return ModelUsage(
        iteration.model,
        _input(iteration),
        iteration.get(names.USAGE_OUTPUT_TOKENS),
        iteration.get(names.USAGE_CACHE_READ),
        iteration.get(names.USAGE_CACHE_WRITE),
        iteration.get(names.ANTHROPIC_CACHE_1H),
    )
