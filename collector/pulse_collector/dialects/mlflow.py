"""MLflow's OTLP export: every value is JSON, texts too."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.dialects.otel_genai import read_missing_content
from pulse_collector.mapping.attributes import AttributeValue, as_number
from pulse_collector.mapping.content import Content, content_of, document_body
from pulse_collector.mapping.documents import read_request, read_response
from pulse_collector.mapping.json_text import parse_object, unquote
from pulse_collector.mapping.span_facts import SpanFacts, clean_text
from pulse_collector.mapping.usage import CountColumn, Counts, counts_named

_USAGE_NAMES: dict[CountColumn, str] = {
    "input": "input_tokens",
    "output": "output_tokens",
    "total": "total_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
}


def read(facts: SpanFacts) -> None:
    """Read inputs and outputs, which are the provider's own request and response."""
    for column, text in facts.texts.items():
        facts.texts[column] = clean_text(unquote(text) or text)
    asked = _content(facts.attributes.get("mlflow.spanInputs"))
    answered = _content(facts.attributes.get("mlflow.spanOutputs"))
    if asked is not None:
        facts.request = document_body(asked, "input")
    if answered is not None:
        facts.response = document_body(answered, "output")
    if facts.model_call:
        _read_call(facts, asked, answered)
    read_missing_content(facts)


def _read_call(facts: SpanFacts, asked: Content | None, answered: Content | None) -> None:
    # Inputs and outputs name the models; `mlflow.llm.model` is now the one, now the other.
    facts.fill_counts(_usage(facts))
    if asked is not None:
        read_request(facts, asked.value)
    if answered is not None:
        read_response(facts, answered.value)
    facts.fill("model_requested", unquote(facts.attributes.get("mlflow.llm.model")))
    cost = parse_object(facts.attributes.get("mlflow.llm.cost")).get("total_cost")
    cost_usd = as_number(cost) if isinstance(cost, int | float) else None
    if cost_usd is not None and "cost_usd" not in facts.numbers:
        # From a price list of its own.
        facts.numbers["cost_usd"], facts.cost_is_estimate = cost_usd, True


def _content(value: AttributeValue) -> Content | None:
    """Without values that only say that there is none."""
    return None if value == "null" else content_of(value)


def _usage(facts: SpanFacts) -> Counts:
    """MLflow's own counts, which include the cache whatever the provider."""
    return counts_named(parse_object(facts.attributes.get("mlflow.chat.tokenUsage")), _USAGE_NAMES)


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
