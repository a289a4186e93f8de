"""What may be asked of a store: filters, pages and analytics questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pulse_storage.rows import Status, TraceRecord

Order = Literal["asc", "desc"]
GroupBy = Literal["day", "hour", "model", "provider", "user", "session", "tag", "service", "environment"]

#: `TraceFilter.operation`: every model call, or every kept span; anything else is an operation's name.
MODEL_CALLS = "model"
ALL_OPERATIONS = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFilter:
    """Which rows of a project; None leaves a field free. All that is given must hold."""

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
    min_cost_nano_usd: int | None = None
    otel_trace_id: bytes | None = None
    #: Text within the previews, any case.
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanBudget:
    """How far to look for rows that match before an answer goes out with what was found."""

    #: Of wall time.
    seconds: float = 2.0
    #: Of content that is looked through, unpacked.
    content_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list: by offset or after a cursor, never both."""

    limit: int = 50
    offset: int = 0
    #: `TracePage.next_cursor` of the page before.
    cursor: str | None = None
    order: Order = "desc"
    budget: ScanBudget = ScanBudget()


@dataclass(frozen=True, slots=True)
class TracePage:
    """Rows in the order that was asked for, without bodies; no cursor means that nothing follows.

    A page that has a cursor may hold fewer rows than it was asked for, or none.
    """

    rows: list[TraceRecord]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a filter matches; inexact counts stop at a bound of rows or time and mean "at least"."""

    rows: int
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyticsQuery:
    """Sums over counted model calls that start in [from_ns, before_ns), by group.

    `filter` may narrow them further; its own time range and `counted` are ignored. A call with several tags
    is in the group of each, and in the total once.
    """

    from_ns: int
    before_ns: int
    group_by: GroupBy = "day"
    #: Groups by name beyond this many are summed as one. All days and hours are told apart.
    limit: int = 100
    filter: TraceFilter = TraceFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSummary:
    """Sums over calls. Percentiles come from logarithmic buckets, 8 an octave: error at most 4.4 %."""

    calls: int = 0
    errors: int = 0
    #: Over the calls whose cost is known.
    cost_nano_usd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    #: Calls that used tokens but have no cost.
    unpriced: int = 0
    #: Successful calls of which neither input nor output tokens are known.
    unknown_usage: int = 0
    #: Calls with a latency, and the sum of those.
    latency_calls: int = 0
    latency_sum_ms: float = 0.0
    p50_latency_ms: float | None = None
    p95_latency_ms: float | None = None
    p99_latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class UnpricedModel:
    """Counted calls of one model (the used one, else the one asked for) that used tokens and have no cost."""

    provider: str | None
    model: str | None
    calls: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class UnknownUsageModel:
    """Successful counted calls of one model (the used one, else the requested one) without known tokens."""

    provider: str | None
    model: str | None
    calls: int


@dataclass(frozen=True, slots=True)
class AnalyticsGroup:
    """One group: the start of its day or hour (UTC) in Unix nanoseconds, or a name; None is unknown."""

    key: int | str | None
    summary: UsageSummary


@dataclass(frozen=True, slots=True)
class Analytics:
    """The whole range and its groups that have calls, in no particular order.

    Groups by name are the dearest, then those with the most calls, then by name (code points, unknown
    first); `rest` sums the other ones, and is None if there are none.
    """

    total: UsageSummary
    groups: list[AnalyticsGroup]
    rest: UsageSummary | None = None
