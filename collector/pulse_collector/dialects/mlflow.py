"""MLflow's OTLP export: every value is JSON, including texts."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_missing_content
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.content import Content, content_of, document_body
from pulse_collector.facts.documents import read_request, read_response
from pulse_collector.facts.json_text import parse_object, unquote
from pulse_collector.facts.reported_costs import fill_stated_cost
from pulse_collector.facts.span_facts import SpanFacts, clean_text
from pulse_collector.facts.usage import Counts
from pulse_collector.facts.usage_documents import counts_by_name


def read(facts: SpanFacts) -> None:
    """Set facts from inputs and outputs, which are the provider's own request and response."""
    for column, text in facts.texts.items():
        facts.texts[column] = clean_text(unquote(text) or text)
    request = _content(facts.attributes.get("mlflow.spanInputs"))
    response = _content(facts.attributes.get("mlflow.spanOutputs"))
    if request is not None:
        facts.request = document_body(request, "input")
    if response is not None:
        facts.response = document_body(response, "output")
    if facts.model_call:
        _read_call(facts, request, response)
    read_missing_content(facts)


def _read_call(facts: SpanFacts, request: Content | None, response: Content | None) -> None:
    # Inputs and outputs name both models; `mlflow.llm.model` may be either.
    facts.fill_counts(_usage(facts))
    if request is not None:
        read_request(facts, request.value)
    if response is not None:
        read_response(facts, response.value)
    facts.fill("model_requested", unquote(facts.attributes.get("mlflow.llm.model")))
    if "cost_usd" not in facts.numbers:
        # MLflow computes the cost from its own price list.
        facts.cost_is_estimate = True
        fill_stated_cost(facts, parse_object(facts.attributes.get("mlflow.llm.cost")))


def _content(value: AttributeValue) -> Content | None:
    """Return the content of an attribute; None for the values that mean "none"."""
    return None if value == "null" else content_of(value)


def _usage(facts: SpanFacts) -> Counts:
    """Return MLflow's own counts, which include cached tokens for every provider."""
    return counts_by_name(parse_object(facts.attributes.get("mlflow.chat.tokenUsage")))


DIALECT = Dialect(
    name="mlflow",
    scopes=("mlflow",),
    markers=("mlflow.",),
    kind_key="mlflow.spanType",
    kinds={
        "CHAT_MODEL": "chat",
        "LLM": "chat",
        "EMBEDDING": "embeddings",
        "TOOL": "execute_tool",
        "AGENT": "invoke_agent",
        "CHAIN": "chain",
        "WORKFLOW": "invoke_workflow",
        "TASK": "task",
        "RETRIEVER": "retrieval",
        "RERANKER": "rerank",
        "PARSER": "parser",
        "GUARDRAIL": "guardrail",
        "EVALUATOR": "evaluator",
    },
    texts={
        "provider": ("mlflow.llm.provider",),
        "session_id": ("mlflow.trace.session",),
        "user_id": ("mlflow.trace.user",),
    },
    content=(
        "mlflow.spanInputs",
        "mlflow.spanOutputs",
        "mlflow.chat.tokenUsage",
        "mlflow.llm.model",
        "mlflow.llm.cost",
    ),
    noise=("mlflow.traceRequestId", "mlflow.spanType"),
    read=read,
    extends=OTEL_GENAI,
)
