"""Split a range of time into steps of minutes, hours, days or weeks of a time zone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal, get_args
from zoneinfo import ZoneInfo

Step = Literal["1m", "5m", "15m", "1h", "3h", "6h", "1d", "7d"]

_MINUTE_NS = 60_000_000_000
_HOUR_NS = 60 * _MINUTE_NS
#: Nominal lengths: a day of 23 or 25 hours is one step of `1d`.
_NOMINAL_NS: Mapping[Step, int] = {
    "1m": _MINUTE_NS,
    "5m": 5 * _MINUTE_NS,
    "15m": 15 * _MINUTE_NS,
    "1h": _HOUR_NS,
    "3h": 3 * _HOUR_NS,
    "6h": 6 * _HOUR_NS,
    "1d": 24 * _HOUR_NS,
    "7d": 7 * 24 * _HOUR_NS,
}
STEPS: tuple[Step, ...] = get_args(Step)
#: The default step is the shortest with at most this many steps.
_DEFAULT_STARTS = 120
MAX_STARTS = 2_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_ZONE_CHARS = 64


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a range of time. All times are Unix nanoseconds."""

    step: Step
    #: The start of each step; the first one may be before the range.
    starts: tuple[int, ...]
    #: The ends of the range, and the starts of the steps between them.
    edges: tuple[int, ...]


def time_zone(name: str) -> tzinfo:
    """Return the IANA time zone of this name. Raises ValueError for any other name."""
    if name == "UTC":
        return UTC
    if len(name) > _MAX_ZONE_CHARS:
        raise ValueError("too long")
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as error:
        raise ValueError("no such time zone") from error


def default_step(from_ns: int, before_ns: int, zone: tzinfo) -> Step:
    """Return the shortest step that gives at most 120 steps, or `7d`."""
    for step in STEPS:
        if is_within(from_ns, before_ns, step, _DEFAULT_STARTS):
            starts = steps_of(from_ns, before_ns, step, zone).starts
            if len(starts) <= _DEFAULT_STARTS:
                return step
    return STEPS[-1]


def is_within(from_ns: int, before_ns: int, step: Step, starts: int = MAX_STARTS) -> bool:
    """Return whether the range has at most about this many steps."""
    return (before_ns - from_ns) // _NOMINAL_NS[step] <= starts


def steps_of(from_ns: int, before_ns: int, step: Step, zone: tzinfo) -> Steps:
    """Split a half-open range into steps of a zone, as its clocks show them; weeks begin on Monday.

    Where clocks are changed, a step of three hours or more is shorter or longer.
    """
    if from_ns >= before_ns:
        return Steps(step, (), (from_ns, before_ns))
    make = _short_steps if _NOMINAL_NS[step] <= _HOUR_NS else _long_steps
    starts = tuple(make(from_ns, before_ns, _NOMINAL_NS[step], zone))
    return Steps(step, starts, (from_ns, *starts[1:], before_ns))


def _short_steps(from_ns: int, before_ns: int, step_ns: int, zone: tzinfo) -> Iterator[int]:
    start_ns = _floor(from_ns, step_ns, zone)
    while start_ns < before_ns:
        yield start_ns
        # After a change by half an hour, an hour begins less than an hour later.
        start_ns = _floor(start_ns + step_ns, step_ns, zone)


def _floor(time_ns: int, step_ns: int, zone: tzinfo) -> int:
    return time_ns - (time_ns + _offset_ns(time_ns, zone)) % step_ns


def _long_steps(from_ns: int, before_ns: int, step_ns: int, zone: tzinfo) -> Sequence[int]:
    day_ns = _NOMINAL_NS["1d"]
    days = max(1, step_ns // day_ns)
    # A day earlier: the clocks of the range's first day may have been changed.
    first = _local(from_ns, zone).date() - timedelta(days=1)
    if days > 1:
        first -= timedelta(days=first.weekday())
    times = [timedelta(microseconds=at_ns // 1000) for at_ns in range(0, day_ns, step_ns)]
    starts: list[int] = []
    number = 0
    while not starts or starts[-1] < before_ns:
        day = first + timedelta(days=number * days)
        starts += [_instant_ns(day, at, zone) for at in times]
        number += 1
    starts = sorted(set(starts))
    at = max(bisect_right(starts, from_ns) - 1, 0)
    return [start_ns for start_ns in starts[at:] if start_ns < before_ns]


def _local(time_ns: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=time_ns // 1000)).astimezone(zone)


def _offset_ns(time_ns: int, zone: tzinfo) -> int:
    return _nanoseconds(_local(time_ns, zone).utcoffset() or timedelta())


def _instant_ns(day: date, at: timedelta, zone: tzinfo) -> int:
    """Return the time when the clocks of a zone first show a time of a day, or first show a later one."""
    wall = datetime(day.year, day.month, day.day, tzinfo=zone) + at
    return _nanoseconds(wall.replace(tzinfo=UTC) - _EPOCH - (wall.utcoffset() or timedelta()))


def _nanoseconds(length: timedelta) -> int:
    return length // timedelta(microseconds=1) * 1000
