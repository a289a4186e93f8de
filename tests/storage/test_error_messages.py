"""Messages without the values that differ between failures of the same kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse_storage.queries.error_groups import message_without_values


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (None, None),
        (" \n ", None),
        ("529: overloaded", "529: overloaded"),
        ("HTTP 500 from upstream", "HTTP 500 from upstream"),
        (
            "Error code: 429 - {'error': {'message': 'Rate limit: try again in 1.4s.', 'type': 'tokens'}}",
            "Error code: 429 - {'error': {'message': 'Rate limit: try again in #.', 'type': '…'}}",
        ),
        ("The model `gpt-7` does not exist", "The model '…' does not exist"),
        ("can't connect to 10.0.0.1:8080; isn't 5m30s enough?", "can't connect to #; isn't # enough?"),
        ("request req_011CSHoEeqs5C35K2UUqR7Fy failed", "request <id> failed"),
        ("123e4567-e89b-12d3-a456-426614174000 not found", "<id> not found"),
        ("object at 0x7f3a2b, hash deadbeef12345678", "object at <id>, hash <id>"),
        ("failed at 2026-11-30T14:00:00.123Z", "failed at #"),
        ("resulted in 130,512 tokens\n  of 128000", "resulted in # tokens of #"),
    ],
)
def test_values_are_taken_out_of_a_message(message: str | None, expected: str | None) -> None:
    assert message_without_values(message) == expected


@given(st.text(max_size=3_000))
def test_message_without_values_is_short_and_has_no_long_number(message: str) -> None:
    found = message_without_values(message)
    assert found is None or 0 < len(found) <= 300


@given(st.text("aA0-_.'\"`{}: ", max_size=2_000))
def test_message_of_few_characters_is_read(message: str) -> None:
    message_without_values(message)
