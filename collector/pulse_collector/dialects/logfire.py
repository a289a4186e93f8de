"""Logfire: the current conventions as JSON texts, and a streamed call in two spans."""

from __future__ import annotations

from hashlib import blake2b

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content, set_messages
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.attributes import as_number
from pulse_collector.facts.content import as_content, content_of, document_body
from pulse_collector.facts.documents import read_parameters, read_request, read_response, read_usage
from pulse_collector.facts.event_messages import messages_of_events
from pulse_collector.facts.json_text import dump_json, parse_object, to_json
from pulse_collector.facts.span_facts import SpanFacts

#: Logfire's tag for every model call.
_NO_TAG = "LLM"
#: One day in seconds: no stream takes longer.
_DAY_S = 86_400


def read(facts: SpanFacts) -> None:
    """Set content, the provider's own usage, and the two spans of a stream."""
    attributes = facts.attributes
    facts.tags = [tag for tag in facts.tags if tag != _NO_TAG]
    if attributes.get("logfire.span_type") == "pending_span":
        # A pending span: the complete one follows at its end.
        facts.operation, facts.model_call = None, False
        return
    if not facts.model_call:
        read_content(facts)
        return
    usage = parse_object(attributes.get("gen_ai.usage.raw"))
    read_usage(facts, usage)
    _read_first_version(facts)
    request, response = messages_of_events(attributes.get("events"))
    set_messages(facts, messages=as_content(request), answers=as_content(response))
    read_content(facts)
    duration_s = as_number(attributes.get("duration"))
    if attributes.get("logfire.span_type") == "log" and duration_s is not None and duration_s <= _DAY_S:
        _read_stream_half(facts, duration_s)
    elif not facts.counts and facts.output_text is None and facts.response is None:
        _forget_repeated_model(facts)
        facts.partner_key = _stream_key(facts)


def _read_first_version(facts: SpanFacts) -> None:
    """Set content from the provider's request and response, which Logfire's first version wrote unchanged."""
    request = content_of(facts.attributes.get("request_data"))
    if request is not None:
        document = parse_object(facts.attributes.get("request_data"))
        if "messages" in document or "input" in document or "prompt" in document:
            read_request(facts, document)
            facts.request = document_body(request, "input")
        else:
            read_parameters(facts, document)
    response = content_of(facts.attributes.get("response_data"))
    if response is not None:
        document = parse_object(facts.attributes.get("response_data"))
        read_response(facts, document)
        facts.response = document_body(response, "output")


def _read_stream_half(facts: SpanFacts, duration_s: float) -> None:
    """Set latency and partner key of the span that ends a stream: an attribute has the duration."""
    facts.latency_ms = duration_s * 1000
    facts.start_ns -= round(duration_s * 1e9)
    _forget_repeated_model(facts)
    facts.partner_key = _stream_key(facts)


def _forget_repeated_model(facts: SpanFacts) -> None:
    """Unset the used model while a stream runs: it is unknown, and the attribute repeats the requested one.

    OpenRouter's `vendor/model` names are the same in the response.
    """
    model = facts.texts.get("model_used")
    if model is not None and model == facts.texts.get("model_requested") and "/" not in model:
        del facts.texts["model_used"]


def _stream_key(facts: SpanFacts) -> str:
    """Return the partner key of both spans of a stream, which are often in different traces."""
    request = facts.attributes.get("gen_ai.input.messages") or facts.attributes.get("request_data")
    written = dump_json(to_json([facts.scope, facts.texts.get("model_requested"), request]))
    return f"stream:{blake2b(written, digest_size=16).hexdigest()}"


DIALECT = Dialect(
    name="logfire",
    scopes=("logfire",),
    texts={
        "session_id": ("session_id", "session.id"),
        "user_id": ("user_id", "user.id"),
    },
    tags=("logfire.tags",),
    content=("request_data", "response_data", "events"),
    noise=(
        "logfire.json_schema",
        "logfire.msg_template",
        "logfire.span_type",
        "logfire.scrubbed",
        "gen_ai.usage.raw",
        "async",
    ),
    read=read,
    extends=OTEL_GENAI,
)
