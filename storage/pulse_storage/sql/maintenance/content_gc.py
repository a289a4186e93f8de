"""Garbage collection of shared content by mark and sweep: overwrites ranges of blocks without references.

References are not counted. First the week's parts are deleted, so that no new row can refer to the marked
blocks. Then the remaining rows are read, and ranges that they do not refer to are overwritten with zeros. A
sweep that is interrupted leaves a consistent store; the next one starts again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from zstandard import ZstdError

from pulse_storage.content.bodies import pack, unpack
from pulse_storage.content.documents import WEEK_NS, week_start_ns
from pulse_storage.ids import time_floor
from pulse_storage.retention import FROZEN_NS
from pulse_storage.sql.connection import Connection, SqlValue
from pulse_storage.sql.maintenance.executor import MaintenanceExecutor
from pulse_storage.sql.tables.garbage import references_in, weeks_with_garbage

#: Blocks whose uses are in memory at a time, blocks that one step changes, and rows that one step reads.
_SWEPT_BLOCKS = 50_000
_CHANGED_BLOCKS = 500
_READ_ROWS = 2_000
#: The parts of a week are deleted in so many steps.
_DIGEST_RANGES = 16
_LAST_HASH = (1 << 62) - 1
_THE_BLOCK = "id = ? AND project = ? AND week = ?"

#: The ranges of a block that rows refer to: start and end.
Uses = set[tuple[int, int]]


class Use(NamedTuple):
    """A range of a block to which a row refers."""

    block: int
    start: int
    end: int


async def sweep(executor: MaintenanceExecutor, project: int, before_ns: int | None) -> AsyncGenerator[int]:
    """Sweep the weeks that were over at `before_ns`, or all; yield the bytes freed by each step."""
    for week in await executor.read(lambda connection: weeks_with_garbage(connection, project)):
        if is_swept(week, before_ns):
            async for freed_bytes in _sweep_week(executor, project, week):
                yield freed_bytes


def is_swept(week: int, before_ns: int | None) -> bool:
    """Return whether a sweep up to `before_ns` (None: of everything) includes a week."""
    return before_ns is None or week_start_ns(week) + WEEK_NS + FROZEN_NS <= before_ns


async def _sweep_week(executor: MaintenanceExecutor, project: int, week: int) -> AsyncGenerator[int]:
    newest = await executor.read(_newest_block)
    for number in range(_DIGEST_RANGES):
        await executor.write(_delete_parts(project, week, newest, number))
        yield 0
    while blocks := await executor.read(lambda connection: _garbage(connection, project, week)):
        uses: dict[int, Uses] = {block: set() for block in blocks}
        after: bytes | None = _first_id(week)
        while after is not None:
            read = partial(_read_uses, project=project, week=week, first=after, blocks=uses)
            found, after = await executor.read(read)
            for block, start, end in found:
                uses[block].add((start, end))
            yield 0
        for start in range(0, len(blocks), _CHANGED_BLOCKS):
            some = {block: uses[block] for block in blocks[start : start + _CHANGED_BLOCKS]}
            yield await executor.write(_overwrite_blocks(project, week, some), secure=True)


def blanked(content: bytes, uses: Iterable[tuple[int, int]]) -> bytes:
    """Return the content with zeros outside the used ranges."""
    kept = bytearray(len(content))
    for start, end in uses:
        kept[start:end] = content[start:end]
    return bytes(kept)


def _first_id(week: int) -> bytes:
    """Return the smallest id of a row that may refer to a week's blocks."""
    return time_floor(week_start_ns(week) - FROZEN_NS)


def _last_id(week: int) -> bytes:
    """Return the greatest id of a row that may refer to a week's blocks."""
    return time_floor(week_start_ns(week + 1) + FROZEN_NS, _LAST_HASH)


def _swept(packed: bytes, uses: Uses) -> bytes:
    """Return a packed block with zeros outside the used ranges; empty without uses, unchanged if damaged."""
    if not uses:
        return b""
    try:
        content = unpack(packed)
    except ZstdError:
        return packed  # reads report the damage
    kept = blanked(content, uses)
    return packed if kept == content else pack(kept)


def _newest_block(connection: Connection) -> int:
    return connection.execute("SELECT coalesce(max(id), 0) FROM content_blocks").get


def _garbage(connection: Connection, project: int, week: int) -> list[int]:
    rows = connection.execute(
        "SELECT block FROM content_garbage WHERE project = ? AND week = ?"
        f" ORDER BY block LIMIT {_SWEPT_BLOCKS}",
        (project, week),
    )
    return [block for (block,) in rows]


def _delete_parts(
    project: int, week: int, newest: int, number: int
) -> Callable[[Connection, object], object]:
    """Return a write that deletes a sixteenth of the week's parts: later content is stored in new blocks."""
    first, last = bytes([number * 16]), bytes([number * 16 + 15]) + b"\xff" * 16
    return lambda connection, _: connection.execute(
        "DELETE FROM content_parts"
        " WHERE project = ? AND week = ? AND digest >= ? AND digest <= ? AND block <= ?",
        (project, week, first, last, newest),
    )


def _read_uses(
    connection: Connection, project: int, week: int, first: bytes, blocks: Collection[int]
) -> tuple[list[Use], bytes | None]:
    """Return the uses of blocks by some rows from id `first` on, and the id of the next row to read.

    Rows into which referenced content was copied may have begun a little before or after the week.
    """
    shared = ", ".join(
        # Only references are read: packed documents would be many times as large.
        f"CASE WHEN substr({column}, 1, 1) = ? THEN {column} END"
        for column in ("request_body", "response_body")
    )
    dialect = connection.dialect
    joined = " AND ".join(f"span_bodies.{column} = spans.{column}" for column in dialect.row_key)
    rows = connection.execute(
        f"SELECT spans.id, {shared} FROM spans{dialect.indexed_by('spans_by_id')}"
        f" INNER JOIN span_bodies ON {joined}"
        " WHERE spans.project = ? AND spans.id >= ? AND spans.id <= ?"
        f" ORDER BY spans.id LIMIT {_READ_ROWS + 1}",
        (b"\x01", b"\x01", project, first, _last_id(week)),
    ).fetchall()
    found = [use for _, *bodies in rows[:_READ_ROWS] for use in _uses_in(bodies, week) if use.block in blocks]
    return found, rows[_READ_ROWS][0] if len(rows) > _READ_ROWS else None


def _uses_in(bodies: Iterable[SqlValue], week: int) -> Iterator[Use]:
    """Yield what stored bodies refer to of a week's blocks."""
    for reference in references_in(bodies):
        if reference.week == week:
            for block, start, length in reference.extents:
                yield Use(block, start, start + length)


def _overwrite_blocks(
    project: int, week: int, uses: Mapping[int, Uses]
) -> Callable[[Connection, object], int]:
    """Return a write that deletes or overwrites the blocks and returns how many bytes it freed."""

    def write(connection: Connection, _: object) -> int:
        freed_bytes = sum(
            _overwrite(connection, (block, project, week), ranges) for block, ranges in uses.items()
        )
        connection.executemany(
            "DELETE FROM content_garbage WHERE project = ? AND week = ? AND block = ?",
            [(project, week, block) for block in uses],
        )
        return freed_bytes

    return write


def _overwrite(connection: Connection, block: tuple[int, int, int], uses: Uses) -> int:
    packed = connection.execute(f"SELECT packed FROM content_blocks WHERE {_THE_BLOCK}", block).get
    if packed is None:
        return 0
    left = _swept(before := packed, uses)
    if not left:
        connection.execute(f"DELETE FROM content_blocks WHERE {_THE_BLOCK}", block)
    elif left != before:
        connection.execute(f"UPDATE content_blocks SET packed = ? WHERE {_THE_BLOCK}", (left, *block))
    return len(before) - len(left)
