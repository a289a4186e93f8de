"""Genkit: actions, whose inputs and outputs are JSON in one attribute each."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import content_of, document_body
from pulse_collector.facts.documents import read_request, read_response
from pulse_collector.facts.json_text import JsonObject
from pulse_collector.facts.providers import provider_name
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_documents import counts_named
from pulse_collector.facts.usage_names import CountColumn

_USAGE_NAMES: dict[CountColumn, str] = {
    "input": "inputTokens",
    "output": "outputTokens",
    "total": "totalTokens",
    "cache_read": "cachedContentTokens",
    "reasoning": "thoughtsTokens",
}


def read(facts: SpanFacts) -> None:
    """Set input and output of the action, whose name is `provider/model`."""
    facts.failed = facts.failed or facts.attributes.get("genkit:state") == "error"
    request = content_of(facts.attributes.get("genkit:input"))
    response = content_of(facts.attributes.get("genkit:output"))
    if request is not None:
        facts.request = document_body(request, "input")
    if response is not None:
        facts.response = document_body(response, "output")
    if facts.model_call:
        name = facts.attributes.get("genkit:name")
        if isinstance(name, str):
            provider, slash, model = name.partition("/")
            facts.fill("provider", provider if slash else None)
            facts.fill("model_requested", model or provider)
        if request is not None:
            read_request(facts, request.value)
        if response is not None and isinstance(response.value, dict):
            _read_answer(facts, response.value)
    read_content(facts)


def _read_answer(facts: SpanFacts, document: JsonObject) -> None:
    usage = document.get("usage")
    if isinstance(usage, dict):
        facts.fill_counts(counts_named(usage, _USAGE_NAMES))
        _include_thoughts(facts)
    reason = document.get("finishReason")
    if isinstance(reason, str) and not facts.finish_reasons:
        facts.finish_reasons = [reason]
    read_response(facts, {key: one for key, one in document.items() if key not in ("usage", "id")})
    custom = document.get("raw") or document.get("custom")
    if isinstance(custom, dict):
        facts.fill("provider_request_id", custom.get("id") or custom.get("responseId"))
        facts.fill("model_used", custom.get("model") or custom.get("modelVersion"))


def _include_thoughts(facts: SpanFacts) -> None:
    """Add thoughts to the output if Google's plug-ins wrote Google's own count, which excludes them.

    Other plug-ins include thoughts in the output; input and output then add up to the total.
    """
    counts = facts.counts
    if "output" not in counts or counts.get("total") == counts.get("input", 0) + counts["output"]:
        return
    provider = provider_name(facts.texts.get("provider"), host=None, response_id=None, model=None)
    if provider in ("google", "vertex"):
        counts["output"] += counts.get("reasoning", 0)


DIALECT = Dialect(
    name="genkit",
    scopes=("genkit-tracer", "genkit"),
    markers=("genkit:",),
    kind_key="genkit:metadata:subtype",
    kinds={
        "model": "chat",
        "background-model": "chat",
        "embedder": "embeddings",
        "reranker": "rerank",
        "retriever": "retrieval",
        "tool": "execute_tool",
        "flow": "invoke_workflow",
        "prompt": "prompt",
        "executable-prompt": "prompt",
        "evaluator": "evaluator",
    },
    texts={"session_id": ("genkit:sessionId",)},
    content=("genkit:input", "genkit:output", "genkit:name", "genkit:state"),
    noise=("genkit:isRoot", "genkit:path"),
    read=read,
    extends=OTEL_GENAI,
)
