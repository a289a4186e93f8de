"""Compute analytics of a time range: its totals, and its groups in display order."""

from __future__ import annotations

from dataclasses import dataclass

from pulse_query_api.params import BUCKET_NS, bucket_count
from pulse_storage.adapter import StorageAdapter
from pulse_storage.queries.filters import Analytics, AnalyticsGroup, AnalyticsQuery, UsageSummary

_NOTHING = UsageSummary()


@dataclass(frozen=True, slots=True)
class AnalyticsReport:
    """Totals of a time range and its groups in display order."""

    total: UsageSummary
    groups: list[AnalyticsGroup]
    #: Sum of the groups that exceed the limit of groups; None if `groups` is complete.
    rest: UsageSummary | None


async def analyse(storage: StorageAdapter, project_id: str, query: AnalyticsQuery) -> AnalyticsReport:
    """Return the totals and groups of a query: by time with empty buckets, or by cost descending.

    Raises StoreUnavailable.
    """
    found = await storage.analytics(project_id, query)
    bucket_ns = BUCKET_NS.get(query.group_by)
    groups = _by_cost(found) if bucket_ns is None else _all_buckets(found, query, bucket_ns)
    return AnalyticsReport(found.total, groups, found.rest)


def _all_buckets(found: Analytics, query: AnalyticsQuery, bucket_ns: int) -> list[AnalyticsGroup]:
    """Return one group for every time bucket of the range, with zeros for buckets without calls."""
    summaries = {group.key: group.summary for group in found.groups}
    first_ns = query.from_ns - query.from_ns % bucket_ns
    buckets = bucket_count(query.from_ns, query.before_ns, query.group_by)
    starts_ns = range(first_ns, first_ns + buckets * bucket_ns, bucket_ns)
    return [AnalyticsGroup(start_ns, summaries.get(start_ns, _NOTHING)) for start_ns in starts_ns]


def _by_cost(found: Analytics) -> list[AnalyticsGroup]:
    """Sort groups by cost descending, then by number of calls descending, then by name."""
    return sorted(
        found.groups,
        key=lambda group: (-group.summary.cost_nano_usd, -group.summary.calls, str(group.key or "")),
    )
