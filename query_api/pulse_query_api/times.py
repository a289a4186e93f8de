"""Parse RFC 3339 dates and date-times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The sign may be a space: a plus sign that was not percent-encoded in a URL is decoded as a space.
_INSTANT = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:[.,](?P<fraction>\d{1,9}))?"
    r"(?P<offset>[Zz]|(?P<sign>[-+ ])(?P<hours>\d{2}):?(?P<minutes>\d{2}))?)?",
    re.ASCII,
)


def unix_ns(text: str) -> int:
    """Parse a date (midnight UTC) or a date-time (UTC if it has no offset) to Unix nanoseconds.

    Times that int64 cannot hold (before 1677, after 2262) become its minimum or maximum: no span has such a
    time. Raises ValueError for any other text.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError("not an RFC 3339 date or date-time")
    moment = datetime.fromisoformat(f"{found['date']}T{found['time'] or '00:00'}")
    offset = timedelta()
    if found["sign"]:
        offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"]))
        offset = -offset if found["sign"] == "-" else offset
    # timezone() raises ValueError for offsets of a day or more. The offset is subtracted as a timedelta,
    # since converting the date-time could leave datetime's range of years.
    timezone(offset)
    whole_s = (moment.replace(tzinfo=UTC) - _EPOCH - offset) // timedelta(seconds=1)
    nanoseconds = int((found["fraction"] or "").ljust(9, "0"))
    return min(max(whole_s * 1_000_000_000 + nanoseconds, _INT64_MIN), _INT64_MAX)
