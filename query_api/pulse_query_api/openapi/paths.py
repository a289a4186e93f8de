"""The routes of a project's key, and those without a key."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_query_api.openapi.ingest_paths import batch_operation, otlp_operation
from pulse_query_api.openapi.operations import operation, path
from pulse_query_api.openapi.parameters import ANALYTICS_ONLY
from pulse_query_api.openapi.vocabulary import COUNT, TEXT, fields, items, list_of, ref
from pulse_query_api.params import ANALYTICS, LIST


def public_paths() -> Mapping[str, object]:
    """What needs no key, and the metrics."""
    return {
        **path("/health", get=operation("Whether the process lives", fields(status=TEXT, service=TEXT))),
        **path("/ready", get=operation("Whether the store takes writes", fields(status=TEXT), errors=(503,))),
        **path("/openapi.json", get=operation("This description", {"type": "object"})),
        **path("/metrics", get=operation("Prometheus metrics", None, security="key")),
    }


def project_paths() -> Mapping[str, object]:
    """What was recorded of the key's project."""
    return {
        **path(
            "/v1/explain",
            post=operation(
                "How OTLP spans and log events would be read and counted; nothing is stored",
                fields(spans=items({"type": "object"}), logs=items({"type": "object"}), notes=items(TEXT)),
                body={"type": "object", "description": "OTLP/JSON: resourceSpans and resourceLogs."},
                body_types=("application/json", "application/x-protobuf"),
                security="key",
                errors=(400, 413, 415),
            ),
        ),
        **path(
            "/v1/traces",
            get=operation(
                "List traces",
                fields(traces=list_of("TraceRow"), total=COUNT, limit=COUNT, offset=COUNT),
                query=LIST,
                security="key",
                errors=(400,),
            ),
            post=otlp_operation("spans", "resourceSpans"),
        ),
        **path("/v1/logs", post=otlp_operation("log records", "resourceLogs")),
        **path("/v1/metrics", post=otlp_operation("metrics, which are dropped", "resourceMetrics")),
        **path("/v1/traces/batch", post=batch_operation()),
        **path(
            "/v1/traces/{trace_id}",
            get=operation("One trace with its bodies", ref("Trace"), security="key", errors=(404,)),
        ),
        **path(
            "/v1/sessions/{session_id}",
            get=operation(
                "The calls of a session, oldest first",
                fields(sessionId=TEXT, traces=items({"anyOf": [ref("Trace"), ref("TraceRow")]})),
                query=("bodies",),
                security="key",
                errors=(400,),
            ),
        ),
        **path(
            "/v1/analytics",
            get=operation(
                "Sums over a range and its groups",
                ref("Analytics"),
                query=ANALYTICS,
                only=ANALYTICS_ONLY,
                required=("date_from", "date_to"),
                security="key",
                errors=(400,),
            ),
        ),
    }
