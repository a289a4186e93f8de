"""Latency histograms with eight logarithmic buckets per octave, and percentiles of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pulse_storage.rows import UnfitValue

PER_OCTAVE = 8
#: Bucket of latencies below a nanosecond.
_ZERO_BUCKET = -20 * PER_OCTAVE - 1
_SMALLEST_MS = 2.0**-20


def latency_bucket(latency_ms: float | None) -> int | None:
    """Return the bucket of a latency; None if it is unknown. Raises UnfitValue if it is not finite."""
    if latency_ms is None:
        return None
    if not math.isfinite(latency_ms):
        raise UnfitValue(f"latency_ms must be finite, not {latency_ms}")
    if latency_ms < _SMALLEST_MS:
        return _ZERO_BUCKET
    return math.floor(math.log2(latency_ms) * PER_OCTAVE)


def percentiles(histogram: Mapping[int, int], shares: Sequence[float]) -> list[float | None]:
    """Return the percentile in ms (nearest rank) for each of the ascending shares; None without calls.

    A percentile is the geometric mean of its bucket: at most 4.4 % from the true value.
    """
    calls = sum(histogram.values())
    found: list[float | None] = []
    buckets = iter(sorted(histogram))
    bucket, seen = _ZERO_BUCKET, 0
    for share in shares:
        rank = max(1, math.ceil(share * calls))
        while seen < rank and calls:
            bucket = next(buckets)
            seen += histogram[bucket]
        found.append(_middle_ms(bucket) if calls else None)
    return found


def _middle_ms(bucket: int) -> float:
    return 0.0 if bucket == _ZERO_BUCKET else 2.0 ** ((bucket + 0.5) / PER_OCTAVE)
