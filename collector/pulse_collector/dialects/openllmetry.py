"""OpenLLMetry (Traceloop's instrumentations), before and after it adopted the current conventions."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content, set_messages
from pulse_collector.dialects.genai_events import OLD_CHUNK_EVENT, read_first_event
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.content import as_content
from pulse_collector.facts.indexed import indexed_list
from pulse_collector.facts.json_text import Json
from pulse_collector.facts.span_facts import SpanFacts

#: The instrumented libraries: scopes of OpenLLMetry and of OpenTelemetry differ only in the prefix.
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

_BEDROCK = "opentelemetry.instrumentation.bedrock"

#: Parameters that OpenLLMetry writes as empty lists if the request lacks them.
_UNASKED = ("gen_ai.request.reasoning_effort", "gen_ai.request.reasoning_summary")

_SESSION_PROPERTIES = ("session_id", "chat_id", "thread_id", "conversation_id")
_PROPERTIES = "traceloop.association.properties."


def read(facts: SpanFacts) -> None:
    """Set content from the conventions' attributes, and from OpenLLMetry's flattened tools."""
    if facts.operation == "text_completion" and facts.name.endswith((".chat", ".response")):
        # Before 0.5x Anthropic's messages had the operation of a completion.
        facts.operation = "chat"
    for key in _UNASKED:
        if facts.rest.get(key) == []:
            del facts.rest[key]
            facts.parameters.pop(key.removeprefix("gen_ai.request."), None)
    tools = indexed_list(facts.flattened, "llm.request.functions.")
    if tools or facts.operation == "text_completion":
        prompt = as_content([_message(one) for one in indexed_list(facts.flattened, "gen_ai.prompt.")])
        set_messages(facts, messages=prompt, answers=None, tools=as_content(tools))
    # The names before the conventions'.
    request = [_message(one) for one in indexed_list(facts.flattened, "llm.prompts.")]
    response = indexed_list(facts.flattened, "llm.completions.")
    if request or response:
        set_messages(facts, messages=as_content(request), answers=as_content(response))
    if facts.scope == _BEDROCK:
        # Anthropic's counts are written unchanged.
        facts.input_excludes_cache = True
    read_content(facts)
    read_in_and_out(
        facts,
        ("traceloop.entity.input", "gen_ai.task.input"),
        ("traceloop.entity.output", "gen_ai.task.output"),
    )
    if facts.events and "time_to_first_token_ms" not in facts.numbers:
        read_first_event(facts, OLD_CHUNK_EVENT)


def _message(entry: Json) -> Json:
    """Return a message. Older prompts of completions are under their role: `gen_ai.prompt.0.user`.

    OpenInference writes them as `llm.prompts.0.prompt.text`.
    """
    if isinstance(entry, dict) and entry.keys() == {"user"}:
        return {"role": "user", "content": entry["user"]}
    prompt = entry.get("prompt") if isinstance(entry, dict) else None
    if isinstance(prompt, dict):
        return {"role": "user", "content": prompt.get("text")}
    return entry


DIALECT = Dialect(
    name="openllmetry",
    scopes=tuple(f"opentelemetry.instrumentation.{library}" for library in _LIBRARIES),
    markers=(
        "llm.request.functions.",
        "llm.usage.",
        "gen_ai.task.",
    ),
    kind_key="llm.request.type",
    kinds={
        "chat": "chat",
        "completion": "text_completion",
        "embedding": "embeddings",
        "rerank": "rerank",
        "unknown": "unknown",
    },
    texts={
        "provider": ("llm.vendor",),
        "model_requested": ("llm.request.model",),
        "model_used": ("llm.response.model",),
        "session_id": tuple(_PROPERTIES + name for name in _SESSION_PROPERTIES),
        "user_id": (_PROPERTIES + "user_id",),
    },
    content=(
        *("traceloop.entity.input", "traceloop.entity.output"),
        *("gen_ai.task.input", "gen_ai.task.output"),
    ),
    noise=("llm.headers",),
    content_prefixes=("llm.request.functions.", "llm.prompts.", "llm.completions."),
    custom_prefixes=(_PROPERTIES,),
    read=read,
    extends=OTEL_GENAI,
)
