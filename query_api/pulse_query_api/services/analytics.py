"""Sums over a range and over its groups: every time bucket, or the most expensive group first."""

from __future__ import annotations

from dataclasses import dataclass

from pulse_query_api.params import BUCKET_NS, bucket_count
from pulse_storage.adapter import StorageAdapter
from pulse_storage.filters import Analytics, AnalyticsGroup, AnalyticsQuery, UsageSummary

_NOTHING = UsageSummary()


@dataclass(frozen=True, slots=True)
class Report:
    """The whole range, its groups in the order in which they are shown, and the sum of those that are not."""

    total: UsageSummary
    groups: list[AnalyticsGroup]
    rest: UsageSummary | None


async def analyse(storage: StorageAdapter, project_id: str, query: AnalyticsQuery) -> Report:
    """The answer to one analytics question. Raises StoreUnavailable."""
    found = await storage.analytics(project_id, query)
    bucket_ns = BUCKET_NS.get(query.group_by)
    groups = _by_cost(found) if bucket_ns is None else _all_buckets(found, query, bucket_ns)
    return Report(found.total, groups, found.rest)


def _all_buckets(found: Analytics, query: AnalyticsQuery, bucket_ns: int) -> list[AnalyticsGroup]:
    """A chart needs the quiet hours too."""
    summaries = {group.key: group.summary for group in found.groups}
    first_ns = query.from_ns - query.from_ns % bucket_ns
    buckets = bucket_count(query.from_ns, query.before_ns, query.group_by)
    starts_ns = range(first_ns, first_ns + buckets * bucket_ns, bucket_ns)
    return [AnalyticsGroup(start_ns, summaries.get(start_ns, _NOTHING)) for start_ns in starts_ns]


def _by_cost(found: Analytics) -> list[AnalyticsGroup]:
    """Dearest first; unpriced groups after them by how much they were called, then by name."""
    return sorted(
        found.groups,
        key=lambda group: (-group.summary.cost_nano_usd, -group.summary.calls, str(group.key or "")),
    )
