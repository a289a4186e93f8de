"""Strands Agents: the conventions, with content in events and cycles between agent and model."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.dialects.otel_genai import read_content
from pulse_collector.facts.span_facts import SpanFacts

#: Since Strands has these names for cached tokens, its input includes them.
_INCLUSIVE_KEYS = frozenset(
    {"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"}
)


def read(facts: SpanFacts) -> None:
    """Read content; a cycle is one step of an agent."""
    if facts.operation is None and facts.name.lower().startswith(("cycle", "execute_event_loop_cycle")):
        facts.operation = "agent_step"
    if not _INCLUSIVE_KEYS.isdisjoint(facts.attributes):
        facts.input_excludes_cache = False
    read_content(facts)


DIALECT = Dialect(
    name="strands",
    scopes=("strands",),
    # It always streams; the time is that of the first byte, in milliseconds whatever the name's unit is.
    first_token_ms=("gen_ai.server.time_to_first_token",),
    tags=("tag.tags", "tags", "langfuse.tags", "langfuse.trace.tags"),
    # Before, Bedrock's and Anthropic's counts were passed on as they come.
    input_excludes_cache=frozenset({"anthropic", "bedrock"}),
    read=read,
    extends=OTEL_GENAI,
)
