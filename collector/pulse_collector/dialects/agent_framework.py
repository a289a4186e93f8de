"""Microsoft's agent framework and AutoGen: agents and tools, whose calls other instrumentations record."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI

DIALECT = Dialect(
    name="agent-framework",
    scopes=(
        "agent_framework",
        "autogen",
        "autogen-core",
        "autogen_core",
        "semantic_kernel",
        "Microsoft.SemanticKernel",
    ),
    counts={
        "cache_read": ("openai.cached_input_tokens", "anthropic.cache_read_input_tokens"),
        "cache_write": ("anthropic.cache_creation_input_tokens",),
        "reasoning": ("openai.reasoning_tokens",),
    },
    read=read_content,
    extends=OTEL_GENAI,
)
