"""Keys by which spans of one call are found in different traces.

Two spans that have the response id of the provider find each other by it, in an index of all calls with one.
A span without it has a partner key: its side, the time of its start, and what both spans of the call report.
A framework or an instrumentor that lacks ids is `outer`; a client's failed call is `inner`. An `outer` span
also finds the calls with an id that begin a trace, by the time of their start and their output tokens. So no
call with an id needs a key, and an application with one instrumentation has no partners.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

#: Partner keys of calls that one scope records as two spans, the request's and the stream's.
STREAM_PARTNER_PREFIX = "stream:"
#: Spans of one call that are in different traces start within this time (4.3 s) of each other.
PARTNER_START_NS = 1 << 32
#: The halves of a stream start within this time of each other.
STREAM_START_NS = 600_000_000_000

Side = Literal["outer", "inner"]

#: Starts are cut to 8.6 s, twice `PARTNER_START_NS`: a partner starts in the same or the next slot.
SLOT_BITS = 33
#: The slot of a row's start in SQL, with which the index of response ids begins.
SLOT = f"(start_ns >> {SLOT_BITS:d})"
_HALF_SLOT_NS = 1 << 32
_IN_SLOT = (1 << SLOT_BITS) - 1
#: So many characters at the end of a response id tell it from nearly all others of its slot.
RESPONSE_ID_CHARS = 6
_OUTER, _INNER = "<", ">"
_OTHER_SIGN = {_OUTER: _INNER, _INNER: _OUTER}


def partner_key(side: Side, fact: str, start_ns: int) -> str:
    """Return the key of a span: `fact` is what its partner has too."""
    return f"{_OUTER if side == 'outer' else _INNER}{start_ns >> SLOT_BITS:x}:{fact}"


def has_side(key: str) -> bool:
    """Return whether a partner key has a side and a time; others are of two spans of one kind."""
    return key[:1] in _OTHER_SIGN


def is_outer(key: str | None) -> bool:
    """Return whether a partner key is of the side of frameworks."""
    return key is not None and key.startswith(_OUTER)


def partner_fact(key: str) -> str:
    """Return what two partners have in common: the key without its side and time."""
    return key.partition(":")[2] if key[:1] in _OTHER_SIGN else key


def are_of_both_sides(keys: Iterable[str]) -> bool:
    """Return whether partners may be among spans with these keys, which are all of one fact."""
    signs = {key[:1] for key in keys}
    return len(signs & _OTHER_SIGN.keys()) != 1


def partner_keys_of(key: str, start_ns: int) -> tuple[str, ...]:
    """Return the keys that partners of a span have."""
    other = _OTHER_SIGN.get(key[:1])
    if other is None:
        return (key,)
    fact = partner_fact(key)
    slot, near = slots_of(start_ns)
    return f"{other}{slot:x}:{fact}", f"{other}{near:x}:{fact}"


def output_fact(output_tokens: int | None) -> str:
    """Return the fact of an answered call: how many output tokens both spans report, or that neither does."""
    return f"{output_tokens or ''}"


def outer_keys_of(output_tokens: int | None, start_ns: int) -> tuple[str, str]:
    """Return the keys that frameworks' spans have of a call with so many output tokens."""
    fact = output_fact(output_tokens)
    slot, near = slots_of(start_ns)
    return f"{_OUTER}{slot:x}:{fact}", f"{_OUTER}{near:x}:{fact}"


def outer_key_range(first_ns: int, last_ns: int) -> tuple[str, str]:
    """Return the half-open range of the keys of frameworks' spans that start at about these times."""
    first, last = first_ns - PARTNER_START_NS, last_ns + PARTNER_START_NS
    return f"{_OUTER}{first >> SLOT_BITS:x}", f"{_OUTER}{(last >> SLOT_BITS) + 1:x}"


def slot_ranges(starts: Iterable[int]) -> list[tuple[int, int]]:
    """Return the slots in which partners of spans start, as ranges with both ends."""
    ranges: list[tuple[int, int]] = []
    for first, last in sorted({(min(both), max(both)) for both in map(slots_of, starts)}):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], max(ranges[-1][1], last)
        else:
            ranges.append((first, last))
    return ranges


def slots_of(start_ns: int) -> tuple[int, int]:
    """Return the slot of a start and the nearer one of its neighbours."""
    slot = start_ns >> SLOT_BITS
    return slot, slot + 1 if start_ns & _IN_SLOT >= _HALF_SLOT_NS else slot - 1
