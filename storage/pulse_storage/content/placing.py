"""Decides where the parts of documents lie: in blocks that are stored, or in new ones."""

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


class NewPart(NamedTuple):
    """A part to be found by later documents."""

    week: int
    digest: bytes
    extent: Extent


class Placing:
    """Documents of one project that are stored in one transaction."""

    def __init__(self, places: dict[bytes | None, Extent], block_ids: Iterator[int]) -> None:
        """`places` says where parts that are stored lie; new blocks get the next ids."""
        self._places = places
        self._block_ids = block_ids
        self.blocks: list[NewBlock] = []
        self.parts: list[NewPart] = []

    def place(self, document: SharedDocument) -> bytes:
        """The reference of a document whose new parts are in `blocks` and `parts` from now on."""
        find = self._places.get
        extents = [find(digest) for digest, _, _ in document.parts]
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
        """Parts that stand twice in the document, or whose first row was not stored after all."""
        late: list[int] = []
        for index in missing:
            digest = document.parts[index].digest
            extents[index] = None if digest is None else self._places.get(digest)
            if extents[index] is None:
                late.append(index)
        for members, packed in pack_blocks(document.document, document.parts, late):
            self._add(document, members, packed, extents)

    def _add(
        self, document: SharedDocument, members: Sequence[int], packed: bytes, extents: list[Extent | None]
    ) -> None:
        block = next(self._block_ids)
        self.blocks.append(NewBlock(block, document.week, packed))
        at = 0
        for index in members:
            digest, start, end = document.parts[index]
            extent = Extent(block, at, end - start)
            at += end - start
            if extents[index] is None:
                extents[index] = extent
                if digest is not None and digest not in self._places:
                    self._places[digest] = extent
                    self.parts.append(NewPart(document.week, digest, extent))
