"""Decides how far a policy lets go of a project's content and rows."""

from __future__ import annotations

from dataclasses import dataclass

from pulse_storage.retention import DAY_NS, HOUR_NS, RetentionPolicy
from pulse_storage.sql.maintenance.sizes import HourSizes, Sizes

#: A size cap never takes content or rows of calls that began later: their spans may still be under way.
_YOUNGEST_CONTENT_NS = HOUR_NS
_YOUNGEST_ROWS_NS = DAY_NS
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Up to which whole hour content and rows go, and what that is. Times are Unix nanoseconds."""

    content_before_ns: int | None = None
    rows_before_ns: int | None = None
    rows: int = 0
    contents: int = 0
    #: Of the rows alone; not of what stands beside them.
    size_bytes: int = 0
    #: By how much the project stays above its cap: the rest is kept by its policy, or too young.
    over_bytes: int = 0


def plan(policy: RetentionPolicy, now_ns: int, sizes: Sizes) -> Plan:
    """What the policy drops at this time. `sizes` is needed for a cap, and for the counts."""
    content_ns, rows_ns = _age_limit(policy.content_days, now_ns), _age_limit(policy.rows_days, now_ns)
    over_bytes = 0
    if policy.max_mib is not None:
        left_bytes = sum(hour.size_bytes for hour in sizes.values())
        left_bytes -= sum(_dropped_bytes(sizes, hour, content_ns, rows_ns) for hour in sizes)
        over_bytes = left_bytes - policy.max_mib * _MIB
        for hour in _oldest(sizes, now_ns - _YOUNGEST_CONTENT_NS):
            if over_bytes > 0 and not _is_before(hour, max_of(content_ns, rows_ns)):
                over_bytes -= _content_bytes(sizes[hour])
                content_ns = (hour + 1) * HOUR_NS
        for hour in _oldest(sizes, now_ns - _YOUNGEST_ROWS_NS):
            if over_bytes > 0 and not _is_before(hour, rows_ns):
                over_bytes -= sizes[hour].row_bytes
                rows_ns = (hour + 1) * HOUR_NS
    gone = [sizes[hour] for hour in sizes if _is_before(hour, rows_ns)]
    stripped = [sizes[hour] for hour in sizes if _is_before(hour, max_of(content_ns, rows_ns))]
    return Plan(
        content_before_ns=max_of(content_ns, rows_ns),
        rows_before_ns=rows_ns,
        rows=sum(hour.rows for hour in gone),
        contents=sum(hour.contents for hour in stripped),
        size_bytes=sum(hour.row_bytes for hour in gone) + sum(hour.content_bytes for hour in stripped),
        over_bytes=max(over_bytes, 0),
    )


def max_of(one: int | None, other: int | None) -> int | None:
    """The later of two times, where None is no time."""
    return max((time for time in (one, other) if time is not None), default=None)


def _age_limit(days: int | None, now_ns: int) -> int | None:
    return None if days is None else (now_ns - days * DAY_NS) // HOUR_NS * HOUR_NS


def _oldest(sizes: Sizes, before_ns: int) -> list[int]:
    """The hours that are over by then, oldest first."""
    return sorted(hour for hour in sizes if (hour + 1) * HOUR_NS <= before_ns)


def _is_before(hour: int, time_ns: int | None) -> bool:
    return time_ns is not None and hour * HOUR_NS < time_ns


def _dropped_bytes(sizes: Sizes, hour: int, content_ns: int | None, rows_ns: int | None) -> int:
    dropped = sizes[hour].row_bytes if _is_before(hour, rows_ns) else 0
    return dropped + (_content_bytes(sizes[hour]) if _is_before(hour, max_of(content_ns, rows_ns)) else 0)


def _content_bytes(hour: HourSizes) -> int:
    return hour.content_bytes + hour.beside_bytes
