"""LangChain4j as traced by Quarkus: services, tools and calls, by the span's name without an operation."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.span_facts import SpanFacts

_NAMES = (
    ("langchain4j.aiservices.", "chain"),
    ("langchain4j.tools.", "execute_tool"),
)


def read(facts: SpanFacts) -> None:
    """Set the operation from the name, and content."""
    if facts.operation is None:
        facts.operation = next(
            (operation for start, operation in _NAMES if facts.name.startswith(start)), None
        )
    read_content(facts)


DIALECT = Dialect(
    name="langchain4j",
    scopes=("io.quarkus.opentelemetry", "io.quarkiverse.langchain4j", "dev.langchain4j", "langchain4j"),
    texts={"session_id": ("gen_ai.conversation.id", "session.id", "gen_ai.memory.id", "memory.id")},
    # An estimate by the application's configured prices, with a currency: "0.0004USD".
    noise=("gen_ai.client.estimated_cost",),
    read=read,
    extends=OTEL_GENAI,
)
