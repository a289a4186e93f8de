"""GET /v1/analytics."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from pulse_query_api import params
from pulse_query_api.auth import KeyRoute, ProjectAccess
from pulse_query_api.responses import json_response
from pulse_query_api.services.analytics import analyse
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.filters import AnalyticsGroup, GroupBy, UsageSummary
from pulse_storage.trace_json import cents, rfc3339, to_nanoseconds


def analytics_routes(storage: StorageAdapter, access: ProjectAccess) -> list[BaseRoute]:
    """Return the route that reports cost, tokens, latency and error rate of a project's calls."""

    async def get_analytics(request: Request, project_id: str) -> Response:
        query = params.analytics_query(request.scope["query_string"])
        report = await analyse(storage, project_id, query)
        total = report.total
        groups = [_group_object(group, query.group_by) for group in report.groups]
        if report.rest is not None:
            groups.append(_summary_object("other", report.rest) | {"other": True})
        return json_response(
            {
                "totalCost": cents(total.cost_nano_usd),
                "totalTokens": total.input_tokens + total.output_tokens,
                "avgLatency": _mean_latency_ms(total),
                "errorRate": total.errors / total.calls if total.calls else 0,
                "costOverTime": groups,
            }
        )

    return [KeyRoute("/v1/analytics", get_analytics, access)]


def _group_object(group: AnalyticsGroup, group_by: GroupBy) -> dict[str, object]:
    return _summary_object(_bucket(group.key, group_by), group.summary)


def _summary_object(bucket: str | None, summary: UsageSummary) -> dict[str, object]:
    return {
        "bucket": bucket,
        "cost": cents(summary.cost_nano_usd),
        "tokens": summary.input_tokens + summary.output_tokens,
        "inputTokens": summary.input_tokens,
        "outputTokens": summary.output_tokens,
        "calls": summary.calls,
        "errors": summary.errors,
        "avgLatency": _mean_latency_ms(summary),
        "p50Latency": to_nanoseconds(summary.p50_latency_ms),
        "p95Latency": to_nanoseconds(summary.p95_latency_ms),
        "p99Latency": to_nanoseconds(summary.p99_latency_ms),
        "unpriced": summary.unpriced,
        "unknownUsage": summary.unknown_usage,
    }


def _bucket(key: int | str | None, group_by: GroupBy) -> str | None:
    """Format a group's key: a day as its date, an hour as its start time, a name unchanged."""
    if not isinstance(key, int):
        return key
    start = rfc3339(key)
    return start[:10] if group_by == "day" else f"{start[:19]}Z"


def _mean_latency_ms(summary: UsageSummary) -> float | None:
    return to_nanoseconds(summary.latency_sum_ms / summary.latency_calls) if summary.latency_calls else None
