"""Keys by which spans of one call are found in different traces.

Two spans that have the response id of the provider find each other by it. A span without one has a partner
key: what both spans of a call have in common, by the time of the start, so that the index of keys grows at
its end. Keys have a side: frameworks and instrumentors without response ids are `outer`, clients `inner`, and
only keys of different sides are partners. So an application with one instrumentation never finds any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

#: Partner keys of calls that one scope records as two spans, the request's and the stream's.
STREAM_PARTNER_PREFIX = "stream:"
#: Spans of one call that are in different traces start within this time of each other.
PARTNER_START_NS = 1 << 33
#: The halves of a stream start within this time of each other.
STREAM_START_NS = 600_000_000_000

Side = Literal["outer", "inner"]

#: Starts are cut to 17 seconds, twice `PARTNER_START_NS`: a partner starts in the same or the next slot.
_SLOT_BITS = 34
_HALF_SLOT_NS = 1 << 33
_IN_SLOT = (1 << _SLOT_BITS) - 1
_SIGN: dict[Side, str] = {"outer": "<", "inner": ">"}
_OTHER_SIGN = {"<": ">", ">": "<"}
_TIMED = re.compile(r"(-?\d+)([<>])(.*)", re.DOTALL)
#: So many characters at the end of a response id tell it from nearly all others.
RESPONSE_ID_CHARS = 8


def partner_key(side: Side, fact: str, start_ns: int) -> str:
    """Return the key of a span: `fact` is what its partner has too."""
    return f"{start_ns >> _SLOT_BITS}{_SIGN[side]}{fact}"


def partner_fact(key: str) -> str:
    """Return what two partners have in common: the key without its time and side."""
    timed = _TIMED.fullmatch(key)
    return key if timed is None else timed[3]


def is_of_other_side(key: str, other: str) -> bool:
    """Return whether two keys with the same fact are those of partners; keys without a side always are."""
    mine, its = _TIMED.fullmatch(key), _TIMED.fullmatch(other)
    return mine is None or its is None or mine[2] != its[2]


def has_both_sides(keys: Iterable[str]) -> bool:
    """Return whether partners may be among spans that have these keys, which are all of one fact."""
    sides: set[str] = set()
    for key in keys:
        timed = _TIMED.fullmatch(key)
        if timed is None:
            return True
        sides.add(timed[2])
    return len(sides) > 1


def partner_keys_of(key: str, start_ns: int) -> tuple[str, ...]:
    """Return the keys that partners of a span have."""
    timed = _TIMED.fullmatch(key)
    if timed is None:
        return (key,)
    other = f"{_OTHER_SIGN[timed[2]]}{timed[3]}"
    return tuple(f"{slot}{other}" for slot in _slots(start_ns))


def response_keys(response_id: str, start_ns: int) -> tuple[str, ...]:
    """Return the values of the index of response ids under which partners of a span are."""
    end = response_id[-RESPONSE_ID_CHARS:]
    # Written out: it is called for each call that is stored.
    slot = start_ns >> _SLOT_BITS
    near = slot + 1 if start_ns & _IN_SLOT >= _HALF_SLOT_NS else slot - 1
    return f"{slot}{end}", f"{near}{end}"


def _slots(start_ns: int) -> tuple[int, int]:
    """Return the slot of a start and the nearer one of its neighbours."""
    slot = start_ns >> _SLOT_BITS
    later = start_ns & _IN_SLOT >= _HALF_SLOT_NS
    return slot, slot + 1 if later else slot - 1
