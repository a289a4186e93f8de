"""The tables of shared content: compressed blocks of chunks, and the location of each chunk."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from zstandard import ZstdError

from pulse_storage.content.bodies import unpack
from pulse_storage.content.documents import SharedDocument
from pulse_storage.content.placement import Placement
from pulse_storage.content.references import Damaged, Extent, assemble, decode, is_reference
from pulse_storage.sql.connection import Connection, SqlValue

_log = logging.getLogger(__name__)

#: Blocks per statement: a statement per block is slow, and all blocks together may be large.
_BLOCKS_A_READ = 16
_READ_BLOCKS = (
    "SELECT id, packed FROM content_blocks"
    f" WHERE project = ? AND week = ? AND id IN ({', '.join('?' * _BLOCKS_A_READ)})"
)
_SAVE_BLOCK = "INSERT INTO content_blocks (id, project, week, packed) VALUES (?, ?, ?, ?)"
_SAVE_PART = (
    "INSERT INTO content_parts (project, week, digest, block, start, length) VALUES (?, ?, ?, ?, ?, ?)"
    # Another process may have stored it first. Only documents of this process refer to this block.
    " ON CONFLICT (project, week, digest) DO NOTHING"
)


def save_documents(connection: Connection, project: int, documents: Sequence[SharedDocument]) -> list[bytes]:
    """Store the new chunks of documents; return the references to store with their rows."""
    placement = Placement(_places(connection, project, documents), connection.dialect.block_ids(connection))
    references = [placement.place(document) for document in documents]
    connection.executemany(
        _SAVE_BLOCK, [(id, project, week, packed) for id, week, packed in placement.blocks]
    )
    connection.executemany(
        _SAVE_PART,
        # Sorted by key, so that two processes cannot deadlock.
        sorted((project, week, digest, *extent) for week, digest, extent in placement.chunks),
    )
    return references


def read_document(connection: Connection, project: int, stored: bytes, what: str) -> bytes | None:
    """Return the text or document of a column of `span_bodies`, from any stored form; None if it is damaged.

    A damaged one is logged under the name `what`, so that its row can still be shown.
    """
    try:
        if is_reference(stored):
            return _assembled(connection, project, stored)
        return unpack(stored)
    except (Damaged, ZstdError) as error:
        _log.error("%s is damaged and shown as unknown; restore a backup (%s)", what, error)
        return None


def _assembled(connection: Connection, project: int, stored: bytes) -> bytes:
    reference = decode(stored)
    # In the order of their first use.
    blocks = list(dict.fromkeys(extent.block for extent in reference.extents))
    place = {block: index for index, block in enumerate(blocks)}
    read: dict[int, bytes] = {}

    def packed_block(block: int) -> bytes | None:
        if block not in read:
            read.clear()
            some = blocks[place[block] : place[block] + _BLOCKS_A_READ]
            # Always the same number, so that the statement stays the same.
            some += some[-1:] * (_BLOCKS_A_READ - len(some))
            rows = connection.execute(_READ_BLOCKS, (project, reference.week, *some))
            read.update(rows.fetchall())
        return read.get(block)

    return assemble(reference, packed_block)


def _places(
    connection: Connection, project: int, documents: Sequence[SharedDocument]
) -> dict[bytes | None, Extent]:
    """Return the locations of the chunks that are stored, by digest."""
    wanted: dict[int, dict[bytes, None]] = {}
    for document in documents:
        digests = wanted.setdefault(document.week, {})
        for digest, _, _ in document.chunks:
            if digest is not None:
                digests[digest] = None
    dialect = connection.dialect
    places: dict[bytes | None, Extent] = {}
    for week, digests in wanted.items():
        if not digests:
            continue
        bindings: tuple[SqlValue, ...] = (project, week, dialect.bytes_array(list(digests)))
        rows = connection.execute(
            "SELECT digest, block, start, length FROM content_parts"
            f" WHERE project = ? AND week = ? AND {dialect.in_array('digest')}",
            bindings,
        )
        for digest, *extent in rows:
            places[digest] = Extent(*extent)
    return places
