"""The attributes of OpenTelemetry's gen-ai conventions, current and past, by the facts that they contain."""

from __future__ import annotations

from pulse_collector.facts.span_facts import TextColumn
from pulse_collector.facts.usage_names import CountColumn

SYSTEM_KEYS = ("gen_ai.system_instructions", "gen_ai.request.system")
TOOL_KEYS = ("gen_ai.tool.definitions", "gen_ai.request.tools")
QUERY_KEYS = ("gen_ai.retrieval.query.text", "gen_ai.retrieval.query", "gen_ai.rerank.query")
#: Documents that a rerank receives and returns: LoongSuite's names, then those of the retrieval convention.
RERANK_INPUT_KEYS = ("gen_ai.rerank.input_documents", "gen_ai.rerank.documents")
RERANK_OUTPUT_KEYS = ("gen_ai.rerank.output_documents", "gen_ai.rerank.results")
#: Properties of whole traces that an application sets with libraries which do not record the spans.
_PROPERTIES = ("traceloop.association.properties.", "lmnr.association.properties.")

TEXTS: dict[TextColumn, tuple[str, ...]] = {
    "provider": ("gen_ai.provider.name", "gen_ai.system", "gen_ai.model.provider", "gen_ai.provider"),
    "model_requested": ("gen_ai.request.model",),
    "model_used": ("gen_ai.response.model",),
    "provider_request_id": ("gen_ai.response.id",),
    "session_id": (
        "gen_ai.conversation.id",
        "session.id",
        "gen_ai.session.id",
        "gen_ai.thread.id",
        "conversation.id",
        *("langfuse.session.id", "langwatch.thread.id", "mastra.metadata.sessionId"),
        *(prefix + "session_id" for prefix in _PROPERTIES),
    ),
    "user_id": (
        *("user.id", "enduser.id", "gen_ai.user.id", "gen_ai.user", "gen_ai.request.user", "llm.user"),
        *("langfuse.user.id", "langwatch.user.id", "mastra.metadata.userId"),
        *(prefix + "user_id" for prefix in _PROPERTIES),
    ),
    "environment": (
        *("langfuse.environment", "deployment.environment.name", "deployment.environment"),
        "sentry.environment",
    ),
    "release": ("langfuse.release", "sentry.release"),
    "error_type": ("error.type",),
}
#: Preferred names; `facts/usage_names.py` recognises all further spellings.
COUNTS: dict[CountColumn, tuple[str, ...]] = {
    "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "total": ("gen_ai.usage.total_tokens",),
    "cache_read": ("gen_ai.usage.cache_read.input_tokens",),
    "cache_write": (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_write.input_tokens",
    ),
    "reasoning": ("gen_ai.usage.reasoning.output_tokens",),
}
FIRST_TOKEN_SECONDS = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.client.operation.time_to_first_chunk",
    "gen_ai.response.time_to_first_token",
    "gen_ai.client.operation.time_to_first_token",
    # The name in vLLM and Pipecat.
    "gen_ai.latency.time_to_first_token",
    "metrics.ttfb",
)
FINISH_REASONS = (
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "gen_ai.response.stop_reason",
    "llm.response.finish_reason",
    "llm.response.finish_reasons",
    "llm.response.stop_reason",
    "llm.finish_reason",
    "anthropic.message.stop_reason",
    "finish_reason",
    "stop_reason",
)
CONTENT = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    *SYSTEM_KEYS,
    *TOOL_KEYS,
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.prompt",
    "gen_ai.completion",
    *QUERY_KEYS,
    "gen_ai.retrieval.documents",
    *RERANK_INPUT_KEYS,
    *RERANK_OUTPUT_KEYS,
)
CONTENT_PREFIXES = (
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "gen_ai.input.messages.",
    "gen_ai.output.messages.",
    "gen_ai.retrieval.documents.",
    # Not "gen_ai.rerank.documents.": LoongSuite writes its `.count`, which is not content.
    "gen_ai.rerank.input_documents.",
    "gen_ai.rerank.output_documents.",
    "gen_ai.rerank.results.",
)
