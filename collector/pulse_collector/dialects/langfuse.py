"""Langfuse: observations, whose values are often JSON inside a JSON text."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.langfuse_usage import langfuse_counts
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import Content, content_of, document_body, plain_text, with_member
from pulse_collector.facts.documents import read_request, read_response
from pulse_collector.facts.json_text import Json, JsonObject, parse_json, parse_object, unquote
from pulse_collector.facts.model_names import is_embedding_model
from pulse_collector.facts.reported_costs import fill_stated_cost
from pulse_collector.facts.span_facts import SpanFacts, TextColumn

_METADATA = ("langfuse.trace.metadata.", "langfuse.observation.metadata.")
#: JSON writers replace infinite limits by this text; the application did not set it.
_ENDLESS = "Infinity"
_LEVEL = "langfuse.observation.level"
#: Levels of a failed observation, including those of other loggers.
_FAILURES = frozenset({"ERROR", "FATAL", "CRITICAL"})
#: Names of facts in the metadata that Langfuse's LangChain callback and LangChain itself write.
_METADATA_NAMES: dict[TextColumn, tuple[str, ...]] = {
    "provider": ("ls_provider",),
    "model_requested": ("ls_model_name",),
    "session_id": ("langfuse_session_id", "session_id", "thread_id"),
    "user_id": ("langfuse_user_id", "user_id"),
}


def read(facts: SpanFacts) -> None:
    """Set usage, cost, content and outcome of an observation."""
    attributes = facts.attributes
    for name, value in facts.custom.items():
        facts.custom[name] = _unquoted(value)
    reason = facts.custom.pop("finish_reason", None)
    if isinstance(reason, str) and not facts.finish_reasons:
        facts.finish_reasons = [reason]
    _read_level(facts)
    for column, names in _METADATA_NAMES.items():
        for name in names:
            facts.fill(column, facts.custom.get(name))
    usage = parse_object(attributes.get("langfuse.observation.usage_details"))
    _read_kind(facts, usage)
    if facts.model_call:
        _read_usage(facts, usage)
        # Before a response arrived, the only model name is the requested one.
        if facts.failed and not facts.counts and "model_used" in facts.texts:
            facts.fill("model_requested", facts.texts.pop("model_used"))
    fill_stated_cost(facts, parse_object(attributes.get("langfuse.observation.cost_details")))
    _read_content(facts)
    read_content(facts)


def _read_level(facts: SpanFacts) -> None:
    """Set failure from the level. The status message of a successful observation stays in the metadata."""
    level = unquote(facts.attributes.get(_LEVEL))
    if level is not None:
        facts.rest[_LEVEL] = level
    message = facts.attributes.get("langfuse.observation.status_message")
    if level is not None and level.strip().upper() in _FAILURES:
        facts.failed = True
        facts.fill("error_message", message)
    elif message:
        facts.rest["langfuse.observation.status_message"] = message


def _read_usage(facts: SpanFacts, usage: JsonObject) -> None:
    counts, excludes_cache = langfuse_counts(usage)
    facts.fill_counts(counts)
    if counts:
        facts.input_excludes_cache = excludes_cache


def _read_kind(facts: SpanFacts, usage: JsonObject) -> None:
    """Correct the kind: Python's client up to 3.3.0 wrote spans, others write embeddings as generations."""
    model = facts.texts.get("model_used")
    if model is None:
        return
    if facts.operation == "span" and usage:
        facts.operation, facts.model_call = "chat", True
    if facts.operation == "chat" and is_embedding_model(model):
        facts.operation = "embeddings"


def _read_content(facts: SpanFacts) -> None:
    entered = facts.attributes.get("langfuse.observation.input")
    request = content_of(entered)
    if request is not None:
        if facts.model_call:
            read_request(facts, request.value)
            facts.input_text = facts.input_text or plain_text(entered)
        parameters = parse_object(facts.attributes.get("langfuse.observation.model.parameters"))
        facts.request = document_body(
            request,
            "messages" if isinstance(request.value, list) else "input",
            extra={name: value for name, value in parameters.items() if value != _ENDLESS},
        )
    left = facts.attributes.get("langfuse.observation.output")
    response = content_of(left)
    if response is not None:
        if facts.model_call and plain_text(left) is None:
            read_response(facts, response.value)
        facts.output_text = facts.output_text or plain_text(left)
        facts.response = document_body(response, "messages" if isinstance(response.value, list) else "output")
    facts.request = _with_trace(facts, facts.request, "input", request)
    facts.response = _with_trace(facts, facts.response, "output", response)


def _with_trace(facts: SpanFacts, body: bytes | None, side: str, own: Content | None) -> bytes | None:
    """Return the body with the input or output that the application set for the whole trace added."""
    of_trace = content_of(facts.attributes.get(f"langfuse.trace.{side}"))
    if of_trace is None or (own is not None and own.value == of_trace.value):
        return body
    if body is None:
        return document_body(of_trace, side)
    return with_member(body, f"trace_{side}", of_trace)


def _unquoted(value: Json) -> Json:
    if isinstance(value, str):
        parsed = parse_json(value)
        return value if parsed is None else parsed
    return value


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
        # The client overwrites the requested name with the used one when that is known.
        "model_used": ("langfuse.observation.model.name",),
        "session_id": ("session.id", "langfuse.session.id"),
        "user_id": ("user.id", "langfuse.user.id"),
        "environment": ("langfuse.environment",),
        "release": ("langfuse.release",),
    },
    first_token_at=("langfuse.observation.completion_start_time",),
    tags=("langfuse.trace.tags", "langfuse.tags"),
    content=(
        "langfuse.observation.input",
        "langfuse.observation.output",
        "langfuse.observation.model.parameters",
        "langfuse.observation.usage_details",
        "langfuse.observation.cost_details",
        "langfuse.trace.input",
        "langfuse.trace.output",
    ),
    outcome=(_LEVEL, "langfuse.observation.status_message"),
    noise=("langfuse.internal.is_app_root",),
    custom_prefixes=_METADATA,
    read=read,
    extends=OTEL_GENAI,
)
