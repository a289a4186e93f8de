"""Row ids: deterministic, so that a span that is delivered again has the same id, and ordered by time.

Layout of the 128 bits (UUID version 8, RFC 9562 section 5.8), from the top: 48 bits of start time in
milliseconds, 4 bits version, 12 bits of the millisecond's fraction (1/4096 ms), 2 bits variant, 62 bits of
BLAKE2b over project, OTel trace id and span id. Ordering by id is ordering by start time.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from uuid import UUID, SafeUUID

from pulse_storage.errors import InvalidCursor

#: Length of the cursors of sorted lists (`queries.sorted_pages`), decoded.
SORT_CURSOR_BYTES = 58
_HASH_MASK = (1 << 62) - 1
_VERSION_8 = 8 << 76
_VARIANT = 2 << 62
_MAX_MS = (1 << 48) - 1
_CURSOR_REFUSED = "{!r} is not a cursor of this list; omit it to begin with the first page"
_new, _set, _UNKNOWN = object.__new__, object.__setattr__, SafeUUID.unknown


def batch_span_id(trace_id: bytes) -> bytes:
    """Return the OTel span id of a row of the batch route from the client's 16-byte id; never all zero."""
    return trace_id[8:] if any(trace_id[8:]) else trace_id[:8]


def row_id(project_id: str, otel_trace_id: bytes, otel_span_id: bytes, start_ns: int) -> bytes:
    """Return the 16-byte row id of a span. Times outside of the years 1970 to 10889 are clamped."""
    digest = blake2b(otel_trace_id + otel_span_id + project_id.encode(), digest_size=8).digest()
    return time_floor(start_ns, int.from_bytes(digest, "big") & _HASH_MASK)


def event_content_id(otel_trace_id: bytes, otel_span_id: bytes) -> bytes:
    """Return the id by which rows refer to the content of a span's log events, the same in every store."""
    return blake2b(otel_trace_id + otel_span_id, digest_size=16, person=b"pulse-events").digest()


def time_floor(start_ns: int, hash_bits: int = 0) -> bytes:
    """Return the smallest row id of a start time, cut to 1/4096 ms; the bits of the hash may be given.

    A range of ids is a range of times with a resolution of 1/4096 ms: filter by `start_ns` as well.
    """
    ms, rest_ns = divmod(max(start_ns, 0), 1_000_000)
    if ms > _MAX_MS:
        ms, rest_ns = _MAX_MS, 999_999
    fraction = (rest_ns << 12) // 1_000_000
    return (ms << 80 | _VERSION_8 | fraction << 64 | _VARIANT | hash_bits).to_bytes(16, "big")


def time_of(id: bytes) -> int:
    """Return the start time of a row id in Unix nanoseconds, cut to 1/4096 ms."""
    bits = int.from_bytes(id, "big")
    return (bits >> 80) * 1_000_000 + ((bits >> 64 & 0xFFF) * 1_000_000 >> 12)


def shown_id(id: bytes) -> UUID:
    """Return `UUID(bytes=id)` without its checks, in a third of the time."""
    uuid = _new(UUID)
    # UUID is immutable: its own constructor uses object.__setattr__, too.
    _set(uuid, "int", int.from_bytes(id, "big"))
    _set(uuid, "is_safe", _UNKNOWN)
    return uuid


def encode_cursor(*ids: bytes) -> str:
    """Return the cursor of the page that follows the row with this id; `decode_ids` returns several ids."""
    return base64.urlsafe_b64encode(b"".join(ids)).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> bytes:
    """Return the row id in a cursor. Raises InvalidCursor."""
    return decode_ids(cursor, 1)[0]


def decode_ids(cursor: str, number: int) -> list[bytes]:
    """Return the row ids in a cursor that has this number of them. Raises InvalidCursor."""
    try:
        ids = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor(_CURSOR_REFUSED.format(cursor)) from error
    if len(ids) != 16 * number:
        raise InvalidCursor(_CURSOR_REFUSED.format(cursor), of_other_list=len(ids) == SORT_CURSOR_BYTES)
    return [ids[at : at + 16] for at in range(0, len(ids), 16)]
