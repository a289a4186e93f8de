"""When a span began and how long it took, whatever its clock says."""

from __future__ import annotations

from typing import NamedTuple

_DAY_NS = 86_400_000_000_000
#: 2000-01-01: older starts are seconds or milliseconds that were taken for nanoseconds.
_EARLIEST_NS = 946_684_800_000_000_000


class SpanTime(NamedTuple):
    """Unix time in nanoseconds and milliseconds; the latency is None if it is not known."""

    start_ns: int
    latency_ms: float | None
    #: What was mended, in words.
    notes: tuple[str, ...]


def span_time(start_ns: int, end_ns: int, received_ns: int) -> SpanTime:
    """The time of a span. One that has not been, or cannot have been yet, began when it was received."""
    latest_ns = received_ns + _DAY_NS
    if not _EARLIEST_NS <= start_ns <= latest_ns:
        why = "no start time" if start_ns == 0 else f"impossible start time {start_ns} ns"
        return SpanTime(received_ns, None, (f"{why}: time of arrival used",))
    if end_ns == 0:
        return SpanTime(start_ns, None, ())
    if end_ns < start_ns:
        return SpanTime(start_ns, 0.0, ("ended before it began: latency set to 0",))
    if end_ns > latest_ns:
        return SpanTime(start_ns, None, (f"impossible end time {end_ns} ns: latency unknown",))
    return SpanTime(start_ns, (end_ns - start_ns) / 1e6, ())
