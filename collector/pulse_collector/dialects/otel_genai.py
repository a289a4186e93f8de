"""OpenTelemetry's gen-ai conventions, current and past: the base of all other dialects."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_attributes import (
    CONTENT,
    CONTENT_PREFIXES,
    COUNTS,
    FINISH_REASONS,
    FIRST_TOKEN_SECONDS,
    TEXTS,
)
from pulse_collector.dialects.genai_content import read_content

DIALECT = Dialect(
    name="otel-genai",
    scopes=(
        "opentelemetry.instrumentation.genai",
        "opentelemetry.instrumentation.openai_v2",
        "opentelemetry.util.genai",
        "pulse.instrumentation",
    ),
    kind_key="gen_ai.operation.name",
    texts=TEXTS,
    counts=COUNTS,
    first_token_seconds=FIRST_TOKEN_SECONDS,
    # The names in VS Code's Copilot and in Claude Code.
    first_token_ms=("copilot_chat.time_to_first_token", "ttft_ms"),
    first_token_at=("mastra.completion_start_time",),
    cost_usd=("gen_ai.usage.cost", "gen_ai.cost.total_cost", "operation.cost"),
    tags=(
        "pulse.tags",
        "tag.tags",
        *("langfuse.trace.tags", "langfuse.tags", "langwatch.tags", "mastra.tags"),
        "lmnr.association.properties.tags",
    ),
    finish_reasons=FINISH_REASONS,
    content=CONTENT,
    content_prefixes=CONTENT_PREFIXES,
    custom_prefixes=("pulse.metadata.", "langfuse.trace.metadata."),
    read=read_content,
)
