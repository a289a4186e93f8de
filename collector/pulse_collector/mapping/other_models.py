"""Adds the usage of models that worked on behalf of the model that answered a call."""

from __future__ import annotations

from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.json_text import parse_json
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_documents import counts_named
from pulse_collector.facts.usage_names import CountColumn

_NAMES: dict[CountColumn, str] = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
}
_PARTS = frozenset[CountColumn](("cache_read", "cache_write", "cache_write_1h"))


def add_other_models(facts: SpanFacts, value: AttributeValue) -> None:
    """Add the tokens of other models to the span's counts, and mark the call as billed by several models.

    `value` is a JSON list of counts by model, as Pulse's instrumentation writes it: input includes cached
    tokens. A count that the span lacks remains unknown.
    """
    used = parse_json(value)
    models: list[str] = []
    for usage in used if isinstance(used, list) else ():
        if not isinstance(usage, dict):
            continue
        model = usage.get("model")
        models.append(model if isinstance(model, str) and model else "an unknown one")
        for column, count in counts_named(usage, _NAMES).items():
            if column in facts.counts or column in _PARTS:
                facts.counts[column] = facts.counts.get(column, 0) + count
    if models:
        facts.fill_billing("other_models", ", ".join(dict.fromkeys(models)))
