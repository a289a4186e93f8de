"""Spans that start within `PARTNER_START_NS` of each other have matching partner keys."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pulse_storage.reconciliation.partner_keys import (
    PARTNER_START_NS,
    SLOT_BITS,
    are_of_both_sides,
    is_outer,
    outer_key_range,
    outer_keys_of,
    output_fact,
    partner_fact,
    partner_key,
    partner_keys_of,
    slot_ranges,
    slots_of,
)

_STARTS = st.integers(1 << 60, (1 << 60) + (1 << 40))
_APART = st.integers(-PARTNER_START_NS, PARTNER_START_NS)


@given(start_ns=_STARTS, apart_ns=_APART)
def test_partners_have_matching_keys(start_ns: int, apart_ns: int) -> None:
    other_ns = start_ns + apart_ns
    outer, inner = partner_key("outer", "7", start_ns), partner_key("inner", "7", other_ns)
    assert inner in partner_keys_of(outer, start_ns)
    assert outer in partner_keys_of(inner, other_ns)
    assert outer in outer_keys_of(7, other_ns)
    assert other_ns >> SLOT_BITS in slots_of(start_ns)
    first, before = outer_key_range(other_ns, other_ns)
    assert first <= outer < before
    assert any(first <= other_ns >> SLOT_BITS <= last for first, last in slot_ranges([start_ns]))


def test_keys_of_the_same_side_are_not_partners() -> None:
    outer, inner = partner_key("outer", "7", 1 << 60), partner_key("inner", "7", 1 << 60)
    assert are_of_both_sides([outer, inner])
    assert not are_of_both_sides([outer, outer])
    assert not are_of_both_sides([inner])
    assert (is_outer(outer), is_outer(inner), is_outer(None)) == (True, False, False)
    assert partner_fact(outer) == partner_fact(inner) == output_fact(7)


def test_keys_without_side_and_time_are_their_own_partners() -> None:
    assert partner_keys_of("stream:x", 5) == ("stream:x",)
    assert partner_fact("anthropic:req_1") == "anthropic:req_1"
    assert are_of_both_sides(["anthropic:req_1", "anthropic:req_1"])


@given(starts=st.lists(_STARTS, min_size=1))
def test_ranges_of_slots_are_disjoint_and_ordered(starts: list[int]) -> None:
    ranges = slot_ranges(starts)
    assert all(first <= last for first, last in ranges)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(ranges))
    assert {slot for start in starts for slot in slots_of(start)} == {
        slot for first, last in ranges for slot in range(first, last + 1)
    }
