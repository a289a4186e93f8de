"""Cloudflare's AI Gateway: the conventions, with the provider's own request and response as JSON."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.in_and_out import read_in_and_out
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.span_facts import SpanFacts

_INPUTS = ("gen_ai.prompt_json",)
_OUTPUTS = ("gen_ai.completion_json",)


def read(facts: SpanFacts) -> None:
    """Set request and response from the provider's documents, then from the conventions' attributes."""
    read_in_and_out(facts, _INPUTS, _OUTPUTS)
    read_content(facts)


DIALECT = Dialect(
    name="cloudflare",
    scopes=("cloudflare", "cloudflare-ai-gateway", "ai-gateway"),
    markers=(*_INPUTS, *_OUTPUTS),
    texts={"provider": ("gen_ai.provider.name", "gen_ai.model.provider", "gen_ai.system")},
    content=(*_INPUTS, *_OUTPUTS),
    read=read,
    extends=OTEL_GENAI,
)
