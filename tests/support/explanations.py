"""Explanations of spans in the JSON of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.support.spans import RECEIVED_NS, Value, trace_request

from pulse_collector.explain.answer import explanation_json
from pulse_collector.explain.attribution import Budget
from pulse_collector.explain.explanation import explain

GENAI = "opentelemetry.instrumentation.genai.openai"
CALL: dict[str, Value] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.usage.input_tokens": 42,
    "gen_ai.usage.output_tokens": 12,
    "gen_ai.usage.cache_read.input_tokens": 32,
}


def explained(
    *spans: Span, scope: str = GENAI, resource: Mapping[str, Value] | None = None, mappings: int = 100_000
) -> list[dict[str, Any]]:
    """Return the explanations of spans that are sent in one request."""
    request = trace_request(*spans, scope=scope, resource=resource)
    return answer(request, mappings=mappings)["spans"]


def answer(
    spans: ExportTraceServiceRequest, logs: ExportLogsServiceRequest | None = None, *, mappings: int = 100_000
) -> dict[str, Any]:
    return explanation_json(explain(spans, logs, received_ns=RECEIVED_NS, budget=Budget(mappings, 1 << 30)))
