"""Decides before which hours a policy deletes a project's content and rows."""

from __future__ import annotations

from pulse_storage.maintenance import RetentionPlan
from pulse_storage.retention import DAY_NS, HOUR_NS, RetentionPolicy
from pulse_storage.sql.maintenance.sizes import HourSizes, Sizes

#: A size cap never deletes content or rows of calls younger than this: their spans may still arrive.
_YOUNGEST_CONTENT_NS = HOUR_NS
_YOUNGEST_ROWS_NS = DAY_NS
_MIB = 1 << 20


def plan(policy: RetentionPolicy, now_ns: int, sizes: Sizes) -> RetentionPlan:
    """Return what the policy deletes at this time. `sizes` is needed for a cap and for the counts."""
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
    deleted = [sizes[hour] for hour in sizes if _is_before(hour, rows_ns)]
    stripped = [sizes[hour] for hour in sizes if _is_before(hour, max_of(content_ns, rows_ns))]
    return RetentionPlan(
        content_before_ns=max_of(content_ns, rows_ns),
        rows_before_ns=rows_ns,
        rows=sum(hour.rows for hour in deleted),
        contents=sum(hour.contents for hour in stripped),
        size_bytes=sum(hour.row_bytes for hour in deleted) + sum(_content_bytes(hour) for hour in stripped),
        over_bytes=max(over_bytes, 0),
    )


def max_of(one: int | None, other: int | None) -> int | None:
    """Return the later of two times; None is earlier than any time."""
    return max((time for time in (one, other) if time is not None), default=None)


def _age_limit(days: int | None, now_ns: int) -> int | None:
    return None if days is None else (now_ns - days * DAY_NS) // HOUR_NS * HOUR_NS


def _oldest(sizes: Sizes, before_ns: int) -> list[int]:
    """Return the hours that end by `before_ns`, oldest first."""
    return sorted(hour for hour in sizes if (hour + 1) * HOUR_NS <= before_ns)


def _is_before(hour: int, time_ns: int | None) -> bool:
    return time_ns is not None and hour * HOUR_NS < time_ns


def _dropped_bytes(sizes: Sizes, hour: int, content_ns: int | None, rows_ns: int | None) -> int:
    dropped = sizes[hour].row_bytes if _is_before(hour, rows_ns) else 0
    return dropped + (_content_bytes(sizes[hour]) if _is_before(hour, max_of(content_ns, rows_ns)) else 0)


def _content_bytes(hour: HourSizes) -> int:
    return hour.content_bytes + hour.beside_bytes
