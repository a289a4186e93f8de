"""OpenInference (Arize): whole requests and responses in `input.value` and `output.value`."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_missing_content
from pulse_collector.dialects.genai_events import read_first_event
from pulse_collector.dialects.openinference_content import (
    has_flattened,
    prompts_of,
    read_document,
    read_documents,
    read_flattened,
    read_template,
)
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import (
    Content,
    document_body,
    plain_text,
)
from pulse_collector.facts.documents import read_parameters
from pulse_collector.facts.json_text import parse_object
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_documents import count_of

_LLAMA_INDEX = "openinference.instrumentation.llama_index"


def read(facts: SpanFacts) -> None:
    """Set facts from the provider's documents, then from the flattened messages."""
    attributes = facts.attributes
    prompts = prompts_of(facts)
    if facts.operation == "chat" and prompts:
        facts.operation = "text_completion"
        facts.input_text = prompts[-1]
    if facts.scope == _LLAMA_INDEX and "._" in facts.name:
        # Internal steps of a call: `OpenAI._prepare_chat_with_tools`.
        facts.operation, facts.model_call = "task", False
    parameters = parse_object(attributes.get("llm.invocation_parameters"))
    facts.custom.update(parse_object(attributes.get("metadata")))
    request = read_document(facts, "input.value", "llm.input_messages.")
    response = read_document(facts, "output.value", "llm.output_messages.")
    if facts.scope == "openinference.instrumentation.bedrock":
        facts.input_excludes_cache = _bedrock_input_excludes_cache(facts, response)
    if facts.model_call:
        read_documents(facts, request, response)
        # OpenAI's agents write the whole response here.
        if "id" not in parameters:
            read_parameters(facts, parameters)
    facts.fill("user_id", facts.custom.get("user_id"))
    for name in ("session_id", "thread_id"):
        facts.fill("session_id", facts.custom.get(name))
    # OpenInference has one name for the model: the used one if there is a response, else the requested one.
    used = attributes.get("llm.model_name")
    has_used = "model_used" in facts.texts
    facts.fill("model_used" if _has_response(facts) else "model_requested", used)
    if not has_used:
        facts.fill("model_requested", used)
    if facts.request is None and request is not None:
        facts.request = document_body(request, "messages" if isinstance(request.value, list) else "input")
    if facts.response is None and response is not None:
        facts.response = document_body(response, "messages" if isinstance(response.value, list) else "output")
    if request is not None:
        facts.input_text = facts.input_text or plain_text(attributes.get("input.value"))
    read_flattened(facts)
    facts.input_text = facts.input_text or plain_text(attributes.get("input.value"))
    facts.output_text = facts.output_text or plain_text(attributes.get("output.value"))
    read_missing_content(facts)
    read_template(facts)
    if facts.events and "time_to_first_token_ms" not in facts.numbers:
        read_first_event(facts, "First Token Stream Event")
    if facts.model_call and facts.scope == "openinference.instrumentation.litellm":
        _read_route(facts)


def _bedrock_input_excludes_cache(facts: SpanFacts, response: Content | None) -> bool:
    """Return whether Bedrock's input excludes cached tokens, as in the first versions.

    The response's document shows it if it has the usage; else the total, which includes cached tokens.
    """
    counts = facts.counts
    usage = response.value.get("usage") if response and isinstance(response.value, dict) else None
    if isinstance(usage, dict) and "input_tokens" in usage:
        return count_of(usage["input_tokens"]) == counts.get("input")
    total = counts.get("total")
    return total is not None and total != counts.get("input", 0) + counts.get("output", 0)


def _read_route(facts: SpanFacts) -> None:
    """Set the provider from LiteLLM's model names, which begin with it: `anthropic/claude-sonnet-4-5`."""
    provider, slash, model = facts.texts.get("model_requested", "").partition("/")
    if slash:
        facts.texts["provider"], facts.texts["model_requested"] = provider, model
        if facts.texts.get("model_used") == f"{provider}/{model}":
            facts.texts["model_used"] = model


def _has_response(facts: SpanFacts) -> bool:
    if facts.counts or facts.finish_reasons or facts.output_text:
        return True
    if facts.response is None and has_flattened(facts, "llm.output_messages."):
        return True
    # LangChain writes a document without an answer for failed calls.
    return facts.response is not None and all(event.name != "exception" for event in facts.events)


DIALECT = Dialect(
    name="openinference",
    scopes=("openinference",),
    markers=(
        "openinference.",
        "fi.span.kind",
        "gen_ai.span.kind",
        "input.value",
        "output.value",
        "llm.token_count.",
        "llm.input_messages.",
        "llm.output_messages.",
        "llm.model_name",
        "llm.prompts",
        "llm.tools.",
        "llm.choices.",
        "llm.cost.",
        "embedding.embeddings.",
        "retrieval.documents.",
        "reranker.",
    ),
    kind_key="openinference.span.kind",
    # The attribute's name in Future AGI and LoongSuite, and Future AGI's older name.
    kind_aliases=("gen_ai.span.kind", "fi.span.kind"),
    kinds={
        "LLM": "chat",
        "EMBEDDING": "embeddings",
        "TOOL": "execute_tool",
        "AGENT": "invoke_agent",
        "CHAIN": "chain",
        "RETRIEVER": "retrieval",
        "RERANKER": "rerank",
        "GUARDRAIL": "guardrail",
        "EVALUATOR": "evaluator",
        "PROMPT": "prompt",
        "DECISION": "decision",
        "TASK": "task",
        "STEP": "agent_step",
        "ENTRY": "invoke_workflow",
        "WORKFLOW": "invoke_workflow",
        "VECTOR_DB": "retrieval",
        "CONVERSATION": "invoke_workflow",
        "UNKNOWN": "unknown",
    },
    texts={
        "provider": ("llm.provider", "llm.system"),
        "model_requested": ("llm.request.model_name", "embedding.model_name", "reranker.model_name"),
        "model_used": ("llm.response.model_name",),
        "session_id": ("session.id",),
        "user_id": ("user.id",),
    },
    counts={
        "input": ("llm.token_count.prompt",),
        "output": ("llm.token_count.completion",),
        "total": ("llm.token_count.total",),
        "cache_read": (
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
        ),
        "cache_write": ("llm.token_count.prompt_details.cache_write",),
        "reasoning": ("llm.token_count.completion_details.reasoning",),
        "input_audio": ("llm.token_count.prompt_details.audio",),
        "output_audio": ("llm.token_count.completion_details.audio",),
    },
    cost_usd=("llm.cost.total",),
    tags=("tag.tags",),
    finish_reasons=("llm.finish_reason",),
    content=(
        "input.value",
        "input.mime_type",
        "output.value",
        "output.mime_type",
        "metadata",
        "llm.model_name",
        "llm.prompts",
        "reranker.query",
        "reranker.top_k",
        "llm.prompt_template.template",
        "llm.prompt_template.variables",
        "llm.function_call",
        "tool_call.function.arguments",
        "tool.parameters",
    ),
    content_prefixes=(
        "llm.input_messages.",
        "llm.output_messages.",
        "llm.tools.",
        "llm.prompts.",
        "llm.choices.",
        "embedding.embeddings.",
        "retrieval.documents.",
        "reranker.input_documents.",
        "reranker.output_documents.",
    ),
    read=read,
    extends=OTEL_GENAI,
)
