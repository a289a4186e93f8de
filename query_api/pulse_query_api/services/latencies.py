"""Fold latency histograms by step to octaves, with percentiles of the whole range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulse_storage.latency import PER_OCTAVE, percentiles
from pulse_storage.queries.latencies import Latencies

_SHARES = (0.50, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Octaves:
    """Calls by step and octave of latency.

    Octave i is from `bounds_ms[i]` (inclusive) to `bounds_ms[i + 1]`; the first one may be from 0 to 1 ms.
    """

    bounds_ms: list[int]
    counts: list[list[int]]
    #: The 50th, 95th and 99th percentile of all calls with a known latency, in ms.
    percentiles_ms: list[float | None]


def octaves_of(found: Latencies) -> Octaves:
    """Return the histograms by octave, from the first to the last octave that has calls."""
    steps = [_by_octave(histogram) for histogram in found.histograms]
    total: Counter[int] = Counter()
    for histogram in found.histograms:
        total.update(histogram)
    used = _by_octave(total).keys()
    octaves: Sequence[int] = range(min(used), max(used) + 1) if used else ()
    return Octaves(
        bounds_ms=[_lower_bound_ms(octave) for octave in (*octaves, octaves[-1] + 1)] if octaves else [],
        counts=[[counts[octave] for octave in octaves] for counts in steps],
        percentiles_ms=percentiles(total, _SHARES),
    )


def _by_octave(histogram: Mapping[int, int]) -> Counter[int]:
    """Return the calls by octave: 0 is from 1 to 2 ms, and -1 all latencies below 1 ms."""
    counts: Counter[int] = Counter()
    for bucket, calls in histogram.items():
        counts[max(bucket // PER_OCTAVE, -1)] += calls
    return counts


def _lower_bound_ms(octave: int) -> int:
    return 0 if octave < 0 else 1 << octave
