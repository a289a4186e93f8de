"""OpenTelemetry's instrumentations of the AWS SDKs: calls of Bedrock, by the conventions."""

from __future__ import annotations

from pulse_collector.dialects.dialect import Dialect
from pulse_collector.dialects.genai_content import read_content
from pulse_collector.dialects.otel_genai import DIALECT as OTEL_GENAI

DIALECT = Dialect(
    name="aws-sdk",
    scopes=("opentelemetry.instrumentation.botocore", "@opentelemetry/instrumentation-aws-sdk"),
    # Bedrock's counts are written unchanged.
    input_excludes_cache=frozenset({"bedrock"}),
    read=read_content,
    extends=OTEL_GENAI,
)
