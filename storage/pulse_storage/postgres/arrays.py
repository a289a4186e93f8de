"""Arrays as they are bound, in the server's binary form: text would have to be written and read again."""

from __future__ import annotations

from struct import pack

_BYTEA = 17
_TEXT = 25
_INT8 = 20
_INT8_LENGTH = pack("!i", 8)


class Blobs(tuple[bytes, ...]):
    """Values of bytes that are bound as one `bytea[]`."""

    __slots__ = ()
    #: The type of the array.
    oid = 1001

    def array(self) -> bytes:
        """As the server takes it: each with its length."""
        parts = [_head(_BYTEA, len(self))]
        for blob in self:
            parts += (len(blob).to_bytes(4, "big"), blob)
        return b"".join(parts)


class Texts(tuple[str, ...]):
    """Texts that are bound as one `text[]`, with NUL replaced as in every text."""

    __slots__ = ()
    #: The type of the array.
    oid = 1009

    def array(self) -> bytes:
        """As the server takes it: each with its length."""
        parts = [_head(_TEXT, len(self))]
        for text in self:
            encoded = text.replace("\x00", "\ufffd").encode()
            parts += (len(encoded).to_bytes(4, "big"), encoded)
        return b"".join(parts)


class Bigints(tuple[int, ...]):
    """Whole numbers that are bound as one `bigint[]`; OverflowError for one beyond int64."""

    __slots__ = ()
    #: The type of the array.
    oid = 1016

    def array(self) -> bytes:
        """As the server takes it: each with its length."""
        numbers = [number.to_bytes(8, "big", signed=True) for number in self]
        return _INT8_LENGTH.join((_head(_INT8, len(self)), *numbers))


def _head(kind: int, length: int) -> bytes:
    """Dimensions, whether there are nulls, type, length and lower bound."""
    return pack("!iiiii", 1, 0, kind, length, 1)
