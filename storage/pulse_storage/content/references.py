"""Encode and decode references: the stored form of a document that consists of extents of blocks.

    01 | week | crc32 of the document | per extent: block id minus that of the extent before, start, length

The first byte is a version; all other numbers are variable-length integers (zigzag where they may be
negative). A compressed document begins with the magic number of zstd instead.
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
    """Stored content is incomplete or has changed; the message names the fault."""


class Extent(NamedTuple):
    """A byte range of a decompressed block."""

    block: int
    start: int
    length: int


class Reference(NamedTuple):
    """A document as a list of extents."""

    week: int
    crc32: int
    extents: list[Extent]


def checksum(document: bytes) -> int:
    """Return the CRC-32 of a document, which its reference contains."""
    return isal_zlib.crc32(document)  # pyright: ignore[reportUnknownMemberType]


def is_reference(stored: bytes) -> bool:
    """Return True if a stored body is a reference, False if it is a compressed document."""
    return stored[:1] == b"\x01"


def encode(week: int, crc32: int, extents: Iterable[Extent]) -> bytes:
    """Encode a reference; adjacent extents of a block are joined."""
    out = [bytes((_VERSION,)), _varint(_zigzag(week)), _varint(crc32)]
    before = 0
    for block, start, length in _joined(extents):
        out.append(_encoded(block - before, start, length))
        before = block
    return b"".join(out)


def decode(stored: bytes) -> Reference:
    """Decode what `encode` returned. Raises Damaged."""
    if not is_reference(stored):
        raise Damaged("it is not a reference")
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
    """Return the document of a reference; `packed_block` reads a compressed block by its id. Raises Damaged.

    Each block is decompressed once, and one at a time.
    """
    if sum(extent.length for extent in reference.extents) > _MAX_DOCUMENT_BYTES:
        raise Damaged("its reference is longer than a document may be")
    wanted: dict[int, list[int]] = {}
    for index, extent in enumerate(reference.extents):
        wanted.setdefault(extent.block, []).append(index)
    pieces = [b""] * len(reference.extents)
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
            pieces[index] = unpacked[start : start + length]
    document = b"".join(pieces)
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
def _encoded(block_delta: int, start: int, length: int) -> bytes:
    """Encode one extent. Cached: the turns of a conversation share most extents."""
    return _varint(_zigzag(block_delta)) + _varint(start) + _varint(length)


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
