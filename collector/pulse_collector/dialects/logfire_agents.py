"""Logfire's spans of the OpenAI Agents SDK: all of them name the provider, few are model calls."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.logfire import DIALECT as LOGFIRE
from pulse_collector.dialects.logfire import read as read_logfire
from pulse_collector.facts.content import Content, content_of, document_body, plain_text
from pulse_collector.facts.documents import read_response, read_usage
from pulse_collector.facts.json_text import parse_object
from pulse_collector.facts.messages import first_answer_text, last_user_text
from pulse_collector.facts.span_facts import SpanFacts

#: Prefixes of span names, and their operations.
_OPERATIONS = (
    ("OpenAI Agents trace", "invoke_workflow"),
    ("Task", "invoke_workflow"),
    ("Agent run", "invoke_agent"),
    ("Turn", "agent_step"),
    ("Function", "execute_tool"),
    ("Guardrail", "guardrail"),
    ("Responses API", "chat"),
    ("Chat completion", "chat"),
)
#: A span with another name is a call only if it has one of these attributes.
_KNOWN_CALL = frozenset({"gen_ai.request.model", "gen_ai.operation.name"})


def read(facts: SpanFacts) -> None:
    """Set input and output, response, usage and the group id that the agents' tracing provides."""
    attributes = facts.attributes
    group = plain_text(attributes.get("group_id"))
    if group != "null":
        facts.fill("session_id", group)
    named = next((operation for start, operation in _OPERATIONS if facts.name.startswith(start)), None)
    if named is not None or _KNOWN_CALL.isdisjoint(attributes):
        facts.operation = named or "span"
        facts.model_call = named == "chat"
    request = _given(facts, "raw_input", "input")
    response = _given(facts, "response", "output")
    read_usage(facts, parse_object(attributes.get("usage")))
    if facts.model_call:
        if request is not None:
            facts.input_text = last_user_text(request.value)
        if response is not None and isinstance(response.value, dict):
            read_response(facts, response.value)
        elif response is not None:
            facts.output_text = first_answer_text(response.value)
    elif facts.operation == "execute_tool":
        facts.output_text = plain_text(attributes.get("output"))
    if request is not None:
        facts.request = document_body(request, "messages" if isinstance(request.value, list) else "input")
    if response is not None:
        facts.response = document_body(response, "messages" if isinstance(response.value, list) else "output")
    read_logfire(facts)


def _given(facts: SpanFacts, *keys: str) -> Content | None:
    """Return the first of these attributes with content; Logfire writes `null` for none."""
    return next(
        (
            content
            for key in keys
            if (content := content_of(facts.attributes.get(key))) is not None and content.value is not None
        ),
        None,
    )


DIALECT = Dialect(
    name="logfire-agents",
    scopes=("logfire.openai_agents",),
    content=("group_id", "raw_input", "input", "response", "output", "usage"),
    noise=("model_settings", "model_config", "response_id"),
    read=read,
    extends=LOGFIRE,
)
