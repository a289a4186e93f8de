"""Arguments and results of reads: filters, pages, counts and analytics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pulse_storage.rows import Status, TraceRecord

Order = Literal["asc", "desc"]
Sort = Literal["time", "latency", "cost", "tokens"]
#: `TraceFilter.cost`: the source of a known cost, or why a counted call has none.
CostFilter = Literal["reported", "computed", "unpriced", "no_usage"]
GroupBy = Literal["day", "hour", "model", "provider", "user", "session", "tag", "service", "environment"]

#: `TraceFilter.operation`: all model calls, or all stored spans; any other value is the name of an operation.
MODEL_CALLS = "model"
ALL_OPERATIONS = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFilter:
    """Conditions on the rows of a project; a row must match all fields that are not None."""

    session_id: str | None = None
    user_id: str | None = None
    provider: str | None = None
    #: Matches the requested or the used model.
    model: str | None = None
    status: Status | None = None
    operation: str = MODEL_CALLS
    counted: bool | None = True
    service: str | None = None
    environment: str | None = None
    tag: str | None = None
    #: Half-open range of start times in Unix nanoseconds: from inclusive, before exclusive.
    from_ns: int | None = None
    before_ns: int | None = None
    min_latency_ms: float | None = None
    #: Rows of unknown latency do not match a minimum or a maximum.
    max_latency_ms: float | None = None
    min_cost_nano_usd: int | None = None
    #: `reported` and `computed`: the cost is known and has this source. `unpriced`: counted calls that used
    #: tokens and have no cost. `no_usage`: counted calls that succeeded, without known tokens.
    cost: CostFilter | None = None
    finish_reason: str | None = None
    #: Matches failed rows only.
    error_type: str | None = None
    release: str | None = None
    otel_trace_id: bytes | None = None
    #: Substring of a preview, case-insensitive.
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanBudget:
    """Limits of a search; once one is reached, the rows found so far are returned with a cursor."""

    #: Wall time.
    seconds: float = 2.0
    #: Searched content, uncompressed.
    content_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which rows of a list to return: those from an offset or those after a cursor, not both."""

    limit: int = 50
    offset: int = 0
    #: `TracePage.next_cursor` of the previous page.
    cursor: str | None = None
    #: Tokens are the sum of the known input and output tokens.
    sort: Sort = "time"
    order: Order = "desc"
    budget: ScanBudget = ScanBudget()


@dataclass(frozen=True, slots=True)
class TracePage:
    """Rows in the requested order, without bodies. Without a cursor it is the last page.

    A page with a cursor may contain fewer rows than `Page.limit`, even none.
    """

    rows: list[TraceRecord]
    next_cursor: str | None
    #: False if the rows of a sorted list are the first ones of a part of the range only.
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Count:
    """The number of rows that match a filter; a minimum if not exact, since counting stops at a limit."""

    rows: int
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsQuery:
    """Sums over counted model calls that start in [from_ns, before_ns), by group.

    `filter` restricts them further; its time range and `counted` are ignored. A call with several tags is in
    the group of each tag, and in the total once.
    """

    from_ns: int
    before_ns: int
    group_by: GroupBy = "day"
    #: Maximum number of groups by name; all other groups are summed in `Analytics.rest`. Days and hours have
    #: no maximum.
    limit: int = 100
    filter: TraceFilter = TraceFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSummary:
    """Sums over calls. Percentiles come from logarithmic buckets, 8 per octave: error at most 4.4 %."""

    calls: int = 0
    errors: int = 0
    #: Sum over the calls whose cost is known.
    cost_nano_usd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    #: Calls that used tokens but have no cost.
    unpriced: int = 0
    #: Successful calls whose input and output tokens are both unknown.
    unknown_usage: int = 0
    #: Number of calls with a known latency, and the sum of their latencies.
    latency_calls: int = 0
    latency_sum_ms: float = 0.0
    p50_latency_ms: float | None = None
    p95_latency_ms: float | None = None
    p99_latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class UnpricedModel:
    """Counted calls of one model (the used, else the requested one) that used tokens and have no cost."""

    provider: str | None
    model: str | None
    calls: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class UnknownUsageModel:
    """Successful counted calls of one model (the used, else the requested one) without known tokens."""

    provider: str | None
    model: str | None
    calls: int


@dataclass(frozen=True, slots=True)
class AnalyticsGroup:
    """One group. `key` is the start of its day or hour in Unix nanoseconds, or a name; None is unknown."""

    key: int | str | None
    summary: UsageSummary


@dataclass(frozen=True, slots=True)
class Analytics:
    """Sums over the whole range, and over each group with calls, in no particular order.

    Groups by name are the most expensive ones, then those with the most calls, then by name (code points,
    unknown first); `rest` is the sum of all other groups, None if there are none.
    """

    total: UsageSummary
    groups: list[AnalyticsGroup]
    rest: UsageSummary | None = None
