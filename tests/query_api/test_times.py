from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pulse_query_api.times import unix_ns

_DAY = 1_795_392_000_000_000_000
_HOUR = 3_600_000_000_000


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("2026-11-23", _DAY),
        ("2026-11-23T00:00:00Z", _DAY),
        ("2026-11-23t00:00:00z", _DAY),
        ("2026-11-23T00:00:00", _DAY),
        ("2026-11-23 00:00", _DAY),
        ("2026-11-23T02:00:00+02:00", _DAY),
        ("2026-11-23T02:00:00 02:00", _DAY),
        ("2026-11-22T19:30:00-0430", _DAY),
        ("2026-11-23T00:00:00.000000001Z", _DAY + 1),
        ("2026-11-23T00:00:00.5Z", _DAY + 500_000_000),
        ("1969-12-31T23:59:59.25Z", -750_000_000),
        ("0001-01-01T00:00:00+23:59", -(1 << 63)),
        ("9999-12-31T23:59:59-23:59", (1 << 63) - 1),
    ],
)
def test_dates_and_date_times_are_parsed(text: str, expected_ns: int) -> None:
    assert unix_ns(text) == expected_ns


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2026-13-01", "2026-02-30", "2026-11-23T24:01:00Z", "2026-11-23T10:00:00+24:00"),
        *(
            "20261123",
            "2026-W47-1",
            "1795392000",
            "２０２６-11-23",
            "2026-11-23T10Z",
            "2026-11-23Z",
            "2026-11-23\n",
        ),
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        unix_ns(text)


@given(st.datetimes(datetime(1678, 1, 1), datetime(2261, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_any_offset_is_parsed_as_datetime_does(moment: datetime) -> None:
    offset = moment.utcoffset()
    assert offset is not None
    # Offsets of historical local mean times have seconds, which RFC 3339 does not allow.
    assume(offset.seconds % 60 == 0)
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert unix_ns(moment.isoformat()) == since_epoch // timedelta(microseconds=1) * 1000
