"""Arguments and results of sums by step of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pulse_storage.queries.filters import TraceFilter

SeriesBy = Literal["model", "provider", "service", "environment", "user", "session", "tag"]
#: The sum by which series are ranked. Tokens are input and output tokens.
Measure = Literal["cost", "calls", "tokens", "errors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeseriesQuery:
    """Sums over counted model calls by step of time, in total and for each of the largest series.

    `filter` restricts the calls further; its time range and `counted` are ignored.
    """

    #: Ascending Unix nanoseconds, at least two: step i is [edges[i], edges[i + 1]).
    edges: tuple[int, ...]
    #: The dimension of the series; None for the total only. A call with several tags is in the series of each
    #: tag, and once in the total.
    by: SeriesBy | None = None
    measure: Measure = "cost"
    #: Maximum number of series; all further ones are summed in `Timeseries.other`.
    top: int = 8
    filter: TraceFilter = field(default_factory=TraceFilter)
    #: Wall time for reading rows.
    seconds: float = 2.0
    #: Up to this number of calls, rows are read even if rollups have the sums: only rows have cached tokens
    #: and the source of a cost.
    max_rows: int = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSums:
    """Sums over some calls. A sum is None if no call has a known value, or if the store has no such sum."""

    calls: int
    errors: int
    input_tokens: int | None
    #: Part of `input_tokens`.
    cache_read_tokens: int | None
    output_tokens: int | None
    cost_nano_usd: int | None
    #: The parts of `cost_nano_usd` by source.
    reported_nano_usd: int | None
    computed_nano_usd: int | None
    #: Calls with a known cost, and calls that used tokens and have no cost.
    priced: int | None
    unpriced: int
    #: Calls with known input or output tokens, and successful calls without.
    known_usage: int | None
    unknown_usage: int


@dataclass(frozen=True, slots=True)
class Series:
    """The sums of one series; `steps` has those of each step with calls, by its number."""

    #: None: unknown, or the sum of several series.
    key: str | None
    steps: Mapping[int, CallSums]
    total: CallSums


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeseries:
    """The largest series, ranked by the measure, then by calls, then by name (code points, unknown first)."""

    series: list[Series]
    #: The sum of all further series; None if there are none.
    other: Series | None
    total: CallSums
    #: Percentiles of the latency of all calls, from buckets of an eighth of an octave.
    p50_latency_ms: float | None
    p95_latency_ms: float | None
    p99_latency_ms: float | None
    #: False if time or memory did not suffice for all calls. Newer calls are read first.
    complete: bool = True
    #: The steps that start earlier lack calls, in Unix nanoseconds; None if every step has all of its calls.
    complete_from_ns: int | None = None
