"""OpenAPI paths of the routes for a project's API key, and of the public routes."""

from __future__ import annotations

from collections.abc import Mapping

from pulse_query_api.openapi.chart_paths import chart_paths
from pulse_query_api.openapi.ingest_paths import RESOURCES, batch_operation, otlp_operation
from pulse_query_api.openapi.operations import operation, path
from pulse_query_api.openapi.parameters import ANALYTICS_OVERRIDES
from pulse_query_api.openapi.tree_paths import tree_paths
from pulse_query_api.openapi.vocabulary import COUNT, FLAG, TEXT, Schema, fields, items, list_of, ref
from pulse_query_api.params import ANALYTICS, LIST

_SPANS_OR_LOGS: Schema = {
    "type": "object",
    "description": "OTLP/JSON: resourceSpans, resourceLogs, or both.",
    "properties": {name: RESOURCES for name in ("resourceSpans", "resourceLogs")},
    "anyOf": [{"required": [name]} for name in ("resourceSpans", "resourceLogs")],
}


def public_paths() -> Mapping[str, object]:
    """Return the paths about the server itself: health, readiness, metrics and this document."""
    return {
        **path("/health", get=operation("Check that the process runs", fields(status=TEXT, service=TEXT))),
        **path(
            "/ready", get=operation("Check that the store accepts writes", fields(status=TEXT), errors=(503,))
        ),
        **path("/openapi.json", get=operation("Get this OpenAPI document", {"type": "object"})),
        **path("/metrics", get=operation("Get metrics in Prometheus format", None, security="key")),
    }


def project_paths() -> Mapping[str, object]:
    """Return the paths that read or store data of the key's project."""
    return {
        **path(
            "/v1/explain",
            post=operation(
                "Explain how OTLP spans and log events would be mapped and counted, without storing them",
                fields(spans=items({"type": "object"}), logs=items({"type": "object"}), notes=items(TEXT)),
                body=_SPANS_OR_LOGS,
                body_types=("application/json", "application/x-protobuf"),
                security="key",
                errors=(400, 413, 415),
            ),
        ),
        **path(
            "/v1/traces",
            get=operation(
                "List trace rows",
                # `complete` is only in sorted lists.
                fields(
                    {"complete": FLAG}, traces=list_of("TraceRow"), total=COUNT, limit=COUNT, offset=COUNT
                ),
                query=LIST,
                security="key",
                errors=(400,),
            ),
            post=otlp_operation("spans", "resourceSpans"),
        ),
        **path("/v1/logs", post=otlp_operation("log records", "resourceLogs")),
        **path("/v1/metrics", post=otlp_operation("metrics, which are dropped", "resourceMetrics")),
        **path("/v1/traces/batch", post=batch_operation()),
        **_row_paths(),
        **path(
            "/v1/sessions/{session_id}",
            get=operation(
                "List the calls of a session, oldest first",
                fields(sessionId=TEXT, traces=items({"anyOf": [ref("Trace"), ref("TraceRow")]})),
                query=("bodies",),
                security="key",
                errors=(400,),
            ),
        ),
        **path(
            "/v1/analytics",
            get=operation(
                "Get cost, tokens, latency and errors of a time range, in total and by group",
                ref("Analytics"),
                query=ANALYTICS,
                query_overrides=ANALYTICS_OVERRIDES,
                required=("date_from", "date_to"),
                security="key",
                errors=(400,),
            ),
        ),
        **chart_paths(),
        **tree_paths(),
    }


def _row_paths() -> Mapping[str, object]:
    """Return the paths that read one trace row."""
    return {
        **path(
            "/v1/traces/{trace_id}",
            get=operation("Get one trace row with its bodies", ref("Trace"), security="key", errors=(404,)),
        ),
        **path(
            "/v1/traces/{trace_id}/messages",
            get=operation(
                "Get the messages of one trace row in one form, whatever its dialect",
                ref("Messages"),
                security="key",
                errors=(404,),
            ),
        ),
        **path(
            "/v1/traces/{trace_id}/cost",
            get=operation(
                "Get the cost of one trace row by buckets of tokens, or why there are none",
                ref("Cost"),
                security="key",
                errors=(404,),
            ),
        ),
        **path(
            "/v1/traces/{trace_id}/parts/{digest}",
            get=operation(
                "Get an image or a file that the bodies of one trace row contain, by its SHA-256",
                None,
                security="key",
                errors=(404,),
            ),
        ),
    }
