"""Langfuse: observations, whose values are often JSON inside of a JSON text."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.dialects.otel_genai import read_content
from pulse_collector.mapping.attributes import as_number
from pulse_collector.mapping.content import content_of, document_body, plain_text
from pulse_collector.mapping.documents import read_request, read_response
from pulse_collector.mapping.json_text import Json, JsonObject, parse_json, parse_object, unquote
from pulse_collector.mapping.span_facts import SpanFacts, TextColumn
from pulse_collector.mapping.times import ms_after_start
from pulse_collector.mapping.usage import CountColumn, Counts, count_of, counts_of_document

_METADATA = ("langfuse.trace.metadata.", "langfuse.observation.metadata.")
#: Infinite limits and their like are the client's inventions.
_ENDLESS = "Infinity"
#: Usage as Langfuse's LangChain callback writes it.
_PARTS = frozenset({"input_cache_read", "input_cache_creation", "output_reasoning"})
#: What its LangChain callback leaves in the metadata, LangChain's own notes on the model among it.
_METADATA_NAMES: dict[TextColumn, tuple[str, ...]] = {
    "provider": ("ls_provider",),
    "model_requested": ("ls_model_name",),
    "session_id": ("langfuse_session_id", "session_id", "thread_id"),
    "user_id": ("langfuse_user_id", "user_id"),
}
_USAGE_NAMES: dict[CountColumn, tuple[str, ...]] = {
    "input": ("input",),
    "output": ("output",),
    "total": ("total",),
    "cache_read": ("cache_read_input_tokens", "input_cached_tokens", "input_cache_read"),
    "cache_write": ("cache_creation_input_tokens", "input_cache_creation"),
    "cache_write_1h": ("input_ephemeral_1h_input_tokens",),
    "reasoning": ("output_reasoning_tokens", "reasoning_tokens", "output_reasoning"),
    "input_audio": ("input_audio_tokens", "input_audio"),
    "output_audio": ("output_audio_tokens", "output_audio"),
}


def read(facts: SpanFacts) -> None:
    """Read usage, cost, content and outcome of an observation."""
    attributes = facts.attributes
    for name, value in facts.custom.items():
        facts.custom[name] = _unquoted(value)
    reason = facts.custom.pop("finish_reason", None)
    if isinstance(reason, str) and not facts.finish_reasons:
        facts.finish_reasons = [reason]
    if attributes.get("langfuse.observation.level") == "ERROR":
        facts.failed = True
        facts.fill("error_message", attributes.get("langfuse.observation.status_message"))
    for column, names in _METADATA_NAMES.items():
        for name in names:
            facts.fill(column, facts.custom.get(name))
    if facts.model_call:
        _read_usage(facts)
        # Until an answer came, the one model name is that of the request.
        if facts.failed and not facts.counts and "model_used" in facts.texts:
            facts.fill("model_requested", facts.texts.pop("model_used"))
    cost = as_number(_scalar(parse_object(attributes.get("langfuse.observation.cost_details")).get("total")))
    if cost is not None:
        facts.numbers.setdefault("cost_usd", cost)
    _read_first_token(facts)
    _read_content(facts)
    read_content(facts)


def _read_usage(facts: SpanFacts) -> None:
    usage = parse_object(facts.attributes.get("langfuse.observation.usage_details"))
    facts.fill_counts(counts_of_document(usage))
    facts.fill_counts(_details(usage))
    if "input" in usage or "cache_read_input_tokens" in usage:
        # Given by hand, in whatever way the application had it: Anthropic's way leaves the cache out.
        facts.input_excludes_cache = "prompt_tokens" not in usage and (
            "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage
        )
    if not usage.keys().isdisjoint(_PARTS):
        _add_parts(facts.counts, usage)


def _add_parts(counts: Counts, usage: JsonObject) -> None:
    """Langfuse's LangChain callback takes every part out of its whole: `input_cache_read` out of `input`.

    Unless input and output make up the total as they are. Where the parts overlap (Anthropic's lifetimes of
    what was written) the input is what the total leaves.
    """
    total = counts.get("total")
    if total is not None and counts.get("input", 0) + counts.get("output", 0) == total:
        return
    if "output" in counts:
        counts["output"] += counts.get("reasoning", 0)
    if total is not None and total >= counts.get("output", 0):
        counts["input"] = total - counts.get("output", 0)
    elif "input" in counts:
        counts["input"] += counts.get("cache_read", 0) + counts.get("cache_write", 0)


def _details(usage: JsonObject) -> Counts:
    """Langfuse's own names of usage; cached and reasoning tokens stand flat beside the rest."""
    counts: Counts = {}
    for column, names in _USAGE_NAMES.items():
        for name in names:
            count = count_of(usage.get(name))
            if count is not None:
                counts.setdefault(column, count)
    return counts


def _read_first_token(facts: SpanFacts) -> None:
    written = unquote(facts.attributes.get("langfuse.observation.completion_start_time"))
    ms = ms_after_start(written, facts.start_ns)
    if ms is not None:
        facts.numbers.setdefault("time_to_first_token_ms", ms)


def _read_content(facts: SpanFacts) -> None:
    entered = facts.attributes.get("langfuse.observation.input")
    asked = content_of(entered)
    if asked is not None:
        if facts.model_call:
            read_request(facts, asked.value)
            facts.input_text = facts.input_text or plain_text(entered)
        parameters = parse_object(facts.attributes.get("langfuse.observation.model.parameters"))
        facts.request = document_body(
            asked,
            "messages" if isinstance(asked.value, list) else "input",
            beside={name: value for name, value in parameters.items() if value != _ENDLESS},
        )
    left = facts.attributes.get("langfuse.observation.output")
    answered = content_of(left)
    if answered is not None:
        if facts.model_call and plain_text(left) is None:
            read_response(facts, answered.value)
        facts.output_text = facts.output_text or plain_text(left)
        facts.response = document_body(answered, "messages" if isinstance(answered.value, list) else "output")


def _unquoted(value: Json) -> Json:
    if isinstance(value, str):
        parsed = parse_json(value)
        return value if parsed is None else parsed
    return value


def _scalar(value: Json) -> str | int | float | None:
    return value if isinstance(value, str | int | float) else None


DIALECT = Dialect(
    name="langfuse",
    scopes=("langfuse-sdk", "langfuse"),
    markers=("langfuse.",),
    kind_key="langfuse.observation.type",
    kinds={
        "generation": "chat",
        "embedding": "embeddings",
        "tool": "execute_tool",
        "agent": "invoke_agent",
        "chain": "chain",
        "retriever": "retrieval",
        "evaluator": "evaluator",
        "guardrail": "guardrail",
        "span": "span",
        "event": "event",
    },
    texts={
        # The name asked for is overwritten by the one used as soon as that is known.
        "model_used": ("langfuse.observation.model.name",),
        "session_id": ("session.id", "langfuse.session.id"),
        "user_id": ("user.id", "langfuse.user.id"),
        "environment": ("langfuse.environment",),
        "release": ("langfuse.release",),
    },
    tags=("langfuse.trace.tags", "langfuse.tags"),
    content=(
        "langfuse.observation.input",
        "langfuse.observation.output",
        "langfuse.observation.model.parameters",
        "langfuse.observation.usage_details",
        "langfuse.observation.cost_details",
        "langfuse.observation.completion_start_time",
        "langfuse.observation.status_message",
        "langfuse.trace.input",
        "langfuse.trace.output",
    ),
    noise=("langfuse.internal.is_app_root",),
    custom_prefixes=_METADATA,
    read=read,
    extends=OTEL_GENAI,
)
