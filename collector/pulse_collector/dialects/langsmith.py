"""LangSmith's OTel export: runs, with whole requests and responses in `gen_ai.prompt` and `.completion`."""

from __future__ import annotations

import re

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_missing_content
from pulse_collector.dialects.genai_events import read_first_event
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import Content, content_of, document_body
from pulse_collector.facts.cost_names import cost_part
from pulse_collector.facts.documents import read_request, read_response
from pulse_collector.facts.json_text import JsonObject, parse_object, parse_repr
from pulse_collector.facts.reported_costs import fill_cost_of_parts
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_documents import counts_of_document

_METADATA = "langsmith.metadata."
_RAISED = re.compile(r"([A-Za-z_][\w.]*)\(")


def read(facts: SpanFacts) -> None:
    """Set content and usage of the run; the usage is JSON or Python's repr."""
    attributes = facts.attributes
    _read_failure(facts)
    request = content_of(attributes.get("gen_ai.prompt"))
    if request is not None:
        facts.request = document_body(request, "input")
    response = content_of(attributes.get("gen_ai.completion"))
    if response is not None:
        facts.response = document_body(response, "output")
    if facts.model_call:
        _read_call(facts, request, response)
    read_missing_content(facts)


def _read_call(facts: SpanFacts, request: Content | None, response: Content | None) -> None:
    if request is not None:
        read_request(facts, request.value)
        if facts.operation == "chat" and isinstance(request.value, dict) and "prompt" in request.value:
            facts.operation = "text_completion"
    if response is not None:
        read_response(facts, response.value)
    usage = parse_object(facts.attributes.get(_METADATA + "usage_metadata"))
    facts.fill_counts(counts_of_document(_with_details(facts, usage)))
    fill_cost_of_parts(facts, {part: usage[name] for name in usage if (part := cost_part(name)) is not None})
    if facts.events:
        read_first_event(facts, "new_token")


def _read_failure(facts: SpanFacts) -> None:
    """Set failure from an exception event, whose text is the error's repr: every span's status is OK."""
    for event in facts.events:
        message = event.attributes.get("exception.message")
        if event.name != "exception" or not isinstance(message, str):
            continue
        raised = _RAISED.match(message)
        if raised is None or raised[1] != "GeneratorExit":
            # Otherwise the application closed the stream, which is not a failure.
            facts.failed = True
            facts.fill("error_type", raised[1] if raised else None)


def _with_details(facts: SpanFacts, usage: JsonObject) -> JsonObject:
    details: JsonObject = {"input_tokens": None, "input_token_details": {}, **usage}
    for name in ("input_token_details", "output_token_details"):
        written = parse_repr(facts.attributes.get("gen_ai.usage." + name))
        if written and name not in usage:
            details[name] = written
    return details


DIALECT = Dialect(
    name="langsmith",
    scopes=("langsmith",),
    markers=("langsmith.",),
    kind_key="langsmith.span.kind",
    kinds={
        "llm": "chat",
        "embedding": "embeddings",
        "tool": "execute_tool",
        "retriever": "retrieval",
        "chain": "chain",
        "prompt": "prompt",
        "parser": "parser",
    },
    # LangSmith labels retrievers as embeddings.
    kind_wins=True,
    texts={
        "provider": ("gen_ai.provider.name", "gen_ai.system", _METADATA + "ls_provider"),
        "model_requested": ("gen_ai.request.model", _METADATA + "ls_model_name"),
        "session_id": tuple(_METADATA + name for name in ("session_id", "thread_id", "conversation_id")),
        "user_id": (_METADATA + "user_id",),
    },
    tags=("langsmith.span.tags",),
    noise=(
        "gen_ai.usage.input_token_details",
        "gen_ai.usage.output_token_details",
        _METADATA + "usage_metadata",
    ),
    custom_prefixes=(_METADATA,),
    read=read,
    extends=OTEL_GENAI,
)
