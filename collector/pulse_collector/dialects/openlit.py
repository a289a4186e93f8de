"""OpenLIT: the current conventions, with a few values that differ from their definition."""

from __future__ import annotations

import re

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_collector.facts.attributes import as_number
from pulse_collector.facts.span_facts import SpanFacts

#: A call that failed early has no attributes, only its name.
_NAME = re.compile(r"(chat|embeddings|text_completion) (\S+)")


def read(facts: SpanFacts) -> None:
    """Set content; set the time to the first token only for streamed responses."""
    if facts.operation is None and not facts.attributes and (named := _NAME.fullmatch(facts.name)):
        facts.operation, facts.model_call = named[1], True
        facts.fill("model_requested", named[2])
        if facts.scope is not None and facts.scope.startswith("openlit.instrumentation."):
            facts.fill("provider", facts.scope.removeprefix("openlit.instrumentation."))
    read_content(facts)
    # For other responses OpenLIT writes the whole duration.
    if facts.attributes.get("gen_ai.request.stream") is True:
        seconds = as_number(facts.attributes.get("gen_ai.server.time_to_first_token"))
        if seconds:
            facts.numbers.setdefault("time_to_first_token_ms", seconds * 1000)


DIALECT = Dialect(
    name="openlit",
    scopes=("openlit",),
    texts={
        "environment": ("deployment.environment", "gen_ai.environment"),
        "service": ("service.name", "gen_ai.application_name"),
    },
    noise=("telemetry.sdk.name", "gen_ai.client.token.usage"),
    input_excludes_cache=frozenset({"anthropic", "bedrock"}),
    # OpenLIT ignores cached tokens, and writes 0 for a model that its price file lacks.
    cost_is_estimate=True,
    read=read,
    extends=OTEL_GENAI,
)
