"""OpenLLMetry (Traceloop's instrumentations), before and after it took up the present conventions."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.dialects.otel_genai import built, read_content, set_messages
from pulse_collector.mapping.indexed import indexed_list
from pulse_collector.mapping.span_facts import SpanFacts

#: OpenLLMetry's scopes are named like OpenTelemetry's own, after the library that is instrumented.
_LIBRARIES = (
    "alephalpha",
    "anthropic",
    "bedrock",
    "cohere",
    "crewai",
    "google_generativeai",
    "groq",
    "haystack",
    "langchain",
    "llamaindex",
    "mcp",
    "mistralai",
    "ollama",
    "openai",
    "openai_agents",
    "replicate",
    "sagemaker",
    "together",
    "transformers",
    "vertexai",
    "watsonx",
    "writer",
)

_SESSION_PROPERTIES = ("session_id", "chat_id", "thread_id", "conversation_id")
_PROPERTIES = "traceloop.association.properties."


def read(facts: SpanFacts) -> None:
    """Read content as the conventions have it, and tools as OpenLLMetry once flattened them."""
    if facts.operation == "text_completion" and facts.name.endswith((".chat", ".response")):
        # Before 0.5x Anthropic's messages were called a completion.
        facts.operation = "chat"
    tools = indexed_list(facts.flattened, "llm.request.functions.")
    if tools:
        prompt = built(indexed_list(facts.flattened, "gen_ai.prompt."))
        set_messages(facts, messages=prompt, answers=None, tools=built(tools))
    read_content(facts)


DIALECT = Dialect(
    name="openllmetry",
    scopes=tuple(f"opentelemetry.instrumentation.{library}" for library in _LIBRARIES),
    kind_key="llm.request.type",
    kinds={
        "chat": "chat",
        "completion": "text_completion",
        "embedding": "embeddings",
        "rerank": "rerank",
        "unknown": "unknown",
    },
    texts={
        "session_id": tuple(_PROPERTIES + name for name in _SESSION_PROPERTIES),
        "user_id": (_PROPERTIES + "user_id",),
    },
    noise=("llm.headers",),
    content_prefixes=("llm.request.functions.",),
    custom_prefixes=(_PROPERTIES,),
    read=read,
    extends=OTEL_GENAI,
)
