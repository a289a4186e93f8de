"""Latency histograms: logarithmic buckets, eight an octave, and the percentiles read from them."""

from __future__ import annotations

import math
from collections.abc import Mapping

_PER_OCTAVE = 8
#: Shorter than a nanosecond: no time at all. A span that ends before it starts is counted here too.
_ZERO_BUCKET = -20 * _PER_OCTAVE - 1
_SMALLEST_MS = 2.0**-20


def latency_bucket(latency_ms: float | None) -> int | None:
    """The bucket of a latency; None if it is unknown. Raises ValueError if it is not a finite number."""
    if latency_ms is None:
        return None
    if not math.isfinite(latency_ms):
        raise ValueError(f"latency_ms must be finite, not {latency_ms}")
    if latency_ms < _SMALLEST_MS:
        return _ZERO_BUCKET
    return math.floor(math.log2(latency_ms) * _PER_OCTAVE)


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """The latency in ms that `share` of the calls do not exceed (nearest rank); None without calls.

    The answer is the geometric middle of a bucket, so it is at most 4.4 % from the true value.
    """
    calls = sum(histogram.values())
    if calls <= 0:
        return None
    rank = max(1, math.ceil(share * calls))
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= rank:
            return _middle_ms(bucket)
    raise AssertionError("ranks end at the number of calls")


def _middle_ms(bucket: int) -> float:
    return 0.0 if bucket == _ZERO_BUCKET else 2.0 ** ((bucket + 0.5) / _PER_OCTAVE)
