"""When a span began and how long it took, whatever its clock says."""

from __future__ import annotations

from datetime import datetime

_DAY_NS = 86_400_000_000_000
#: 2000-01-01: older starts are seconds or milliseconds that were taken for nanoseconds.
_EARLIEST_NS = 946_684_800_000_000_000


def span_time(start_ns: int, end_ns: int, received_ns: int) -> tuple[int, float | None, str | None]:
    """When a span began, its latency in milliseconds if it is known, and what was mended, in words.

    One that has not been, or cannot have been yet, began when it was received (Unix time, nanoseconds).
    """
    latest_ns = received_ns + _DAY_NS
    if _EARLIEST_NS <= start_ns <= end_ns <= latest_ns:
        return start_ns, (end_ns - start_ns) / 1e6, None
    if not _EARLIEST_NS <= start_ns <= latest_ns:
        why = "no start time" if start_ns == 0 else f"impossible start time {start_ns} ns"
        return received_ns, None, f"{why}: time of arrival used"
    if end_ns == 0:
        return start_ns, None, None
    if end_ns < start_ns:
        return start_ns, 0.0, "ended before it began: latency set to 0"
    return start_ns, None, f"impossible end time {end_ns} ns: latency unknown"


def ms_after_start(written: object, start_ns: int) -> float | None:
    """Return how many milliseconds after the start an ISO 8601 time lies; None if it is no later time."""
    if not isinstance(written, str):
        return None
    try:
        moment_ns = round(datetime.fromisoformat(written).timestamp() * 1e6) * 1000
    except (ValueError, OverflowError):
        return None
    return (moment_ns - start_ns) / 1e6 if moment_ns >= start_ns else None
