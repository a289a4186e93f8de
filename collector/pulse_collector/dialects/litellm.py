"""LiteLLM: a span for the call, and one for the raw request below it."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.dialects.otel_genai import read_content
from pulse_collector.mapping.span_facts import SpanFacts


def read(facts: SpanFacts) -> None:
    """Read content; the raw request repeats the call above it, so it is none itself."""
    if facts.name == "raw_gen_ai_request":
        facts.operation, facts.model_call = "raw_request", False
    read_content(facts)


DIALECT = Dialect(
    name="litellm",
    scopes=("litellm",),
    texts={
        "session_id": ("gen_ai.conversation.id", "session.id", "metadata.session_id", "litellm.session_id"),
        "user_id": ("user.id", "enduser.id", "gen_ai.request.user", "llm.user", "metadata.user_id"),
    },
    read=read,
    extends=OTEL_GENAI,
)
