"""Pydantic AI: the current conventions, with the agent's sums under its own names."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content, set_messages
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import as_content, content_of, document_body, plain_text
from pulse_collector.facts.event_messages import messages_of_events
from pulse_collector.facts.span_facts import SpanFacts

_OPERATIONS = {
    "agent run": "invoke_agent",
    "running tool": "execute_tool",
    "running tools": "agent_step",
}


def read(facts: SpanFacts) -> None:
    """Set content, including the older forms for agents and tools."""
    attributes = facts.attributes
    if facts.operation is None:
        # Before it adopted the conventions for agents and tools, only the name had the operation.
        facts.operation = _OPERATIONS.get(facts.name)
    read_content(facts)
    # The first version wrote its messages as a list of events.
    request, response = messages_of_events(attributes.get("events") or attributes.get("all_messages_events"))
    set_messages(facts, messages=as_content(request), answers=as_content(response))
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
    markers=("pydantic_ai.",),
    content=(
        "pydantic_ai.all_messages",
        "all_messages_events",
        "events",
        "final_result",
        "tool_arguments",
        "tool_response",
    ),
    noise=("logfire.json_schema", "logfire.msg"),
    read=read,
    extends=OTEL_GENAI,
)
