"""Haystack's own tracing: components of a pipeline, whose type implies the operation."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import Content, content_of, document_body
from pulse_collector.facts.documents import read_request, read_usage
from pulse_collector.facts.json_text import Json, JsonObject
from pulse_collector.facts.messages import first_answer_text
from pulse_collector.facts.span_facts import SpanFacts

#: Operations of spans without a component type, by name. Agents of Haystack 3 call models and tools in steps.
_SPANS = {
    "haystack.pipeline.run": "invoke_workflow",
    "haystack.async_pipeline.run": "invoke_workflow",
    "haystack.agent.run": "invoke_agent",
    "haystack.agent.step": "agent_step",
    "haystack.agent.step.llm": "chat",
    "haystack.agent.step.tool": "execute_tool",
}
#: Prefixes of the content attributes of each kind of span.
_SUBJECTS = ("component", "agent.step.llm", "agent.step.tool", "agent.step", "agent")
#: Ends of component types, and their operations.
_COMPONENTS = (
    ("ChatGenerator", "chat"),
    ("Generator", "text_completion"),
    ("Embedder", "embeddings"),
    ("Ranker", "rerank"),
    ("Retriever", "retrieval"),
    ("ToolInvoker", "execute_tool"),
    ("Agent", "invoke_agent"),
)
_INPUTS = (*(f"haystack.{subject}.input" for subject in _SUBJECTS), "haystack.pipeline.input_data")
_OUTPUTS = (*(f"haystack.{subject}.output" for subject in _SUBJECTS), "haystack.pipeline.output_data")
#: Beginnings of component types, and the provider that they call.
_PROVIDERS = (
    ("AzureOpenAI", "azure"),
    ("OpenAI", "openai"),
    ("Anthropic", "anthropic"),
    ("AmazonBedrock", "bedrock"),
    ("GoogleGenAI", "google"),
    ("VertexAI", "vertex"),
    ("Mistral", "mistral"),
    ("Cohere", "cohere"),
    ("Ollama", "ollama"),
    ("OpenRouter", "openrouter"),
)


def read(facts: SpanFacts) -> None:
    """Set input and output of the component, which exist only with content tracing on."""
    component = facts.attributes.get("haystack.component.type")
    if isinstance(component, str) and "gen_ai.operation.name" not in facts.attributes:
        facts.operation = next((op for end, op in _COMPONENTS if component.endswith(end)), "task")
        facts.model_call = facts.operation in ("chat", "text_completion", "embeddings", "rerank")
        if facts.model_call:
            start = next((name for name in _PROVIDERS if component.startswith(name[0])), None)
            facts.fill("provider", None if start is None else start[1])
    elif (operation := _SPANS.get(facts.name)) is not None:
        facts.operation, facts.model_call = operation, operation == "chat"
    request, response = _first(facts, _INPUTS), _first(facts, _OUTPUTS)
    if request is not None:
        facts.request = document_body(request, "input")
    if response is not None:
        facts.response = document_body(response, "output")
    if facts.model_call:
        if request is not None:
            read_request(facts, request.value)
        if response is not None and isinstance(response.value, dict):
            _read_replies(facts, response.value)
    read_content(facts)


def _first(facts: SpanFacts, keys: Sequence[str]) -> Content | None:
    return next((content for key in keys if (content := content_of(facts.attributes.get(key)))), None)


def _read_replies(facts: SpanFacts, document: JsonObject) -> None:
    """Set usage and model from `meta`: in each reply of chat generators, else next to the replies."""
    replies = document.get("replies")
    meta: Json = document.get("meta")
    if isinstance(replies, list) and replies:
        facts.output_text = facts.output_text or first_answer_text(replies)
        first = replies[0]
        if isinstance(first, dict):
            meta = first.get("meta") or first.get("_meta") or meta
    if isinstance(meta, list):
        meta = meta[0] if meta else None
    if not isinstance(meta, dict):
        return
    facts.fill("model_used", meta.get("model"))
    facts.fill("provider_request_id", meta.get("id"))
    read_usage(facts, meta.get("usage"))
    reason = meta.get("finish_reason")
    if isinstance(reason, str) and not facts.finish_reasons:
        facts.finish_reasons = [reason]


DIALECT = Dialect(
    name="haystack",
    scopes=("haystack",),
    markers=("haystack.",),
    kind_key="haystack.component.type",
    content=(*_INPUTS, *_OUTPUTS),
    read=read,
    extends=OTEL_GENAI,
)
