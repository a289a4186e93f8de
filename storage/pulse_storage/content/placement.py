"""Assign the chunks of documents to blocks: to a stored block that contains the chunk, else to a new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from pulse_storage.content.documents import SharedDocument, pack_blocks
from pulse_storage.content.references import Extent, encode


class NewBlock(NamedTuple):
    """A block to be stored."""

    id: int
    week: int
    packed: bytes


class NewChunk(NamedTuple):
    """A chunk that later documents may reference."""

    week: int
    digest: bytes
    extent: Extent


class Placement:
    """Places the documents of one project that one transaction stores."""

    def __init__(self, places: dict[bytes | None, Extent], block_ids: Iterator[int]) -> None:
        """Take the extents of stored chunks by digest, and the ids for new blocks."""
        self._places = places
        self._block_ids = block_ids
        self.blocks: list[NewBlock] = []
        self.chunks: list[NewChunk] = []

    def place(self, document: SharedDocument) -> bytes:
        """Return the reference of a document, and add its new blocks and chunks to `blocks` and `chunks`."""
        find = self._places.get
        extents = [find(digest) for digest, _, _ in document.chunks]
        missing = {index for index, extent in enumerate(extents) if extent is None}
        for members, packed in document.blocks:
            if not missing.isdisjoint(members):
                self._add(document, members, packed, extents)
                missing.difference_update(members)
        if missing:
            self._add_late(document, sorted(missing), extents)
        return encode(document.week, document.crc32, cast("list[Extent]", extents))

    def _add_late(
        self, document: SharedDocument, missing: Sequence[int], extents: list[Extent | None]
    ) -> None:
        """Place chunks that occur twice in the document, or that were wrongly expected to be stored."""
        late: list[int] = []
        for index in missing:
            digest = document.chunks[index].digest
            extents[index] = None if digest is None else self._places.get(digest)
            if extents[index] is None:
                late.append(index)
        for members, packed in pack_blocks(document.document, document.chunks, late):
            self._add(document, members, packed, extents)

    def _add(
        self, document: SharedDocument, members: Sequence[int], packed: bytes, extents: list[Extent | None]
    ) -> None:
        block = next(self._block_ids)
        self.blocks.append(NewBlock(block, document.week, packed))
        at = 0
        for index in members:
            digest, start, end = document.chunks[index]
            extent = Extent(block, at, end - start)
            at += end - start
            if extents[index] is None:
                extents[index] = extent
                if digest is not None and digest not in self._places:
                    self._places[digest] = extent
                    self.chunks.append(NewChunk(document.week, digest, extent))
