"""LangWatch: inputs, outputs and metrics as typed values, `{"type": "chat_messages", "value": […]}`."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.in_and_out import first_content, set_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.attributes import as_number
from pulse_collector.facts.content import Content, content_of
from pulse_collector.facts.json_text import Json, JsonObject, dump_json, parse_object
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_documents import counts_named
from pulse_collector.facts.usage_names import CountColumn

_INPUTS = ("langwatch.input", "langwatch.input.value")
_OUTPUTS = (
    "langwatch.output",
    "langwatch.output.value",
    "langwatch.rag.contexts",
    "langwatch.contexts",
)
_METRICS: tuple[dict[CountColumn, str], ...] = (
    {
        "input": "promptTokens",
        "output": "completionTokens",
        "reasoning": "reasoningTokens",
        "cache_read": "cacheReadInputTokens",
        "cache_write": "cacheCreationInputTokens",
    },
    {
        "input": "prompt_tokens",
        "output": "completion_tokens",
        "reasoning": "reasoning_tokens",
        "cache_read": "cache_read_input_tokens",
        "cache_write": "cache_creation_input_tokens",
    },
)


def read(facts: SpanFacts) -> None:
    """Set usage, cost, the first token and content from inside their typed values."""
    attributes = facts.attributes
    if facts.model_call:
        metrics = _object(attributes.get("langwatch.metrics"))
        for names in _METRICS:
            facts.fill_counts(counts_named(metrics, names))
        cost = metrics.get("cost")
        dollars = as_number(cost) if isinstance(cost, int | float) else None
        if dollars:
            facts.numbers.setdefault("cost_usd", dollars)
        _read_first_token(facts)
    facts.custom.update(parse_object(attributes.get("metadata")))
    for name in ("thread_id", "user_id", "customer_id"):
        value = facts.custom.get(name)
        facts.fill("session_id" if name == "thread_id" else "user_id", value)
    labels = facts.custom.pop("labels", None)
    if isinstance(labels, list):
        facts.tags += [label for label in labels if isinstance(label, str)]
    read_content(facts)
    set_in_and_out(facts, _typed(facts, _INPUTS), _typed(facts, _OUTPUTS))


def _read_first_token(facts: SpanFacts) -> None:
    """Set the time to the first token from its Unix time in milliseconds."""
    times = _object(facts.attributes.get("langwatch.timestamps"))
    first = times.get("first_token_at")
    if isinstance(first, int | float) and not isinstance(first, bool):
        ms = first - facts.start_ns / 1e6
        if ms >= 0:
            facts.numbers.setdefault("time_to_first_token_ms", ms)


def _typed(facts: SpanFacts, keys: tuple[str, ...]) -> Content | None:
    content = first_content(facts, keys)
    if content is None:
        return None
    value = _value(content.value)
    return content if value is content.value else content_of(dump_json(value).decode())


def _object(value: object) -> JsonObject:
    document = _value(parse_object(value if isinstance(value, str) else None))
    return document if isinstance(document, dict) else {}


def _value(document: Json) -> Json:
    """Return the value of `{"type": …, "value": …}`, or the values of a list of such objects."""
    if isinstance(document, dict) and isinstance(document.get("type"), str) and "value" in document:
        value = document["value"]
        if document["type"] == "list" and isinstance(value, list):
            return [_value(item) for item in value]
        return value
    return document


DIALECT = Dialect(
    name="langwatch",
    scopes=("langwatch", "@langwatch"),
    markers=("langwatch.",),
    kind_key="langwatch.span.type",
    kinds={
        "llm": "chat",
        "chain": "chain",
        "tool": "execute_tool",
        "agent": "invoke_agent",
        "rag": "retrieval",
        "retrieval": "retrieval",
        "query": "retrieval",
        "component": "chain",
        "module": "chain",
        "workflow": "invoke_workflow",
        "task": "task",
        "guardrail": "guardrail",
        "evaluation": "evaluator",
        "prompt": "prompt",
        "span": "span",
        "unknown": "span",
        "server": "span",
        "client": "span",
        "producer": "span",
        "consumer": "span",
    },
    texts={
        "model_requested": ("gen_ai.request.model", "langwatch.model"),
        "session_id": ("langwatch.thread.id", "langwatch.thread_id"),
        "user_id": (
            "langwatch.user.id",
            "langwatch.user_id",
            "langwatch.customer.id",
            "langwatch.customer_id",
        ),
    },
    counts={
        "input": ("langwatch.input_tokens",),
        "output": ("langwatch.output_tokens",),
        "cache_read": ("langwatch.cache_read_tokens",),
        "cache_write": ("langwatch.cache_creation_tokens",),
    },
    cost_usd=("langwatch.cost.usd", "langwatch.span.cost"),
    tags=("langwatch.tags", "langwatch.labels", "tag.tags"),
    content=(
        *_INPUTS,
        *_OUTPUTS,
        "langwatch.metrics",
        "langwatch.timestamps",
        "langwatch.params",
        "langwatch.prompt.variables",
        "metadata",
    ),
    custom_prefixes=("langwatch.metadata.",),
    read=read,
    extends=OTEL_GENAI,
)
