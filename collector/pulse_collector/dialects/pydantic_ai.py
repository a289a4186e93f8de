"""Pydantic AI: the present conventions, with the agent's sums under names of their own."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.dialects.otel_genai import read_content, set_messages
from pulse_collector.mapping.content import content_of, document_body, plain_text
from pulse_collector.mapping.span_facts import SpanFacts


def read(facts: SpanFacts) -> None:
    """Read content, also where older versions kept that of agents and tools."""
    attributes = facts.attributes
    read_content(facts)
    if facts.model_call:
        return
    set_messages(facts, messages=content_of(attributes.get("pydantic_ai.all_messages")), answers=None)
    result = content_of(attributes.get("final_result") or attributes.get("tool_response"))
    if facts.response is None and result is not None:
        facts.response = document_body(result, "result")
    arguments = content_of(attributes.get("tool_arguments"))
    if facts.request is None and arguments is not None:
        facts.request = document_body(arguments, "arguments")
    facts.output_text = facts.output_text or plain_text(attributes.get("final_result"))


DIALECT = Dialect(
    name="pydantic-ai",
    scopes=("pydantic-ai", "pydantic_ai"),
    content=("pydantic_ai.all_messages", "final_result", "tool_arguments", "tool_response"),
    noise=("logfire.json_schema", "logfire.msg"),
    read=read,
    extends=OTEL_GENAI,
)
