"""Split a document into chunks with digests, and compress the chunks that are probably not stored yet.

The receiving thread splits, hashes and compresses. Only the writer thread knows which chunks are stored, in
its transaction. Until then the digests that this process has seen recently are used as a guess. A wrong guess
costs time, never content: the row keeps the whole document until it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from pulse_storage.content.bodies import pack, unpack
from pulse_storage.content.chunking import MIN_CHUNK_BYTES, chunk_ends
from pulse_storage.content.references import checksum

#: Smaller documents are compressed whole, so that small calls pay nothing for chunking.
MIN_SHARED_BYTES = 2_048
#: Maximum uncompressed size of a block: reading one chunk decompresses its whole block.
_BLOCK_BYTES = 64 * 1024
_DAY_NS = 24 * 3600 * 1_000_000_000
WEEK_NS = 7 * _DAY_NS
_DIGEST_BYTES = 16
#: Digests that a process remembers, about 10 MB.
_RECENT_DIGESTS = 64_000
#: Memory of a `Chunk` and its digest.
_CHUNK_MEMORY_BYTES = 200


class Chunk(NamedTuple):
    """A byte range of a document."""

    #: Key of the chunk within its project and week; None if it is too small, or the end of the document.
    digest: bytes | None
    start: int
    end: int


class Block(NamedTuple):
    """Chunks of one document, compressed together."""

    #: Indexes into the chunks of the document, ascending.
    members: Sequence[int]
    packed: bytes


@dataclass(frozen=True, slots=True)
class SharedDocument:
    """A document whose chunks may be stored already, by the row of another call."""

    week: int
    crc32: int
    document: bytes
    #: In order; together they are the whole document.
    chunks: Sequence[Chunk]
    #: The chunks that are probably not stored yet, compressed.
    blocks: Sequence[Block]

    def __len__(self) -> int:
        """Return the bytes of memory that it takes while its row waits for the writer thread."""
        size = len(self.document) + sum(len(block.packed) for block in self.blocks)
        return size + len(self.chunks) * _CHUNK_MEMORY_BYTES


#: The value of a body column of `SpanRow`: compressed whole (`bodies.pack`), or split into chunks.
Packed: TypeAlias = bytes | SharedDocument


class RecentDigests:
    """A bounded set of the digests that were added last. A data race between threads loses a few at most."""

    def __init__(self, limit: int = _RECENT_DIGESTS) -> None:
        self._half = limit // 2
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def add(self, digest: bytes) -> bool:
        """Add a digest; return True if it was in the set."""
        if digest in self._young:
            return True
        known = digest in self._old
        self._young.add(digest)
        if len(self._young) >= self._half:
            self._old, self._young = self._young, set()
        return known


_recent = RecentDigests()


def week_of(start_ns: int) -> int:
    """Return the week under which a span's content is stored: weeks since Monday 1970-01-05 (UTC)."""
    return (start_ns // _DAY_NS - 4) // 7


def week_start_ns(week: int) -> int:
    """Return the start of a week in Unix nanoseconds."""
    return week * WEEK_NS + 4 * _DAY_NS


def pack_document(document: bytes, project_id: str, start_ns: int, recent: RecentDigests = _recent) -> Packed:
    """Return the value of a body column: the document in chunks if it has two or more, else compressed."""
    if len(document) < MIN_SHARED_BYTES:
        return pack(document)
    ends = chunk_ends(document)
    if len(ends) < 2:
        # A single chunk: its entry costs more than a second document with the same chunk saves.
        return pack(document)
    week = week_of(start_ns)
    salt = _salt(project_id, week)
    view = memoryview(document)
    chunks: list[Chunk] = []
    new: list[int] = []
    start = 0
    for index, end in enumerate(ends):
        digest = None
        if end - start >= MIN_CHUNK_BYTES:
            digest = blake2b(view[start:end], digest_size=_DIGEST_BYTES, salt=salt).digest()
        if digest is None or not recent.add(digest):
            new.append(index)
        chunks.append(Chunk(digest, start, end))
        start = end
    if start < len(document):
        new.append(len(chunks))
        chunks.append(Chunk(None, start, len(document)))
    blocks = list(pack_blocks(document, chunks, new))
    return SharedDocument(week, checksum(document), document, chunks, blocks)


def unpack_document(packed: Packed) -> bytes:
    """Return the document of a body column that is not stored yet."""
    return packed.document if isinstance(packed, SharedDocument) else unpack(packed)


def pack_blocks(document: bytes, chunks: Sequence[Chunk], members: Iterable[int]) -> Iterator[Block]:
    """Compress the chunks with these indexes into blocks of at most 64 KiB (before compression)."""
    view = memoryview(document)
    block: list[int] = []
    size = 0
    for index in members:
        _, start, end = chunks[index]
        if block and size + end - start > _BLOCK_BYTES:
            yield _packed(view, chunks, block)
            block, size = [], 0
        block.append(index)
        size += end - start
    if block:
        yield _packed(view, chunks, block)


def _packed(view: memoryview, chunks: Sequence[Chunk], members: Sequence[int]) -> Block:
    return Block(members, pack(b"".join([view[chunks[i].start : chunks[i].end] for i in members])))


@lru_cache(maxsize=4_096)
def _salt(project_id: str, week: int) -> bytes:
    """Return a salt that makes the digests of equal chunks differ between projects and weeks."""
    return blake2b(f"{week} {project_id}".encode(errors="replace"), digest_size=16).digest()
