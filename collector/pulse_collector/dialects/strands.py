"""Strands Agents: the conventions, with content in events and cycles between agent and model."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.span_facts import SpanFacts

#: Versions with these names of cached tokens include them in the input.
_INCLUSIVE_KEYS = frozenset(
    {"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens"}
)


def read(facts: SpanFacts) -> None:
    """Set content, make a cycle an `agent_step`, and note if the input tokens include cached tokens."""
    if facts.operation is None and facts.name.lower().startswith(("cycle", "execute_event_loop_cycle")):
        facts.operation = "agent_step"
    if not _INCLUSIVE_KEYS.isdisjoint(facts.attributes):
        facts.input_excludes_cache = False
    read_content(facts)


DIALECT = Dialect(
    name="strands",
    scopes=("strands",),
    # Strands always streams. The value is milliseconds to the first byte, whatever unit the name has.
    first_token_ms=("gen_ai.server.time_to_first_token",),
    tags=("tag.tags", "tags", "langfuse.tags", "langfuse.trace.tags"),
    # Older versions write Bedrock's and Anthropic's counts unchanged.
    input_excludes_cache=frozenset({"anthropic", "bedrock"}),
    read=read,
    extends=OTEL_GENAI,
)
