from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_storage.latency import latency_bucket, percentiles
from pulse_storage.rows import UnfitValue

_LATENCIES = st.floats(0, 1e12, allow_nan=False)


@given(st.lists(_LATENCIES, min_size=1), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_percentiles_are_near_the_nearest_rank(latencies: list[float], shares: list[float]) -> None:
    histogram = Counter(bucket for ms in latencies if (bucket := latency_bucket(ms)) is not None)
    ordered = sorted(latencies)
    for share, got in zip(sorted(shares), percentiles(histogram, sorted(shares)), strict=True):
        exact = ordered[max(1, math.ceil(share * len(ordered))) - 1]
        assert got == pytest.approx(exact, rel=0.0443, abs=1e-6)


@given(_LATENCIES, _LATENCIES)
def test_buckets_keep_the_order(one: float, other: float) -> None:
    low, high = sorted((one, other))
    first, second = latency_bucket(low), latency_bucket(high)
    assert first is not None
    assert second is not None
    assert first <= second


def test_unknown_latency_has_no_bucket() -> None:
    assert latency_bucket(None) is None
    assert percentiles({}, (0.5, 0.99)) == [None, None]


@pytest.mark.parametrize("latency_ms", [math.nan, math.inf, -math.inf])
def test_latency_that_is_not_finite_is_refused(latency_ms: float) -> None:
    with pytest.raises(UnfitValue, match="finite"):
        latency_bucket(latency_ms)


def test_negative_latency_is_in_the_lowest_bucket() -> None:
    assert latency_bucket(-5.0) == latency_bucket(0.0)
    assert percentiles({latency_bucket(0.0) or 0: 3}, (0.5,)) == [0.0]
