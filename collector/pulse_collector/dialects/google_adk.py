"""Google's Agent Development Kit: requests and responses of generateContent, in one attribute each."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import Content, content_of, document_body
from pulse_collector.facts.documents import read_request, read_response
from pulse_collector.facts.span_facts import SpanFacts

_OPERATIONS = {"call_llm": "chat", "invocation": "invoke_workflow"}


def read(facts: SpanFacts) -> None:
    """Set facts from the documents. In the oldest versions only the span's name has the operation."""
    if "gen_ai.operation.name" not in facts.attributes:
        operation = _OPERATIONS.get(facts.name)
        if operation is None and facts.name.startswith("agent_run"):
            operation = "invoke_agent"
        elif operation is None and facts.name.startswith("execute_tool"):
            operation = "execute_tool"
        if operation is not None:
            facts.operation, facts.model_call = operation, operation == "chat"
    request = _document(facts, "gcp.vertex.agent.llm_request")
    if request is not None:
        read_request(facts, request.value)
        facts.request = document_body(request, "input")
    response = _document(facts, "gcp.vertex.agent.llm_response")
    if response is not None:
        read_response(facts, response.value)
        facts.response = document_body(response, "output")
    if facts.operation == "execute_tool":
        _read_tool(facts)
    _read_model(facts)
    read_content(facts)


def _document(facts: SpanFacts, key: str) -> Content | None:
    """Return a document; None if it is empty, as on spans of tools or with content recording off."""
    document = content_of(facts.attributes.get(key))
    return None if document is None or document.value in ({}, "{}") else document


def _read_tool(facts: SpanFacts) -> None:
    arguments = _document(facts, "gcp.vertex.agent.tool_call_args")
    if facts.request is None and arguments is not None:
        facts.request = document_body(arguments, "arguments")
    result = _document(facts, "gcp.vertex.agent.tool_response")
    if facts.response is None and result is not None:
        facts.response = document_body(result, "result")


def _read_model(facts: SpanFacts) -> None:
    """Set provider and model from LiteLLM's names (`openai/gpt-5`), used for all models but Google's."""
    provider, slash, model = facts.texts.get("model_requested", "").partition("/")
    if slash and "/" not in model and provider not in ("models", "projects", "publishers"):
        facts.texts["provider"] = provider
        facts.texts["model_requested"] = model


DIALECT = Dialect(
    name="google-adk",
    scopes=("gcp.vertex.agent",),
    markers=("gcp.vertex.agent.",),
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
