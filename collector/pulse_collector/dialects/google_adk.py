"""Google's Agent Development Kit: requests and responses of generateContent, in one attribute each."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.dialects.otel_genai import read_content
from pulse_collector.mapping.content import content_of, document_body
from pulse_collector.mapping.documents import read_request, read_response
from pulse_collector.mapping.span_facts import SpanFacts

_OPERATIONS = {"call_llm": "chat", "invocation": "invoke_workflow"}


def read(facts: SpanFacts) -> None:
    """Read the documents; the oldest versions say only in the name what a span is."""
    if "gen_ai.operation.name" not in facts.attributes:
        operation = _OPERATIONS.get(facts.name)
        if operation is None and facts.name.startswith("agent_run"):
            operation = "invoke_agent"
        elif operation is None and facts.name.startswith("execute_tool"):
            operation = "execute_tool"
        if operation is not None:
            facts.operation, facts.model_call = operation, operation == "chat"
    asked = content_of(facts.attributes.get("gcp.vertex.agent.llm_request"))
    if asked is not None and asked.value != {}:
        read_request(facts, asked.value)
        facts.request = document_body(asked, "input")
    answered = content_of(facts.attributes.get("gcp.vertex.agent.llm_response"))
    if answered is not None and answered.value != {}:
        read_response(facts, answered.value)
        facts.response = document_body(answered, "output")
    read_content(facts)


DIALECT = Dialect(
    name="google-adk",
    scopes=("gcp.vertex.agent",),
    texts={"session_id": ("gen_ai.conversation.id", "gcp.vertex.agent.session_id")},
    content=(
        "gcp.vertex.agent.llm_request",
        "gcp.vertex.agent.llm_response",
        "gcp.vertex.agent.tool_call_args",
        "gcp.vertex.agent.tool_response",
        "gcp.vertex.agent.data",
    ),
    read=read,
    extends=OTEL_GENAI,
)
