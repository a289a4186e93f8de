"""Arrays of bytes as they are bound: the driver would write each in hexadecimal and look for escapes."""

from __future__ import annotations

from struct import pack

_BYTEA = 17


class Blobs(tuple[bytes, ...]):
    """Values of bytes that are bound as one `bytea[]`."""

    __slots__ = ()
    #: The type of the array.
    oid = 1001

    def array(self) -> bytes:
        """Dimensions, whether there are nulls, type, length and lower bound; then each with its length."""
        parts = [pack("!iiiii", 1, 0, _BYTEA, len(self), 1)]
        for blob in self:
            parts += (len(blob).to_bytes(4, "big"), blob)
        return b"".join(parts)
