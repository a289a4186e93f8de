"""Braintrust: JSON documents in one attribute each, or each member in an attribute."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.attributes import as_number
from pulse_collector.facts.json_text import parse_object
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_documents import counts_named
from pulse_collector.facts.usage_names import CountColumn

_KINDS = {
    "llm": "chat",
    "tool": "execute_tool",
    "function": "task",
    "task": "task",
    "eval": "evaluator",
    "score": "evaluator",
    "automation": "task",
    "review": "span",
    "facet": "span",
    "preprocessor": "task",
    "classifier": "evaluator",
}
_COUNTS: dict[CountColumn, str] = {
    "input": "prompt_tokens",
    "output": "completion_tokens",
    "total": "tokens",
    "cache_read": "prompt_cached_tokens",
    "cache_write": "prompt_cache_creation_tokens",
    "cache_write_5m": "prompt_cache_creation_5m_tokens",
    "cache_write_1h": "prompt_cache_creation_1h_tokens",
    "reasoning": "completion_reasoning_tokens",
    "input_audio": "prompt_audio_tokens",
    "output_audio": "completion_audio_tokens",
}
_INPUTS = ("braintrust.input_json", "braintrust.input")
_OUTPUTS = ("braintrust.output_json", "braintrust.output")
_METRICS = "braintrust.metrics."
_METADATA = "braintrust.metadata."


def read(facts: SpanFacts) -> None:
    """Set kind, metadata, metrics and content from Braintrust's documents."""
    attributes = facts.attributes
    kind = parse_object(attributes.get("braintrust.span_attributes")).get("type")
    if not isinstance(kind, str):
        kind = attributes.get("braintrust.span_attributes.type")
    if isinstance(kind, str) and "gen_ai.operation.name" not in attributes:
        facts.operation = _KINDS.get(kind, "span")
        facts.model_call = facts.operation == "chat"
    elif facts.operation is None:
        facts.operation = "span"
    metadata = parse_object(attributes.get("braintrust.metadata"))
    facts.custom.update({name: value for name, value in metadata.items() if name not in ("tools",)})
    metrics = parse_object(attributes.get("braintrust.metrics"))
    facts.fill_counts(counts_named(metrics, _COUNTS))
    if facts.model_call:
        facts.fill("provider", metadata.get("provider"))
        facts.fill("model_requested", metadata.get("model"))
        _read_numbers(facts, metrics.get("time_to_first_token"), metrics.get("estimated_cost"))
    for name in ("session_id", "sessionId", "thread_id", "conversation_id"):
        facts.fill("session_id", facts.custom.get(name))
    for name in ("user_id", "userId"):
        facts.fill("user_id", facts.custom.get(name))
    read_content(facts)
    read_in_and_out(facts, _INPUTS, _OUTPUTS)


def _read_numbers(facts: SpanFacts, first_token: object, cost: object) -> None:
    seconds = as_number(first_token) if isinstance(first_token, int | float) else None
    if seconds is not None:
        facts.numbers.setdefault("time_to_first_token_ms", seconds * 1000)
    dollars = as_number(cost) if isinstance(cost, int | float) else None
    if dollars:
        facts.numbers.setdefault("cost_usd", dollars)


DIALECT = Dialect(
    name="braintrust",
    scopes=("braintrust", "@braintrust"),
    markers=("braintrust.",),
    texts={
        "provider": ("gen_ai.provider.name", "gen_ai.system", _METADATA + "provider"),
        "model_requested": ("gen_ai.request.model", _METADATA + "model"),
        "session_id": (_METADATA + "session_id", _METADATA + "sessionId", _METADATA + "thread_id"),
        "user_id": (_METADATA + "user_id", _METADATA + "userId"),
    },
    counts={column: (_METRICS + name,) for column, name in _COUNTS.items()},
    first_token_seconds=(_METRICS + "time_to_first_token",),
    cost_usd=(_METRICS + "estimated_cost",),
    tags=("braintrust.tags",),
    content=(
        *_INPUTS,
        *_OUTPUTS,
        "braintrust.span_attributes",
        "braintrust.span_attributes.type",
        "braintrust.metadata",
        "braintrust.metrics",
        "braintrust.expected",
        "braintrust.context_json",
    ),
    noise=(_METRICS + "start", _METRICS + "end"),
    custom_prefixes=(_METADATA,),
    cost_is_estimate=True,
    read=read,
    extends=OTEL_GENAI,
)
