"""The Anthropic client's own spans, which it records whenever a tracer provider is set."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI
from pulse_storage.rows import ANTHROPIC_SDK_DIALECT

DIALECT = Dialect(
    name=ANTHROPIC_SDK_DIALECT,
    scopes=("com.anthropic.sdk",),
    finish_reasons=("anthropic.message.stop_reason",),
    read=read_content,
    extends=OTEL_GENAI,
)
