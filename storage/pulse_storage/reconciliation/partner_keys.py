"""Define partner keys, by which spans of one call are found in different traces.

Spans with a provider response id are found by that id, in an index of all calls that have one. A span
without an id has a partner key. It consists of a side, a slot of start times, and a fact: a value that both
spans of the call report. The side is `outer` for frameworks and for instrumentors without response ids,
`inner` for failed calls of a client. An `outer` span is also matched with calls that have an id and are the
root of their trace, by start time and output tokens. So calls with an id need no partner key.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

#: Prefix of the partner keys of calls that one scope records as two spans: the request and the stream.
STREAM_PARTNER_PREFIX = "stream:"
#: Longest time between the starts of two spans of one call in different traces (4.3 s).
PARTNER_START_NS = 1 << 32
#: Longest time between the starts of the two spans of a stream (600 s).
STREAM_START_NS = 600_000_000_000

Side = Literal["outer", "inner"]

#: A slot lasts 8.6 s, twice `PARTNER_START_NS`: a partner starts in the same slot or in the nearer neighbour.
SLOT_BITS = 33
#: SQL expression of the slot of a row's start: the first column of the index of response ids.
SLOT = f"(start_ns >> {SLOT_BITS:d})"
_HALF_SLOT_NS = 1 << 32
_IN_SLOT = (1 << SLOT_BITS) - 1
#: Length of the suffix of a response id that the index contains; it is nearly unique within a slot.
RESPONSE_ID_CHARS = 6
_OUTER, _INNER = "<", ">"
_OTHER_SIGN = {_OUTER: _INNER, _INNER: _OUTER}


def partner_key(side: Side, fact: str, start_ns: int) -> str:
    """Return the partner key of a span; `fact` is the value that its partner reports too."""
    return f"{_OUTER if side == 'outer' else _INNER}{start_ns >> SLOT_BITS:x}:{fact}"


def has_side(key: str) -> bool:
    """Return whether a partner key has a side and a slot; keys of streams and of older versions do not."""
    return key[:1] in _OTHER_SIGN


def is_outer(key: str | None) -> bool:
    """Return whether a partner key has the side `outer`."""
    return key is not None and key.startswith(_OUTER)


def partner_fact(key: str) -> str:
    """Return the fact of a partner key: the key without its side and slot."""
    return key.partition(":")[2] if key[:1] in _OTHER_SIGN else key


def are_of_both_sides(keys: Iterable[str]) -> bool:
    """Return whether spans with these keys, all of the same fact, can include partners.

    False if the keys have only one of the two sides.
    """
    signs = {key[:1] for key in keys}
    return len(signs & _OTHER_SIGN.keys()) != 1


def partner_keys_of(key: str, start_ns: int) -> tuple[str, ...]:
    """Return the partner keys that partners of a span with this key and start can have."""
    other = _OTHER_SIGN.get(key[:1])
    if other is None:
        return (key,)
    fact = partner_fact(key)
    slot, near = slots_of(start_ns)
    return f"{other}{slot:x}:{fact}", f"{other}{near:x}:{fact}"


def output_fact(output_tokens: int | None) -> str:
    """Return the fact of an answered call: its output tokens; empty if they are unknown."""
    return f"{output_tokens or ''}"


def outer_keys_of(output_tokens: int | None, start_ns: int) -> tuple[str, str]:
    """Return the partner keys that an `outer` span can have for a call with these output tokens and start."""
    fact = output_fact(output_tokens)
    slot, near = slots_of(start_ns)
    return f"{_OUTER}{slot:x}:{fact}", f"{_OUTER}{near:x}:{fact}"


def outer_key_range(first_ns: int, last_ns: int) -> tuple[str, str]:
    """Return the half-open range of the keys of `outer` partners of spans that start in this range."""
    first, last = first_ns - PARTNER_START_NS, last_ns + PARTNER_START_NS
    return f"{_OUTER}{first >> SLOT_BITS:x}", f"{_OUTER}{(last >> SLOT_BITS) + 1:x}"


def slot_ranges(starts: Iterable[int]) -> list[tuple[int, int]]:
    """Return the slots in which partners of spans with these starts can start, as inclusive ranges."""
    ranges: list[tuple[int, int]] = []
    for first, last in sorted({(min(both), max(both)) for both in map(slots_of, starts)}):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], max(ranges[-1][1], last)
        else:
            ranges.append((first, last))
    return ranges


def slots_of(start_ns: int) -> tuple[int, int]:
    """Return the slot of a start, and the neighbouring slot that is nearer to it."""
    slot = start_ns >> SLOT_BITS
    return slot, slot + 1 if start_ns & _IN_SLOT >= _HALF_SLOT_NS else slot - 1
