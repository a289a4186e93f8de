"""RFC 3339 texts to Unix nanoseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A plus sign that nobody percent-encoded arrives as a space; nothing else could be meant.
_INSTANT = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:[.,](?P<fraction>\d{1,9}))?"
    r"(?P<offset>[Zz]|(?P<sign>[-+ ])(?P<hours>\d{2}):?(?P<minutes>\d{2}))?)?",
    re.ASCII,
)


def unix_ns(text: str) -> int:
    """The instant that a date or date-time names, in Unix nanoseconds; ValueError if it names none.

    Plain dates are midnight and times without an offset are UTC. Instants outside of int64 (before 1677,
    after 2262) become its nearest end: no span lies beyond.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError("not an RFC 3339 date or date-time")
    moment = datetime.fromisoformat(f"{found['date']}T{found['time'] or '00:00'}")
    offset = timedelta()
    if found["sign"]:
        offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
        offset = -offset if found["sign"] == "-" else offset
    # Offsets of a day or more are refused by timezone(); subtracting by hand cannot leave datetime's years.
    timezone(offset)
    whole_s = (moment.replace(tzinfo=UTC) - _EPOCH - offset) // timedelta(seconds=1)
    nanoseconds = int((found["fraction"] or "").ljust(9, "0"))
    return min(max(whole_s * 1_000_000_000 + nanoseconds, _INT64_MIN), _INT64_MAX)
