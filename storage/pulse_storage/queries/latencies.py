"""Arguments and results of latency histograms by step of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pulse_storage.queries.filters import TraceFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyQuery:
    """Histograms of counted model calls by step of time.

    `filter` restricts the calls further; its time range and `counted` are ignored.
    """

    #: Ascending Unix nanoseconds, at least two: step i is [edges[i], edges[i + 1]).
    edges: tuple[int, ...]
    filter: TraceFilter = field(default_factory=TraceFilter)
    #: Wall time.
    seconds: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """The number of calls by bucket (`latency.latency_bucket`), and of unknown latency, of each step."""

    histograms: list[Mapping[int, int]]
    unknown: list[int]
    #: The steps that start earlier lack calls, in Unix nanoseconds; None if every step has all of its calls.
    complete_from_ns: int | None = None
