"""The stored form of a shared document: which stretches of which blocks it is made of.

    01 | week | crc32 of the document | extents: block - block before, start, length

All but the first byte are variable-length integers, zigzag where they may be negative. A packed document
begins with the magic number of zstd instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from isal import isal_zlib
from zstandard import ZstdError

from pulse_storage.content.bodies import unpack

_VERSION = 1
_MAX_DOCUMENT_BYTES = 1 << 30


class Damaged(Exception):
    """What is stored is not what was stored, or not all of it; the message says what is wrong."""


class Extent(NamedTuple):
    """A stretch of an unpacked block."""

    block: int
    start: int
    length: int


class Reference(NamedTuple):
    """A document by its stretches."""

    week: int
    crc32: int
    extents: list[Extent]


def checksum(document: bytes) -> int:
    """The CRC-32 by which a reference knows its document."""
    return isal_zlib.crc32(document)  # pyright: ignore[reportUnknownMemberType]


def is_reference(stored: bytes) -> bool:
    """Whether a stored body is a reference, not a packed document."""
    return stored[:1] == b"\x01"


def encode(week: int, crc32: int, extents: Iterable[Extent]) -> bytes:
    """The stored form; extents that follow each other in a block become one."""
    out = [bytes((_VERSION,)), _varint(_zigzag(week)), _varint(crc32)]
    before = 0
    for block, start, length in _joined(extents):
        out.append(_encoded(block - before, start, length))
        before = block
    return b"".join(out)


def decode(stored: bytes) -> Reference:
    """What `encode` was given, extents joined. Raises Damaged."""
    if not is_reference(stored):
        raise Damaged("it is no reference")
    numbers = list(_numbers(stored))
    if len(numbers) % 3 != 2:
        raise Damaged("its reference is cut off")
    week, crc32, *rest = numbers
    extents: list[Extent] = []
    block = 0
    for at in range(0, len(rest), 3):
        block += _unzigzag(rest[at])
        extents.append(Extent(block, rest[at + 1], rest[at + 2]))
    return Reference(_unzigzag(week), crc32, extents)


def assemble(reference: Reference, packed_block: Callable[[int], bytes | None]) -> bytes:
    """The document, given how to get a packed block. Raises Damaged.

    Each block is unpacked once, and no two at the same time.
    """
    if sum(extent.length for extent in reference.extents) > _MAX_DOCUMENT_BYTES:
        raise Damaged("its reference names more than a document can have")
    wanted: dict[int, list[int]] = {}
    for index, extent in enumerate(reference.extents):
        wanted.setdefault(extent.block, []).append(index)
    stretches = [b""] * len(reference.extents)
    for block, indexes in wanted.items():
        packed = packed_block(block)
        if packed is None:
            raise Damaged(f"block {block} is missing")
        try:
            unpacked = unpack(packed)
        except ZstdError as error:
            raise Damaged(f"block {block} cannot be unpacked: {error}") from error
        for index in indexes:
            _, start, length = reference.extents[index]
            stretches[index] = unpacked[start : start + length]
    document = b"".join(stretches)
    if checksum(document) != reference.crc32:
        raise Damaged("its checksum is wrong")
    return document


def _joined(extents: Iterable[Extent]) -> Iterator[tuple[int, int, int]]:
    last, first, end = -1, 0, 0
    for block, start, length in extents:
        if block == last and start == end:
            end += length
            continue
        if end > first:
            yield last, first, end - first
        last, first, end = block, start, start + length
    if end > first:
        yield last, first, end - first


@lru_cache(maxsize=8_192)
def _encoded(blocks_on: int, start: int, length: int) -> bytes:
    """One extent; the turns of a conversation have most of them in common."""
    return _varint(_zigzag(blocks_on)) + _varint(start) + _varint(length)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _numbers(stored: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in stored[1:]:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
            continue
        yield number
        number = shift = 0
    if shift:
        raise Damaged("its reference is cut off")


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _unzigzag(number: int) -> int:
    return -((number + 1) >> 1) if number & 1 else number >> 1
