"""The cursor of a list: the id of the last row that was looked at, as text."""

from __future__ import annotations

import base64
import binascii

from pulse_storage.errors import InvalidCursor


def encode_cursor(id: bytes) -> str:
    """The cursor with which a list goes on behind this row."""
    return base64.urlsafe_b64encode(id).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> bytes:
    """The id behind which a list goes on. Raises InvalidCursor."""
    try:
        id = base64.b64decode(cursor + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor(f"{cursor!r} is not a cursor of this list; leave it out to start anew") from error
    if len(id) != 16:
        raise InvalidCursor(f"{cursor!r} is not a cursor of this list; leave it out to start anew")
    return id
