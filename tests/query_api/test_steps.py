"""Steps of a time zone, with days of 23 and 25 hours and zones off the hour."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_query_api.steps import MAX_STARTS, STEPS, Step, default_step, is_within, steps_of, time_zone

_BERLIN = ZoneInfo("Europe/Berlin")
_KOLKATA = ZoneInfo("Asia/Kolkata")
_HOUR_NS = 3_600_000_000_000
_ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo")


def _ns(text: str, zone: tzinfo = UTC) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1_000_000_000


def _starts(date_from: str, date_to: str, step: Step, zone: tzinfo) -> list[str]:
    steps = steps_of(_ns(date_from, zone), _ns(date_to, zone), step, zone)
    return [
        datetime.fromtimestamp(start_ns / 1e9, UTC).astimezone(zone).strftime("%m-%d %H:%M")
        for start_ns in steps.starts
    ]


def _hours(date_from: str, date_to: str, step: Step, zone: tzinfo) -> list[float]:
    edges = steps_of(_ns(date_from, zone), _ns(date_to, zone), step, zone).edges
    return [(end_ns - start_ns) / _HOUR_NS for start_ns, end_ns in pairwise(edges)]


def test_days_of_a_zone_have_23_and_25_hours_when_clocks_change() -> None:
    assert _hours("2026-03-28", "2026-03-31", "1d", _BERLIN) == [24, 23, 24]
    assert _hours("2026-10-24", "2026-10-27", "1d", _BERLIN) == [24, 25, 24]
    assert _hours("2026-03-29", "2026-03-30", "6h", _BERLIN) == [5, 6, 6, 6]
    assert _hours("2026-03-29", "2026-03-30", "1h", _BERLIN) == [1] * 23
    assert _hours("2026-10-25", "2026-10-26", "1h", _BERLIN) == [1] * 25


def test_weeks_begin_on_monday() -> None:
    assert _starts("2026-11-25", "2026-12-09", "7d", _BERLIN) == [
        "11-23 00:00",
        "11-30 00:00",
        "12-07 00:00",
    ]


def test_days_of_a_zone_off_the_hour_begin_at_its_midnight() -> None:
    steps = steps_of(_ns("2026-11-23T12:00:00"), _ns("2026-11-25T12:00:00"), "1d", _KOLKATA)
    assert steps.starts[0] == _ns("2026-11-22T18:30:00")
    assert steps.edges == (
        _ns("2026-11-23T12:00:00"),
        _ns("2026-11-23T18:30:00"),
        _ns("2026-11-24T18:30:00"),
        _ns("2026-11-25T12:00:00"),
    )


def test_midnight_that_clocks_skip_is_the_first_time_after_it() -> None:
    assert _starts("2026-04-23", "2026-04-25 12:00", "1d", ZoneInfo("Africa/Cairo")) == [
        "04-23 00:00",
        "04-24 01:00",
        "04-25 00:00",
    ]


def test_empty_range_has_no_steps() -> None:
    assert steps_of(5, 5, "1h", UTC).starts == ()


@pytest.mark.parametrize(
    ("hours", "step"),
    [(1, "1m"), (2, "1m"), (3, "5m"), (24, "15m"), (48, "1h"), (168, "3h"), (720, "6h"), (2_160, "1d")],
)  # fmt: skip
def test_default_step_gives_at_most_120_steps(hours: int, step: Step) -> None:
    before_ns = _ns("2026-11-25")
    assert default_step(before_ns - hours * _HOUR_NS, before_ns, UTC) == step


@given(
    from_ns=st.integers(-(2**61), 2**62),
    length_s=st.integers(1, 90 * 86_400),
    step=st.sampled_from(STEPS),
    zone=st.sampled_from(_ZONES),
)
def test_steps_cover_the_range_without_gaps(from_ns: int, length_s: int, step: Step, zone: str) -> None:
    before_ns = from_ns + length_s * 10**9
    if not is_within(from_ns, before_ns, step):
        return
    steps = steps_of(from_ns, before_ns, step, time_zone(zone))
    assert (steps.edges[0], steps.edges[-1]) == (from_ns, before_ns)
    assert all(first < second for first, second in pairwise(steps.edges))
    assert len(steps.starts) == len(steps.edges) - 1 <= MAX_STARTS + 30
    assert steps.starts[0] <= from_ns


@pytest.mark.parametrize("name", ["America", "../etc/passwd", "Mars/Olympus", "x" * 65, "\x00"])
def test_name_of_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        time_zone(name)
