"""A document on its way to the store: its parts by digest, packed as far as they seem to be new.

Cutting, hashing and packing happen in the receiving thread. Which parts are stored already only the writer
can tell, in its transaction; what this process has seen lately is a good guess, and a wrong one costs time,
never content: the document travels along until it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from pulse_storage.content.bodies import pack, unpack
from pulse_storage.content.parts import MIN_PART_BYTES, cut
from pulse_storage.content.references import checksum

#: Smaller documents are packed as they are: the path of small calls costs nothing more.
MIN_SHARED_BYTES = 2_048
#: A block ends here, so that reading a small part of it never means to unpack a large one.
_BLOCK_BYTES = 64 * 1024
_DAY_NS = 24 * 3600 * 1_000_000_000
WEEK_NS = 7 * _DAY_NS
_DIGEST_BYTES = 16
#: Digests that a process remembers; some 10 MB.
_RECENT_DIGESTS = 64_000
_PART_HELD_BYTES = 200


class Part(NamedTuple):
    """A stretch of a document."""

    #: What it is found by within its project and week; None if it is too small, or the document's end.
    digest: bytes | None
    start: int
    end: int


class Block(NamedTuple):
    """Parts of one document, packed together."""

    #: Indexes into the document's parts, ascending.
    members: Sequence[int]
    packed: bytes


@dataclass(frozen=True, slots=True)
class SharedDocument:
    """A document whose parts may be stored already."""

    week: int
    crc32: int
    document: bytes
    #: They cover the document, in order.
    parts: Sequence[Part]
    #: Those parts that seemed to be new.
    blocks: Sequence[Block]

    def __len__(self) -> int:
        """Bytes of memory that it takes while it waits for the writer."""
        held = len(self.document) + sum(len(block.packed) for block in self.blocks)
        return held + len(self.parts) * _PART_HELD_BYTES


#: A document as rows carry it: packed whole (`bodies.pack`), or in parts.
Packed: TypeAlias = bytes | SharedDocument


class RecentDigests:
    """The digests that were added last, bounded. Threads that race may only forget a few."""

    def __init__(self, limit: int = _RECENT_DIGESTS) -> None:
        self._half = limit // 2
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def add(self, digest: bytes) -> bool:
        """Remember a digest; whether it was there already."""
        if digest in self._young:
            return True
        known = digest in self._old
        self._young.add(digest)
        if len(self._young) >= self._half:
            self._old, self._young = self._young, set()
        return known


_recent = RecentDigests()


def week_of(start_ns: int) -> int:
    """The week in which a span's content is kept, and with which it goes: Mondays (UTC) since 1970-01-05."""
    return (start_ns // _DAY_NS - 4) // 7


def week_start_ns(week: int) -> int:
    """When a week begins."""
    return week * WEEK_NS + 4 * _DAY_NS


def pack_document(document: bytes, project_id: str, start_ns: int, recent: RecentDigests = _recent) -> Packed:
    """A JSON document as a row carries it; in parts if it is worth it."""
    if len(document) < MIN_SHARED_BYTES:
        return pack(document)
    ends = cut(document)
    if len(ends) < 2:
        # One text that nothing precedes: to name it costs more than the second turn saves by finding it.
        return pack(document)
    week = week_of(start_ns)
    salt = _salt(project_id, week)
    view = memoryview(document)
    parts: list[Part] = []
    new: list[int] = []
    start = 0
    for index, end in enumerate(ends):
        digest = None
        if end - start >= MIN_PART_BYTES:
            digest = blake2b(view[start:end], digest_size=_DIGEST_BYTES, salt=salt).digest()
        if digest is None or not recent.add(digest):
            new.append(index)
        parts.append(Part(digest, start, end))
        start = end
    if start < len(document):
        new.append(len(parts))
        parts.append(Part(None, start, len(document)))
    blocks = list(pack_blocks(document, parts, new))
    return SharedDocument(week, checksum(document), document, parts, blocks)


def unpack_document(packed: Packed) -> bytes:
    """The document that a row carries, stored or not."""
    return packed.document if isinstance(packed, SharedDocument) else unpack(packed)


def pack_blocks(document: bytes, parts: Sequence[Part], members: Iterable[int]) -> Iterator[Block]:
    """These parts of a document, packed, in blocks of bounded size."""
    view = memoryview(document)
    block: list[int] = []
    size = 0
    for index in members:
        _, start, end = parts[index]
        if block and size + end - start > _BLOCK_BYTES:
            yield _packed(view, parts, block)
            block, size = [], 0
        block.append(index)
        size += end - start
    if block:
        yield _packed(view, parts, block)


def _packed(view: memoryview, parts: Sequence[Part], members: Sequence[int]) -> Block:
    return Block(members, pack(b"".join([view[parts[i].start : parts[i].end] for i in members])))


@lru_cache(maxsize=4_096)
def _salt(project_id: str, week: int) -> bytes:
    """Makes equal parts of different projects, or weeks, different digests."""
    return blake2b(f"{week} {project_id}".encode(errors="replace"), digest_size=16).digest()
