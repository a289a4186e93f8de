"""LiteLLM: a span for the call, and one for the raw request below it."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.openllmetry import read as read_openllmetry
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.mapping.span_facts import SpanFacts

_CALLS = {
    "completion": "chat",
    "responses": "chat",
    "anthropic_messages": "chat",
    "generate_content": "generate_content",
    "generate_content_stream": "generate_content",
    "text_completion": "text_completion",
    "embedding": "embeddings",
    "rerank": "rerank",
    "image_generation": "image_generation",
    "image_edit": "image_edit",
    "speech": "speech",
    "transcription": "transcription",
    "moderation": "moderation",
}


def read(facts: SpanFacts) -> None:
    """Read content; the raw request repeats the call above it, so it is none itself."""
    if facts.name == "raw_gen_ai_request":
        facts.operation, facts.model_call = "raw_request", False
    read_openllmetry(facts)


DIALECT = Dialect(
    name="litellm",
    scopes=("litellm",),
    kind_key="llm.request.type",
    # The name of the function that was called; those with an `a` are awaited.
    kinds={prefix + name: operation for name, operation in _CALLS.items() for prefix in ("", "a")},
    kind_wins=True,
    texts={
        "session_id": ("gen_ai.conversation.id", "session.id", "metadata.session_id", "litellm.session_id"),
        "user_id": ("user.id", "enduser.id", "gen_ai.request.user", "llm.user", "metadata.user_id"),
    },
    content_prefixes=("llm.request.functions.",),
    read=read,
    extends=OTEL_GENAI,
)
