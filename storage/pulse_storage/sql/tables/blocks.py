"""The tables of shared content: blocks of documents' parts, and where each part is found."""

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

#: Blocks that are read by one statement: one each would be slow, and all of them may be large.
_BLOCKS_A_READ = 16
_READ_BLOCKS = (
    "SELECT id, packed FROM content_blocks"
    f" WHERE project = ? AND week = ? AND id IN ({', '.join('?' * _BLOCKS_A_READ)})"
)
_SAVE_BLOCK = "INSERT INTO content_blocks (id, project, week, packed) VALUES (?, ?, ?, ?)"
_SAVE_PART = (
    "INSERT INTO content_parts (project, week, digest, block, start, length) VALUES (?, ?, ?, ?, ?, ?)"
    # Another process may have been faster; what refers to the block is this process's own document.
    " ON CONFLICT (project, week, digest) DO NOTHING"
)


def save_documents(connection: Connection, project: int, documents: Sequence[SharedDocument]) -> list[bytes]:
    """Store what is new of some documents; their references, to be stored with their rows."""
    placement = Placement(_places(connection, project, documents), connection.dialect.block_ids(connection))
    references = [placement.place(document) for document in documents]
    connection.executemany(
        _SAVE_BLOCK, [(id, project, week, packed) for id, week, packed in placement.blocks]
    )
    connection.executemany(
        _SAVE_PART,
        # In the order of the key, so that two processes never wait for each other.
        sorted((project, week, digest, *extent) for week, digest, extent in placement.chunks),
    )
    return references


def read_document(connection: Connection, project: int, stored: bytes, what: str) -> bytes | None:
    """The text or document that a column of bodies keeps, in whatever form; None if it is damaged.

    A damaged one is told of in the log, as `what`: its row is still worth showing.
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
    # In the order in which they are asked for.
    blocks = list(dict.fromkeys(extent.block for extent in reference.extents))
    place = {block: index for index, block in enumerate(blocks)}
    read: dict[int, bytes] = {}

    def packed_block(block: int) -> bytes | None:
        if block not in read:
            read.clear()
            some = blocks[place[block] : place[block] + _BLOCKS_A_READ]
            # Always as many, so that the statement stays the same.
            some += some[-1:] * (_BLOCKS_A_READ - len(some))
            rows = connection.execute(_READ_BLOCKS, (project, reference.week, *some))
            read.update(rows.fetchall())
        return read.get(block)

    return assemble(reference, packed_block)


def _places(
    connection: Connection, project: int, documents: Sequence[SharedDocument]
) -> dict[bytes | None, Extent]:
    """Where the parts that are stored already lie."""
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
