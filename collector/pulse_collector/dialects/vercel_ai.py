"""Vercel's AI SDK, versions 4 to 7."""

from __future__ import annotations

from collections.abc import Sequence

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content, search_body, set_messages
from pulse_collector.dialects.genai_events import read_first_event
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.attributes import AttributeValue
from pulse_collector.facts.content import Content, as_content, content_of, document_body, plain_text
from pulse_collector.facts.documents import read_request, read_usage
from pulse_collector.facts.json_text import Json, JsonObject, parse_json, parse_object, to_json
from pulse_collector.facts.reported_costs import read_reported_cost
from pulse_collector.facts.span_facts import SpanFacts
from pulse_collector.facts.usage_documents import count_of, counts_by_name, counts_of_document


def read(facts: SpanFacts) -> None:
    """Set prompt and answer, and the counts that only the provider's metadata has."""
    attributes = facts.attributes
    if facts.texts.get("provider_request_id", "").startswith(_INVENTED_IDS):
        del facts.texts["provider_request_id"]
    _read_provider_metadata(facts)
    request = content_of(attributes.get("ai.prompt"))
    if request is not None and not facts.model_call:
        read_request(facts, request.value)
        facts.request = document_body(request, "prompt")
    prompt = content_of(attributes.get("ai.prompt.messages"))
    if prompt is None:
        prompt = _values(attributes.get("ai.values") or attributes.get("ai.value"))
    set_messages(
        facts,
        messages=prompt,
        answers=as_content([answer]) if (answer := _answer(facts)) else None,
        tools=_values(attributes.get("ai.prompt.tools")),
    )
    if "ai.toolCall.name" in attributes:
        _read_tool(facts)
    if "ai.documents" in attributes:
        _read_rerank(facts)
    read_content(facts)
    if facts.events and "time_to_first_token_ms" not in facts.numbers:
        read_first_event(facts, "ai.stream.firstChunk")


def _read_provider_metadata(facts: SpanFacts) -> None:
    """Set cached tokens, which version 4 and streams have only here, and the cost that a router charged."""
    metadata = parse_object(facts.attributes.get("ai.response.providerMetadata"))
    for section in metadata.values():
        if isinstance(section, dict):
            _read_section(facts, section)
    gateway = metadata.get("gateway")
    if isinstance(gateway, dict):
        read_reported_cost(facts, {"cost": gateway.get("cost")})
    anthropic, bedrock = metadata.get("anthropic"), metadata.get("bedrock")
    if isinstance(anthropic, dict):
        # Versions 4 and 5 write Anthropic's own count, which excludes cached tokens.
        usage = anthropic.get("usage")
        sent = count_of(usage.get("input_tokens")) if isinstance(usage, dict) else None
        facts.input_excludes_cache = "ai.usage.promptTokens" in facts.attributes or (
            sent is not None and sent == facts.counts.get("input")
        )
    elif isinstance(bedrock, dict) and "usage" in bedrock:
        # The same for Bedrock. Since version 6 there are attributes for the parts, and the input includes
        # them.
        facts.input_excludes_cache = not any(key.startswith(_INPUT_DETAILS) for key in facts.attributes)


def _read_section(facts: SpanFacts, section: JsonObject) -> None:
    """Set parts of the tokens from a provider's metadata or the usage in it.

    Input and output are taken from attributes, except for Google: there the attributes exclude thoughts.
    """
    google = section.get("usageMetadata")
    if isinstance(google, dict):
        read_usage(facts, google)
    usage = section.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    read_reported_cost(facts, usage)
    for counts in (counts_of_document(usage), counts_by_name(section)):
        facts.fill_counts({column: count for column, count in counts.items() if column not in _WHOLES})


def _answer(facts: SpanFacts) -> JsonObject | None:
    attributes = facts.attributes
    text = attributes.get("ai.response.text") or attributes.get("ai.response.object")
    calls = parse_json(attributes.get("ai.response.toolCalls"))
    reasoning = attributes.get("ai.response.reasoning")
    parts: list[Json] = []
    if isinstance(reasoning, str) and reasoning:
        parts.append({"type": "reasoning", "content": reasoning})
    if isinstance(text, str) and text:
        parts.append({"type": "text", "content": text})
    if isinstance(calls, list):
        parts += [_tool_call(call) for call in calls]
    return {"role": "assistant", "parts": parts} if parts else None


def _tool_call(call: Json) -> Json:
    if not isinstance(call, dict):
        return call
    arguments = call.get("input", call.get("args"))
    return {
        "type": "tool_call",
        "id": call.get("toolCallId"),
        "name": call.get("toolName"),
        "arguments": parse_json(arguments) if isinstance(arguments, str) else arguments,
    }


def _values(value: AttributeValue) -> Content | None:
    """Return a list of JSON texts as one list."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Sequence) or isinstance(value, bytes):
        return None
    return as_content([parse_json(item) if isinstance(item, str) else to_json(item) for item in value])


def _read_rerank(facts: SpanFacts) -> None:
    query = facts.attributes.get("ai.query")
    facts.request = search_body(query, _values(facts.attributes["ai.documents"]))
    facts.input_text = facts.input_text or plain_text(query)
    ranking = _values(facts.attributes.get("ai.ranking"))
    if ranking is not None:
        facts.response = document_body(ranking, "ranking")


def _read_tool(facts: SpanFacts) -> None:
    arguments = content_of(facts.attributes.get("ai.toolCall.args"))
    if arguments is not None:
        facts.request = document_body(arguments, "arguments")
    result = content_of(facts.attributes.get("ai.toolCall.result"))
    if result is not None:
        facts.response = document_body(result, "result")


#: Prefixes of ids that the SDK invents if the provider sends no response id.
_INVENTED_IDS = ("aitxt-", "aiobj-")
_WHOLES = frozenset({"input", "output", "total"})
_INPUT_DETAILS = "ai.usage.inputTokenDetails."
_METADATA = "ai.telemetry.metadata."
_SESSION_NAMES = ("sessionId", "session_id", "threadId", "conversationId", "chatId")
_CONTEXTS = ("ai.settings.context.", "ai.settings.runtimeContext.")

DIALECT = Dialect(
    name="vercel-ai",
    scopes=("ai", "gen_ai", "@ai-sdk"),
    markers=("ai.",),
    kind_key="ai.operationId",
    kinds={
        "ai.generateText.doGenerate": "chat",
        "ai.streamText.doStream": "chat",
        "ai.generateObject.doGenerate": "chat",
        "ai.streamObject.doStream": "chat",
        "ai.embed.doEmbed": "embeddings",
        "ai.embedMany.doEmbed": "embeddings",
        "ai.rerank.doRerank": "rerank",
        "ai.toolCall": "execute_tool",
        # These spans repeat the sums of their child calls.
        "ai.generateText": "invoke_agent",
        "ai.streamText": "invoke_agent",
        "ai.generateObject": "invoke_agent",
        "ai.streamObject": "invoke_agent",
        "ai.embed": "chain",
        "ai.embedMany": "chain",
        "ai.rerank": "chain",
    },
    texts={
        "provider": ("gen_ai.provider.name", "gen_ai.system", "ai.model.provider"),
        "model_requested": ("gen_ai.request.model", "ai.model.id"),
        "model_used": ("gen_ai.response.model", "ai.response.model"),
        "provider_request_id": ("gen_ai.response.id", "ai.response.id"),
        "session_id": tuple(prefix + name for prefix in (_METADATA, *_CONTEXTS) for name in _SESSION_NAMES),
        "user_id": tuple(
            prefix + name for prefix in (_METADATA, *_CONTEXTS) for name in ("userId", "user_id")
        ),
    },
    counts={
        "input": (
            "gen_ai.usage.input_tokens",
            "ai.usage.inputTokens",
            "ai.usage.promptTokens",
            "ai.usage.tokens",
        ),
        "output": ("gen_ai.usage.output_tokens", "ai.usage.outputTokens", "ai.usage.completionTokens"),
        "total": ("ai.usage.totalTokens",),
        "cache_read": (
            "gen_ai.usage.cache_read.input_tokens",
            "ai.usage.inputTokenDetails.cacheReadTokens",
            "ai.usage.cachedInputTokens",
        ),
        "cache_write": (
            "gen_ai.usage.cache_creation.input_tokens",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
        ),
        "reasoning": ("ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"),
    },
    first_token_ms=("ai.response.msToFirstChunk",),
    tags=(_METADATA + "tags",),
    finish_reasons=("gen_ai.response.finish_reasons", "ai.response.finishReason"),
    content=(
        "ai.prompt",
        "ai.prompt.messages",
        "ai.prompt.tools",
        "ai.prompt.toolChoice",
        "ai.response.text",
        "ai.response.object",
        "ai.response.toolCalls",
        "ai.response.reasoning",
        "ai.value",
        "ai.values",
        "ai.documents",
        "ai.query",
        "ai.ranking",
        "ai.embedding",
        "ai.embeddings",
        "ai.toolCall.args",
        "ai.toolCall.result",
    ),
    noise=(
        "operation.name",
        "ai.usage.inputTokenDetails.noCacheTokens",
        "ai.usage.outputTokenDetails.textTokens",
    ),
    custom_prefixes=(_METADATA,),
    read=read,
    extends=OTEL_GENAI,
)
