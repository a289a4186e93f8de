"""Computes the start and the latency of a span, and corrects impossible times."""

from __future__ import annotations

from datetime import UTC, datetime

from pulse_collector.facts.attributes import AttributeValue, as_number

_DAY_NS = 86_400_000_000_000
#: 2000-01-01. An earlier start was written in seconds or milliseconds instead of nanoseconds.
_EARLIEST_NS = 946_684_800_000_000_000
#: Nanoseconds per unit, for the units in which senders write Unix time.
_SCALES = (1, 1_000, 1_000_000, 1_000_000_000)


def span_time(start_ns: int, end_ns: int, received_ns: int) -> tuple[int, float | None, str | None]:
    """Return the start (Unix ns), the latency (ms) or None, and a note if a time was wrong, else None.

    An absent or impossible start, or one in the future, is replaced by `received_ns`.
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
        return start_ns, None, "ended before it began: latency unknown"
    return start_ns, None, f"impossible end time {end_ns} ns: latency unknown"


def ms_after(start_ns: int, moment: AttributeValue) -> float | None:
    """Return the milliseconds from the start to a moment; None if it is earlier or is no time.

    A moment is ISO 8601, possibly JSON-encoded, or Unix time in seconds, milliseconds, microseconds or
    nanoseconds: since 2000 the magnitude identifies the unit.
    """
    if isinstance(moment, str):
        moment = moment.strip().strip('"')
    # A float is too imprecise for nanoseconds.
    number = moment if type(moment) is int else as_number(moment)
    if number is not None:
        scale = next((scale for scale in _SCALES if _EARLIEST_NS <= number * scale < _EARLIEST_NS * 5), None)
        at_ns = None if scale is None else round(number * scale)
    else:
        at_ns = _iso_ns(moment) if isinstance(moment, str) else None
    return None if at_ns is None or at_ns < start_ns else (at_ns - start_ns) / 1e6


def _iso_ns(written: str) -> int | None:
    try:
        moment = datetime.fromisoformat(written)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1e6) * 1000
    except (ValueError, OverflowError):
        return None
